"""A client of the old flow that sends what its MediaRecorder writes."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ingest_gateway.audio_in.recorder_input import RecorderInput
from schemas.values import SAMPLE_RATE_HZ
from tests.settable_clock import SettableClock
from tests.unit.gateway.mp4_files import mp4
from tests.unit.gateway.opus_tones import OPUS_HZ, heard, opus_packets, strongest_hz, tone
from tests.unit.gateway.webm_files import clusters, fragments, header

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, RunningGateway, Start

pytestmark = pytest.mark.integration

FILE = header() + clusters(opus_packets(tone(330, 2.0, OPUS_HZ)))


async def send(client: Client, session_id: str, data: bytes, at_ms: int) -> None:
    await client.send(
        "audioChunk",
        sessionId=session_id,
        audioData=base64.b64encode(data).decode(),
        timestamp=1_790_000_000_000 + at_ms,
        format="webm",
        sampleRate=48000,
        channels=1,
        encoding="opus",
    )


async def test_recorder_fragments_become_durable_samples(gateway: RunningGateway) -> None:
    first, session_id = await gateway.speaker()
    await first.socket.close()
    old = await gateway.connect(gateway.token())
    pieces = fragments(FILE, 8)
    for at, piece in enumerate(pieces):
        await send(old, session_id, piece, at * 250)
    await old.expect("speakerJoined")
    while len(gateway.chunks()) < len(pieces):
        await old.expect("audioAck")
    assert gateway.chunks() == [(1, number) for number in range(len(gateway.chunks()))]
    whole = heard([one.pcm for one in gateway.records() if hasattr(one, "pcm")])
    assert len(whole) == pytest.approx(2.0 * SAMPLE_RATE_HZ, abs=32)
    assert strongest_hz(whole, SAMPLE_RATE_HZ) == pytest.approx(330, abs=1)


async def test_broken_fragments_harm_nobody(gateway: RunningGateway) -> None:
    legacy, session_id = await gateway.speaker()
    neighbour, _ = await gateway.speaker()
    await send(legacy, session_id, FILE[-400:], 0)
    refused = await legacy.expect("error")
    assert (refused["code"], refused["action"]) == ("BAD_AUDIO", "audioChunk")
    assert "start the recorder anew" in refused["message"]
    await neighbour.frame(0)
    await neighbour.acknowledged(0)
    await send(legacy, session_id, FILE, 0)
    await legacy.acknowledged(0)


async def test_what_is_refused_counts_for_its_session(start: Start) -> None:
    """Decoding costs the same whatever comes of it, and another connection has no new budget."""
    clock = SettableClock()
    limits = replace((await start()).needs.limits, packets_per_s=1000.0, packet_burst=600)
    gateway = await start(limits, now_ms=clock)
    too_long = header() + clusters(opus_packets(tone(330, 2.0, OPUS_HZ)) * 6)
    first, session_id = await gateway.speaker()
    await send(first, session_id, too_long, 0)
    assert "at most 10 s" in (await first.expect("error", code="BAD_AUDIO"))["message"]
    await first.socket.close()
    again, _ = await gateway.speaker(session_id, stream="s2")
    await send(again, session_id, FILE, 0)
    assert (await again.expect("error"))["code"] == "SLOW_DOWN"
    clock.now_ms += 100
    await again.acknowledged(0)


async def test_nothing_is_decoded_while_nothing_is_broadcast(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, session_id = await gateway.speaker()
    await speaker.ask("pauseBroadcast", "broadcastState", sessionId=session_id)
    monkeypatch.delattr(RecorderInput, "decode")
    await send(speaker, session_id, FILE, 0)
    assert (await speaker.expect("error"))["code"] == "FORBIDDEN"


async def test_what_safari_records_becomes_durable_samples(gateway: RunningGateway) -> None:
    """MP4 with AAC under the name that old pages give to everything."""
    client, session_id = await gateway.speaker()
    for at, piece in enumerate(fragments(mp4(rate_hz=44_100, seconds=2.0), 8)):
        await send(client, session_id, piece, at * 250)
    await client.ask("heartbeat", "heartbeatAck")
    await gateway.durable(session_id)
    assert [one for one in client.received if one["type"] == "error"] == []
    whole = heard([one.pcm for one in gateway.records() if hasattr(one, "pcm")])
    assert len(whole) == pytest.approx(2.0 * SAMPLE_RATE_HZ, abs=0.05 * SAMPLE_RATE_HZ)
    assert strongest_hz(whole, SAMPLE_RATE_HZ) == pytest.approx(330, abs=1)
