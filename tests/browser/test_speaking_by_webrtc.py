"""A person speaks from the page by WebRTC, over networks of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Page, expect

from schemas.values import SAMPLE_RATE_HZ, AudioChunk
from tests.browser.conftest import Stage, end_talk
from tests.browser.udp_relay import UdpRelay
from tests.integration.gateway.webrtc_clients import clock_errors_ms
from tests.unit.gateway.opus_tones import heard, level, silent_ms, strongest_hz

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SWEEP_HZ_PER_S = 200
"""How fast the microphone's tone rises: by its pitch one knows when a sample was spoken."""
WINDOW_S = 0.1
BY_SOCKET = "WebRTC does not get through here: sound goes by WebSocket."


@pytest.fixture
def relays() -> Iterator[list[UdpRelay]]:
    all_of_them: list[UdpRelay] = []
    yield all_of_them
    for one in all_of_them:
        one.close()


async def a_page(stage: Stage, relay: UdpRelay | None = None) -> Page:
    """Ready to speak by WebRTC, through this relay."""
    page = await stage.open("/")
    if relay is not None:
        await relay.attach(page)
    await page.get_by_text("More").click()
    await page.get_by_label("Sound travels by").select_option("webrtc")
    return page


def chunks(stage: Stage) -> list[AudioChunk]:
    return [one for one in stage.gateway.records() if isinstance(one, AudioChunk)]


def fate(stage: Stage, name: str) -> float:
    registry = stage.gateway.gateway.metrics.registry
    return registry.get_sample_value("gateway_rtp_packets_total", {"fate": name}) or 0.0


def spoken_at_s(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each window was spoken, on the microphone's own clock of ten seconds."""
    size = round(WINDOW_S * SAMPLE_RATE_HZ)
    windows = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    return np.array([strongest_hz(one, SAMPLE_RATE_HZ) / SWEEP_HZ_PER_S for one in windows])


async def test_a_talk_by_webrtc_is_controlled_and_ended_like_any_other(stage: Stage) -> None:
    page = await a_page(stage)
    session_id = await stage.start(page)
    await expect(page.get_by_text("Sound goes by WebRTC.")).to_be_visible()
    await stage.listening(session_id, touched=False)
    await expect(page.get_by_role("row", name="Español 1")).to_be_visible()
    await stage.until(lambda: len(chunks(stage)) >= 6)
    await stage.picture(page, "speaker-webrtc")

    await page.get_by_role("button", name="Mute").click()
    await page.get_by_text("Muted", exact=True).wait_for()
    count = len(chunks(stage))
    await stage.until(lambda: len(chunks(stage)) >= count + 4)
    assert not heard([chunks(stage)[-1].pcm]).any()
    assert await page.evaluate("window.microphone.getAudioTracks()[0].enabled") is False
    await page.get_by_role("button", name="Unmute").click()
    await stage.until(lambda: level(heard([chunks(stage)[-1].pcm])) > 0.05)

    await page.get_by_role("button", name="Pause").click()
    await stage.until(lambda: len(stage.gateway.controls("pause")) == 1)
    await page.get_by_role("button", name="Resume").click()
    count = len(chunks(stage))
    await stage.until(lambda: len(chunks(stage)) >= count + 4)
    await end_talk(page)
    stored = chunks(stage)
    assert [(one.epoch, one.sequence) for one in stored] == [(0, at) for at in range(len(stored))]
    assert stage.gateway.controls("gap") == []
    assert [one.after_sequence for one in stage.gateway.controls("end")] == [len(stored) - 1]
    await expect(page.get_by_text(f"{session_id}: ")).to_be_visible()


async def test_lost_and_late_packets_cost_no_time(stage: Stage, relays: list[UdpRelay]) -> None:
    """3 % of all datagrams are lost, the others up to 30 ms late: they overtake each other."""
    relay = UdpRelay(loss=0.03, jitter_ms=30)
    relays.append(relay)
    page = await a_page(stage, relay)
    await stage.start(page)
    await expect(page.get_by_text("Sound goes by WebRTC.")).to_be_visible()
    await stage.until(lambda: len(chunks(stage)) >= 24)
    assert relay.dropped > 0.01 * relay.passed
    assert fate(stage, "lost") >= 1
    stored = chunks(stage)
    assert [one.sequence for one in stored] == list(range(len(stored)))
    assert clock_errors_ms(stored) == pytest.approx(0, abs=60)
    whole = heard([one.pcm for one in stored])[SAMPLE_RATE_HZ:]
    assert level(whole) > 0.05
    assert silent_ms(whole, SAMPLE_RATE_HZ) <= 0.03 * 1000 * len(whole) / SAMPLE_RATE_HZ


async def test_a_network_that_lets_no_webrtc_through_is_spoken_over_by_websocket(
    stage: Stage, relays: list[UdpRelay]
) -> None:
    relays.append(UdpRelay(cut=True))
    page = await a_page(stage, relays[0])
    await stage.start(page)
    await stage.until(lambda: len(chunks(stage)) >= 4)
    assert relays[0].passed == 0
    await expect(page.get_by_text(BY_SOCKET)).to_be_visible()
    await expect(page.get_by_text("Good connection.")).to_be_visible()
    await stage.picture(page, "speaker-webrtc-kept-out")
    await end_talk(page)


async def test_what_webrtc_loses_when_it_breaks_is_made_up_for(
    stage: Stage, relays: list[UdpRelay]
) -> None:
    relays.append(UdpRelay())
    page = await a_page(stage, relays[0])
    await stage.start(page)
    await stage.until(lambda: len(chunks(stage)) >= 8)
    relays[0].cut = True
    await expect(page.get_by_text(BY_SOCKET)).to_be_visible(timeout=30_000)
    await stage.until(lambda: sum(one.epoch == 1 for one in chunks(stage)) >= 8)
    await end_talk(page)
    stored = chunks(stage)
    first, second = ([one for one in stored if one.epoch == epoch] for epoch in (0, 1))
    assert len(first) >= 8
    # The pitch goes on rising over the seam: no word is missing, none is said twice.
    seam = [spoken_at_s(heard([one.pcm for one in part])) for part in (first[-6:], second[:6])]
    ends_s, goes_on_s = seam[0][-1] + WINDOW_S, seam[1][0]
    assert (goes_on_s - ends_s + 5) % 10 - 5 == pytest.approx(0, abs=0.15)


async def test_another_page_takes_the_talk_over(stage: Stage) -> None:
    page = await a_page(stage)
    session_id = await stage.start(page)
    await stage.until(lambda: len(chunks(stage)) >= 2)
    subject = await page.evaluate("localStorage.getItem('live-translation.speaker')")
    await stage.gateway.speaker(session_id, subject=subject)
    await expect(page.get_by_role("alert")).to_contain_text("from another page now")
    assert stage.gateway.gateway.live.loaded(session_id) is not None
