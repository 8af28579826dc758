"""Speaking by WHIP, with aiortc at the other end of the loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from connectors.interfaces.record_sink import SinkRecord
from connectors.memory.record_sink import MemoryRecordSink
from ingest_gateway.webrtc import whip
from schemas.values import SAMPLE_RATE_HZ, AudioChunk
from tests.integration.gateway.webrtc_clients import (
    RATE_HZ,
    WebRtcClient,
    a_session,
    clock_errors_ms,
)
from tests.unit.gateway.opus_tones import heard, level, silent_ms, spoken, strongest_hz, sweep, tone

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


@pytest.fixture
async def client() -> AsyncIterator[WebRtcClient]:
    one = WebRtcClient()
    yield one
    await one.close()


def fate(gateway: RunningGateway, name: str) -> float:
    """RTP packets that became this."""
    registry = gateway.gateway.metrics.registry
    return registry.get_sample_value("gateway_rtp_packets_total", {"fate": name}) or 0.0


def pcms(gateway: RunningGateway) -> list[bytes]:
    return [one.pcm for one in gateway.records() if isinstance(one, AudioChunk)]


async def test_a_tone_becomes_durable_chunks_that_keep_time(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    track = client.speak(tone(440, 2.0, RATE_HZ))
    answer = await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    assert answer.status_code == 201, answer.text
    await track.done.wait()
    await client.delete()
    await gateway.gateway.writer.wait_until_durable(session_id)
    chunks = [one for one in gateway.records() if isinstance(one, AudioChunk)]
    assert [one.sequence for one in chunks] == list(range(len(chunks)))
    assert {len(one.pcm) for one in chunks[:-1]} == {4096 * 2}
    whole = spoken(heard([one.pcm for one in chunks]))
    assert len(whole) / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.1)
    middle = whole[4000:28000]
    assert strongest_hz(middle, SAMPLE_RATE_HZ) == pytest.approx(440, abs=1)
    assert level(middle) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert silent_ms(middle, SAMPLE_RATE_HZ) == 0
    assert clock_errors_ms(chunks) == pytest.approx(0, abs=60)


async def test_lost_packets_keep_their_time_and_are_counted(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    """Three of a hundred packets are dropped where they arrive, always the same ones."""
    session_id = await a_session(gateway)
    track = client.speak(sweep(200, 4000, 3.0, RATE_HZ))
    lose_packets(client, every=33)
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await track.done.wait()
    await client.delete()
    await gateway.gateway.writer.wait_until_durable(session_id)
    whole = spoken(heard(pcms(gateway)))
    assert len(whole) / SAMPLE_RATE_HZ == pytest.approx(3.0, abs=0.1)
    assert 4 <= fate(gateway, "lost") <= 8  # more while the end was waited for
    assert gateway.controls("gap") == []
    assert silent_ms(whole, SAMPLE_RATE_HZ) == 0
    # Every part of the sweep is at its place in spite of the holes before it.
    for second in (0.5, 1.5, 2.5):
        at = round(second * SAMPLE_RATE_HZ)
        wanted_hz = 200 + 3800 * second / 3.0
        assert strongest_hz(whole[at - 800 : at + 800], SAMPLE_RATE_HZ) == pytest.approx(
            wanted_hz, abs=120
        )


def lose_packets(client: WebRtcClient, every: int) -> None:
    """Deterministic loss on the way: each ``every``-th RTP packet does not arrive."""
    transport: Any = client.peer.getTransceivers()[0].sender.transport
    send = transport._send_rtp
    count = itertools.count(1)

    async def lossy(data: bytes) -> None:
        is_rtcp = 192 <= data[1] <= 223
        if is_rtcp or next(count) % every:
            await send(data)

    transport._send_rtp = lossy


async def test_packets_that_overtake_each_other_lose_nothing(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    """Every four packets arrive at once, the third first and the second last."""
    session_id = await a_session(gateway)
    track = client.speak(tone(440, 3.0, RATE_HZ))
    shuffle_packets(client, (2, 0, 3, 1))
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await track.done.wait()
    await client.delete()
    await gateway.gateway.writer.wait_until_durable(session_id)
    whole = spoken(heard(pcms(gateway)))
    assert len(whole) / SAMPLE_RATE_HZ == pytest.approx(3.0, abs=0.15)
    assert silent_ms(whole, SAMPLE_RATE_HZ) == 0
    assert strongest_hz(whole, SAMPLE_RATE_HZ) == pytest.approx(440, abs=1)
    assert fate(gateway, "lost") <= 2  # of the last four, when the end comes between them
    assert fate(gateway, "late") == 2  # the two before the one that came first


def shuffle_packets(client: WebRtcClient, order: tuple[int, ...]) -> None:
    transport: Any = client.peer.getTransceivers()[0].sender.transport
    send = transport._send_rtp
    waiting: list[bytes] = []

    async def shuffled(data: bytes) -> None:
        if 192 <= data[1] <= 223:  # RTCP
            await send(data)
            return
        waiting.append(data)
        if len(waiting) == len(order):
            for at in order:
                await send(waiting[at])
            waiting.clear()

    transport._send_rtp = shuffled


async def test_what_an_outage_leaves_no_room_for_is_declared_a_gap(
    start: Start, client: WebRtcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTP cannot be slowed down: behind a stream that takes nothing, audio is lost, and said so."""
    monkeypatch.setattr(whip, "LONGEST_INBOX", 3)
    down = asyncio.Event()
    down.set()

    def script(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        return ["Throttled" if down.is_set() else None] * len(records)

    limits = replace((await start()).needs.limits, pending_bytes_per_session=10_000)
    gateway = await start(limits, sink=MemoryRecordSink(script))
    session_id = await a_session(gateway)
    client.speak(tone(440, 30.0, RATE_HZ))
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await gateway.until(lambda: fate(gateway, "received") > 130)  # ten chunks
    down.clear()
    await gateway.until(lambda: bool(gateway.controls("gap")))
    await gateway.until(lambda: len(gateway.chunks()) > 8)
    stored = {sequence for _, sequence in gateway.chunks()}
    gaps = gateway.controls("gap")
    missing = {n for gap in gaps for n in range(gap.after_sequence + 1, gap.next_sequence or 0)}
    assert missing
    assert not missing & stored
    assert missing | stored == set(range(max(stored) + 1))


# Controls


async def test_a_data_channel_carries_the_controls(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    listener = await gateway.listener(session_id)
    client.speak(tone(440, 30.0, RATE_HZ))
    channel = client.open_channel()
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await client.channel_open()
    for action, state in [("muteBroadcast", "muted"), ("unmuteBroadcast", "live")]:
        channel.send(json.dumps({"action": action, "sessionId": session_id}))
        await listener.expect("broadcastState", state=state)
    channel.send(json.dumps({"action": "nonsense"}))
    await gateway.until(lambda: any("UNKNOWN_ACTION" in text for text in client.told))
    await gateway.until(lambda: any("audioAck" in text for text in client.told))
    kinds = {json.loads(text)["type"] for text in client.told}
    assert {"audioAck", "broadcastState", "error"} <= kinds
    assert gateway.chunks()[0] == (0, 0)


async def test_a_pause_takes_no_audio_and_leaves_no_hole(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 30.0, RATE_HZ))
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await gateway.until(lambda: len(gateway.chunks()) >= 2)
    await patch(gateway, session_id, status="paused")
    await gateway.gateway.writer.wait_until_durable(session_id)
    before = len(gateway.chunks())
    received = fate(gateway, "received")
    await gateway.until(lambda: fate(gateway, "received") > received + 40)
    assert len(gateway.chunks()) == before
    await patch(gateway, session_id, status="active")
    await gateway.until(lambda: len(gateway.chunks()) > before + 1)
    assert gateway.chunks() == [(0, number) for number in range(len(gateway.chunks()))]
    assert gateway.controls("gap") == []
    await patch(gateway, session_id, muted=True)
    await gateway.until(lambda: heard([pcms(gateway)[-1]]).any() == np.False_)


async def patch(gateway: RunningGateway, session_id: str, **fields: object) -> None:
    async with gateway.http() as http:
        answer = await http.patch(
            f"/sessions/{session_id}",
            json=fields,
            headers={"authorization": f"Bearer {gateway.token()}"},
        )
    assert answer.status_code == 200, answer.text


async def test_the_end_of_the_session_ends_the_line(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 30.0, RATE_HZ))
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await gateway.until(lambda: len(gateway.chunks()) >= 1)
    async with gateway.http() as http:
        headers = {"authorization": f"Bearer {gateway.token()}"}
        await http.delete(f"/sessions/{session_id}", headers=headers)
    await client.closed()
    assert (await client.delete()).status_code == 404


