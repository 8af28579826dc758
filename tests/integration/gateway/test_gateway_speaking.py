"""Speaking over real sockets: durable audio, take-over, reconnects, restarts, backpressure."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.interfaces.errors import RetryableError
from connectors.interfaces.record_sink import SinkRecord
from connectors.memory.record_sink import MemoryRecordSink
from schemas.values import AudioChunk, ControlKind, SessionControl

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration

LOUD = b"\x01\x00" * 1600


async def test_audio_becomes_durable_in_order_and_is_acknowledged(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    for number in range(10):
        await speaker.frame(number)
    await speaker.acknowledged(9)
    assert host.chunks() == [(0, number) for number in range(10)]
    opened, chunk = host.records()[:2]
    assert isinstance(opened, SessionControl)
    assert (opened.kind, opened.epoch, opened.generation) == (ControlKind.OPENED, 0, 1)
    assert opened.after_sequence == -1
    assert isinstance(chunk, AudioChunk)
    assert (chunk.session_id, chunk.pcm) == (session_id, LOUD)
    assert chunk.captured_at_ms <= chunk.received_at_ms - 100


async def test_acknowledgements_come_at_most_four_a_second(host: RunningGateway) -> None:
    speaker, _ = await host.speaker()
    began = time.monotonic()
    for number in range(60):
        await speaker.frame(number)
        await asyncio.sleep(0.01)
    await speaker.acknowledged(59)
    elapsed = time.monotonic() - began
    acks = [one for one in speaker.received if one["type"] == "audioAck"]
    assert len(acks) <= elapsed * 4 + 2
    assert [one["sequence"] for one in acks] == sorted({one["sequence"] for one in acks})


async def test_json_chunks_and_binary_frames_make_one_stream(gateway: RunningGateway) -> None:
    speaker, session_id = await gateway.speaker()
    await speaker.frame(0)
    await speaker.send(
        "audioChunk",
        sessionId=session_id,
        audioData=base64.b64encode(LOUD).decode(),
        timestamp=1_790_000_000_000,
        format="pcm",
        sampleRate=16000,
        channels=1,
        encoding="s16le",
        sequence=1,
    )
    await speaker.acknowledged(1)
    assert gateway.chunks() == [(0, 0), (0, 1)]


async def test_a_client_of_the_old_flow_just_sends(host: RunningGateway) -> None:
    first, session_id = await host.speaker()
    await first.socket.close()
    old = await host.connect(host.token())
    for number in range(3):
        await old.send(
            "audioChunk",
            sessionId=session_id,
            audioData=base64.b64encode(LOUD).decode(),
            timestamp=1_790_000_000_000 + number * 100,
            format="pcm",
            sampleRate=16000,
            channels=1,
            encoding="s16le",
        )
    await old.expect("speakerJoined")
    await old.acknowledged(2)
    assert host.chunks() == [(1, 0), (1, 1), (1, 2)]


# Who may speak


async def test_a_speaker_needs_a_token(host: RunningGateway) -> None:
    guest = await host.connect()
    error = await guest.ask("createSession", "error", sourceLanguage="en")
    assert (error["code"], error["action"]) == ("UNAUTHORIZED", "createSession")


async def test_a_bad_token_is_told_and_closed(gateway: RunningGateway) -> None:
    stranger = await gateway.connect("not.a.token")
    await stranger.expect("error", code="UNAUTHORIZED")
    assert (await stranger.closed())[0] == 4401


async def test_another_person_is_refused_and_the_speaker_goes_on(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    eve = await host.connect(host.token("eve"))
    join = {"sessionId": session_id, "streamId": "s9", "nextSequence": 0}
    assert (await eve.ask("joinAsSpeaker", "error", **join))["code"] == "FORBIDDEN"
    await eve.frame(0)
    assert (await eve.expect("error"))["code"] in ("NOT_SPEAKER", "FORBIDDEN")
    await speaker.frame(0)
    await speaker.acknowledged(0)
    assert host.chunks() == [(0, 0)]


async def test_unknown_and_ended_sessions_are_refused(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    stranger = await host.connect(host.token())
    join = {"streamId": "s2", "nextSequence": 0}
    unknown = await stranger.ask("joinAsSpeaker", "error", sessionId="no-such-1", **join)
    assert unknown["code"] == "NO_SESSION"
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    ended = await stranger.ask("joinAsSpeaker", "error", sessionId=session_id, **join)
    assert ended["code"] == "SESSION_ENDED"
    await speaker.frame(5)
    await speaker.expect("error", code="SESSION_ENDED", sequence=5)
    assert host.chunks() == []


async def test_the_same_person_takes_over_and_the_old_socket_is_closed(
    host: RunningGateway,
) -> None:
    old, session_id = await host.speaker(stream="page-1")
    await old.frame(0)
    await old.acknowledged(0)
    new, _ = await host.speaker(session_id, stream="page-2")
    assert (await old.expect("error"))["code"] == "SPEAKER_TAKEN"
    assert await old.closed() == host.taken_over
    await new.frame(0)
    await new.acknowledged(0)
    assert host.chunks() == [(0, 0), (1, 0)]


# Numbers


async def test_a_reconnect_goes_on_in_the_same_epoch_and_repeats_are_dropped(
    host: RunningGateway,
) -> None:
    speaker, session_id = await host.speaker()
    for number in range(4):
        await speaker.frame(number)
    await speaker.acknowledged(3)
    await speaker.socket.close()
    again = await host.connect(host.token())
    joined = await again.ask(
        "joinAsSpeaker", "speakerJoined", sessionId=session_id, streamId="s1", nextSequence=2
    )
    assert (joined["epoch"], joined["sequence"]) == (0, 3)
    for number in range(2, 7):
        await again.frame(number)
    await again.acknowledged(6)
    assert host.chunks() == [(0, number) for number in range(7)]


async def test_a_restarted_gateway_knows_stream_epoch_and_what_is_durable(
    host: RunningGateway,
) -> None:
    speaker, session_id = await host.speaker()
    for number in range(4):
        await speaker.frame(number)
    await speaker.acknowledged(3)
    await host.restart()
    again = await host.connect(host.token())
    joined = await again.ask(
        "joinAsSpeaker", "speakerJoined", sessionId=session_id, streamId="s1", nextSequence=4
    )
    assert (joined["epoch"], joined["sequence"]) == (0, 3)
    await again.frame(4)
    await again.acknowledged(4)
    assert host.chunks() == [(0, number) for number in range(5)]
    assert host.controls("gap") == []


async def test_chunks_that_never_come_are_declared_a_gap(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Audio waits for no declaration: here that is allowed only once the audio behind is stored."""
    declare = gateway.tables.declare_gap

    async def declare_late(*arguments: Any) -> bool:
        await gateway.until(lambda: (0, 2) in gateway.chunks())
        return await declare(*arguments)

    monkeypatch.setattr(gateway.tables, "declare_gap", declare_late)
    speaker, _ = await gateway.speaker()
    await speaker.frame(0)
    await speaker.frame(1, pcm=b"odd")
    await speaker.expect("error", code="BAD_AUDIO", sequence=1)
    await speaker.frame(2)
    await speaker.acknowledged(2)
    (gap,) = gateway.controls("gap")
    assert (gap.epoch, gap.after_sequence, gap.next_sequence) == (0, 0, 2)
    kinds = [getattr(one, "kind", "chunk") for one in gateway.records()]
    assert kinds == ["opened", "chunk", "chunk", "gap"]


