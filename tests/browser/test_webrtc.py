"""WHIP and WHEP with Chromium's own RTCPeerConnection at the other end."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from ingest_gateway.webrtc.reorder import RtpAudio
from ingest_gateway.webrtc.whip import WhipSpeaker
from schemas.values import SAMPLE_RATE_HZ, AudioChunk
from tests.browser.conftest import Stage
from tests.integration.gateway.webrtc_clients import clock_errors_ms
from tests.unit.gateway.opus_tones import heard, level, silent_ms

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = Path(__file__).with_name("webrtc_page.js")


async def a_page(stage: Stage, **options: Any) -> Page:
    """On the gateway's origin, touched by its person, and nothing else in it."""
    context = await stage.browser.new_context(**options)
    await context.add_init_script(path=SCRIPT)
    page = await context.new_page()
    await page.goto(f"{stage.gateway.url}/healthz")
    await page.mouse.click(10, 10)
    return page


def chunks(stage: Stage) -> list[AudioChunk]:
    return [one for one in stage.gateway.records() if isinstance(one, AudioChunk)]


@pytest.mark.parametrize("lost_every", [None, 33])
async def test_a_microphone_by_whip_keeps_time_with_and_without_loss(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lost_every: int | None
) -> None:
    speaker, session_id = await stage.speaker()
    await speaker.socket.close()
    if lost_every is not None:
        take = WhipSpeaker._packet
        count = itertools.count(1)

        def lossy(whip: WhipSpeaker, packet: RtpAudio) -> None:
            if next(count) % lost_every:
                take(whip, packet)

        monkeypatch.setattr(WhipSpeaker, "_packet", lossy)
    page = await a_page(stage, permissions=["microphone"])
    arguments = [f"{stage.gateway.url}/whip/{session_id}", stage.gateway.token()]
    await page.evaluate("([url, token]) => window.speakByWhip(url, token)", arguments)
    await stage.until(lambda: len(chunks(stage)) >= 14)
    stored = chunks(stage)
    assert [one.sequence for one in stored] == list(range(len(stored)))
    assert clock_errors_ms(stored) == pytest.approx(0, abs=40)
    # Behind the first second, in which Chromium's encoder and jitter find their feet.
    whole = heard([one.pcm for one in stored])[SAMPLE_RATE_HZ:]
    assert level(whole) > 0.05
    silent_share = silent_ms(whole, SAMPLE_RATE_HZ) / (1000 * len(whole) / SAMPLE_RATE_HZ)
    assert silent_share <= (0.0 if lost_every is None else 1 / lost_every)
    await page.wait_for_function("window.told.some((one) => one.type === 'audioAck')")
    mute = {"action": "muteBroadcast", "sessionId": session_id}
    await page.evaluate("(message) => window.channel.send(JSON.stringify(message))", mute)
    await page.wait_for_function("window.told.some((one) => one.state === 'muted')")


async def test_sound_beside_a_picture_in_av1_alone_is_taken(stage: Stage) -> None:
    speaker, session_id = await stage.gateway.speaker()
    await speaker.socket.close()
    page = await a_page(stage, permissions=["microphone"])
    arguments = [f"{stage.gateway.url}/whip/{session_id}", stage.gateway.token()]
    said = await page.evaluate("([url, token]) => window.speakByWhipWithAv1(url, token)", arguments)
    pictures = [
        line for line in said["offer"].splitlines() if "rtpmap" in line and "/90000" in line
    ]
    assert pictures
    assert all("AV1/" in line for line in pictures)
    await stage.until(lambda: len(chunks(stage)) >= 8)
    assert level(heard([one.pcm for one in chunks(stage)])) > 0.01


async def test_a_listener_by_whep_hears_clips_in_order(stage: Stage) -> None:
    session_id = await stage.session()
    page = await a_page(stage)  # no microphone allowed: Chromium hides its addresses then
    how = await page.evaluate(
        "(url) => window.listenByWhep(url)", f"{stage.gateway.url}/whep/{session_id}/es"
    )
    assert ".local" in how["offer"]
    for number, hz in enumerate((500, 900, 1400)):
        await stage.say(session_id, number, hz)
    await page.wait_for_function("window.heard.some((hz) => Math.abs(hz - 1400) < 60)")
    tones = [hz for hz in await page.evaluate("window.heard") if hz]
    firsts = [
        next(at for at, hz in enumerate(tones) if abs(hz - wanted) < 60)
        for wanted in (500, 900, 1400)
    ]
    assert firsts == sorted(firsts)
    counts = await stage.gateway.tables.listener_counts(session_id)
    assert counts.by_language == {"es": 1}
    await page.evaluate("window.peer.close()")
    await stage.until(lambda: stage.gateway.gateway.hub.listeners(session_id) == [])