async def test_speaker_and_websocket_take_over_from_each_other(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    page, session_id = await gateway.speaker()
    await page.frame(0)
    await page.acknowledged(0)
    client.speak(tone(440, 30.0, RATE_HZ))
    client.open_channel()
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    assert await page.closed() == (4409, "SPEAKER_TAKEN")
    await client.channel_open()
    await gateway.until(lambda: (1, 0) in gateway.chunks())
    again, _ = await gateway.speaker(session_id, stream="s2")
    await client.closed()
    assert "SPEAKER_TAKEN" in client.told[-1]  # or a page would take it for a broken network
    await again.frame(0)
    await again.acknowledged(0)
    assert gateway.chunks()[-1] == (2, 0)


async def test_delete_ends_the_line_and_not_the_session(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 30.0, RATE_HZ))
    await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    await gateway.until(lambda: len(gateway.chunks()) >= 1)
    stranger = await client.delete(authorization=f"Bearer {gateway.token('eve')}")
    assert stranger.status_code == 403
    assert (await client.delete(origin="https://elsewhere")).status_code == 401
    assert (await client.delete()).status_code == 200
    await client.closed()
    assert (await client.delete()).status_code == 404
    live = gateway.gateway.live.loaded(session_id)
    assert live is not None
    assert (live.state, live.speaker) == ("live", None)