# Controls


async def test_controls_stand_in_the_stream_and_are_told_to_everyone(
    host: RunningGateway,
) -> None:
    speaker, session_id = await host.speaker()
    listener = await host.listener(session_id)
    await speaker.frame(0)
    steps = [
        ("muteBroadcast", "muted"),
        ("unmuteBroadcast", "live"),
        ("pauseBroadcast", "paused"),
        ("pauseBroadcast", "paused"),
        ("resumeBroadcast", "live"),
        ("endSession", "ended"),
    ]
    for action, state in steps:
        await speaker.ask(action, "broadcastState", sessionId=session_id)
        told = await listener.expect("broadcastState")
        assert (told["state"], told["sessionId"], told["volume"]) == (state, session_id, 1.0)
    await host.durable(session_id)
    controls = host.controls("pause", "resume", "mute", "unmute", "end")
    assert [(one.kind, one.after_sequence) for one in controls] == [
        ("mute", 0),
        ("unmute", 0),
        ("pause", 0),
        ("resume", 0),
        ("end", 0),
    ]


async def test_volume_reaches_listeners(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    listener = await host.listener(session_id)
    await speaker.ask("setVolume", "broadcastState", sessionId=session_id, volume=0.25)
    assert (await listener.expect("broadcastState"))["volume"] == 0.25
    late = await host.connect()
    joined = await late.ask(
        "joinSession", "sessionJoined", sessionId=session_id, targetLanguage="ca"
    )
    assert joined["volume"] == 0.25


async def test_muted_audio_is_stored_as_silence_of_the_same_length(
    host: RunningGateway,
) -> None:
    speaker, session_id = await host.speaker()
    await speaker.ask("muteBroadcast", "broadcastState", sessionId=session_id)
    await speaker.frame(0)
    await speaker.ask("unmuteBroadcast", "broadcastState", sessionId=session_id)
    await speaker.frame(1)
    await speaker.acknowledged(1)
    chunks = [one for one in host.records() if isinstance(one, AudioChunk)]
    assert [one.pcm for one in chunks] == [bytes(len(LOUD)), LOUD]


async def test_a_paused_session_takes_no_audio(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    await speaker.ask("pauseBroadcast", "broadcastState", sessionId=session_id)
    await speaker.frame(0)
    await speaker.expect("error", code="FORBIDDEN", sequence=0)
    await speaker.ask("resumeBroadcast", "broadcastState", sessionId=session_id)
    await speaker.frame(0)
    await speaker.acknowledged(0)
    assert host.chunks() == [(0, 0)]


# When the stream does not take records


async def test_partial_failures_neither_lose_nor_reorder(start: Start) -> None:
    def script(call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        """Every other call fails in its middle."""
        if call % 2:
            return [None] * len(records)
        middle = len(records) // 2
        return ["Throttled" if at == middle else None for at in range(len(records))]

    gateway = await start(sink=MemoryRecordSink(script))
    one, _ = await gateway.speaker()
    two, _ = await gateway.speaker()
    for number in range(30):
        await one.frame(number)
        await two.frame(number)
    await one.acknowledged(29)
    await two.acknowledged(29)
    by_session: dict[str, list[int]] = {}
    for record in gateway.records():
        if isinstance(record, AudioChunk):
            by_session.setdefault(record.session_id, []).append(record.sequence)
    assert len(by_session) == 2
    for numbers in by_session.values():
        assert list(dict.fromkeys(sorted(numbers))) == list(range(30))
        last_new = -1
        for number in numbers:  # a number new to a reader is never below one it had before it
            if number > last_new:
                last_new = number
        assert last_new == 29


async def test_an_outage_stops_reading_and_loses_nothing(start: Start) -> None:
    down = asyncio.Event()
    down.set()

    def script(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        if down.is_set():
            raise RetryableError("the stream is away")
        return [None] * len(records)

    limits = replace(
        (await start()).needs.limits, pending_bytes_per_session=40_000, frame_burst=10_000
    )
    gateway = await start(limits, sink=MemoryRecordSink(script))
    speaker, session_id = await gateway.speaker()
    neighbour, _ = await gateway.speaker()

    async def speak() -> None:
        for number in range(400):
            await speaker.frame(number, pcm=bytes(8192))

    speaking = asyncio.create_task(speak())
    assert (await speaker.expect("error"))["code"] == "SLOW_DOWN"
    queue = gateway.gateway.writer._queue
    assert queue.waiting_bytes(session_id) < 40_000 + 10_000
    await neighbour.ask("heartbeat", "heartbeatAck")
    down.clear()
    await speaking
    await speaker.acknowledged(399)
    assert gateway.chunks() == [(0, number) for number in range(400)]


async def test_audio_past_the_deadline_becomes_a_gap_and_the_talk_goes_on(start: Start) -> None:
    down = asyncio.Event()
    down.set()

    def script(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        return ["Throttled" if down.is_set() else None] * len(records)

    limits = replace((await start()).needs.limits, put_deadline_ms=300)
    gateway = await start(limits, sink=MemoryRecordSink(script))
    speaker, _ = await gateway.speaker()
    for number in range(3):
        await speaker.frame(number)
    lost = await speaker.expect("error")
    assert (lost["code"], lost["sequence"]) == ("INTERNAL", 0)
    down.clear()
    await speaker.frame(3)
    await speaker.acknowledged(3)
    gaps = gateway.controls("gap")
    covered = {n for gap in gaps for n in range(gap.after_sequence + 1, gap.next_sequence or 0)}
    stored = {sequence for _, sequence in gateway.chunks()}
    assert covered | stored == {0, 1, 2, 3}
    assert 0 in covered
    assert 3 in stored


async def test_a_speaker_faster_than_the_limit_is_slowed_without_loss(start: Start) -> None:
    limits = replace((await start()).needs.limits, frames_per_s=100.0, frame_burst=5)
    gateway = await start(limits)
    speaker, _ = await gateway.speaker()
    began = time.monotonic()
    for number in range(55):
        await speaker.frame(number)
    assert (await speaker.expect("error"))["code"] == "SLOW_DOWN"
    await speaker.acknowledged(54)
    assert time.monotonic() - began > 0.45
    assert gateway.chunks() == [(0, number) for number in range(55)]


async def test_stopping_makes_durable_what_was_taken(start: Start) -> None:
    slow = asyncio.Event()

    class SlowSink(MemoryRecordSink):
        async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
            await slow.wait()
            return await super().put(records)

    gateway = await start(sink=SlowSink())
    speaker, session_id = await gateway.speaker()
    for number in range(5):
        await speaker.frame(number)
    await speaker.ask("heartbeat", "heartbeatAck")  # the frames before it were taken
    asyncio.get_running_loop().call_later(0.3, slow.set)
    await gateway.restart()
    assert gateway.chunks() == [(0, number) for number in range(5)]
    row = await gateway.tables.get(session_id)
    assert row is not None
    assert row.durable_sequence == 4
