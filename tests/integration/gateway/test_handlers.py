"""What only handlers have to cope with: side by side, without memory, with rows for sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.calls.policy import Policies, Policy
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.record_sink import SinkRecord
from connectors.interfaces.session_tables import ConnectionRow, ListenerCounts
from connectors.memory.record_sink import MemoryRecordSink
from connectors.memory.session_events import MemorySessionEvents
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.client import ReceivedMessage, create_session, speak
from ingest_gateway.hosts.aws.open_connections import LIFETIME_MS
from ingest_gateway.hosts.aws.stream_progress import HOLE_WAIT_MS
from ingest_gateway.hosts.aws.sweep import sweep
from tests.integration.gateway.conftest import (
    LIMITS,
    RunningHandlers,
    in_memory,
    running,
)
from tests.settable_clock import SettableClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ingest_gateway.protocol.limits import Limits

    StartHandlers = Callable[..., Awaitable[RunningHandlers]]

pytestmark = pytest.mark.integration

MINUTE_MS = 60_000


@pytest.fixture
async def start() -> AsyncIterator[StartHandlers]:
    async with AsyncExitStack() as exits:

        async def start_one(limits: Limits = LIMITS, **changes: Any) -> RunningHandlers:
            needs = in_memory(limits, **changes)
            one = await exits.enter_async_context(running(needs, RunningHandlers))
            assert isinstance(one, RunningHandlers)
            return one

        yield start_one


@pytest.fixture
async def handlers(start: StartHandlers) -> RunningHandlers:
    return await start()


class UnevenSink(MemoryRecordSink):
    """Every third call takes longer than the two behind it."""

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        if self.calls % 3 == 0:
            self.calls += 1
            await asyncio.sleep(0.15)
            self.stored.extend(records)
            return (None,) * len(records)
        return await super().put(records)


async def test_chunks_that_overtake_each_other_make_one_stream(start: StartHandlers) -> None:
    handlers = await start(sink=UnevenSink())
    speaker, session_id = await handlers.speaker()
    for number in range(30):
        await speaker.frame(number)
    await speaker.acknowledged(29)
    stored = [one.sequence for one in handlers.records() if hasattr(one, "sequence")]
    assert sorted(stored) == list(range(30))
    assert stored != sorted(stored)
    assert handlers.controls("gap") == []
    await handlers.durable(session_id)
    row = await handlers.tables.get(session_id)
    assert row is not None
    assert row.durable_sequence == 29


async def test_a_refused_chunk_is_waited_for_and_then_declared_a_gap(start: StartHandlers) -> None:
    clock = SettableClock()
    handlers = await start(now_ms=clock)
    speaker, _ = await handlers.speaker()
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await speaker.frame(1, pcm=b"odd")
    assert (await speaker.expect("error"))["sequence"] == 1
    clock.now_ms += 1000
    await speaker.frame(2)
    await speaker.ask("heartbeat", "heartbeatAck")
    assert [one["sequence"] for one in speaker.received if one["type"] == "audioAck"] == [0]
    assert handlers.controls("gap") == []
    clock.now_ms += HOLE_WAIT_MS
    await speaker.frame(3)
    await speaker.acknowledged(3)
    (gap,) = handlers.controls("gap")
    assert (gap.epoch, gap.after_sequence, gap.next_sequence) == (0, 0, 2)


async def test_a_hole_is_not_declared_by_who_has_lost_the_stream(start: StartHandlers) -> None:
    """The page goes on through another gateway while a frame of it is still handled here."""
    clock = SettableClock()
    handlers = await start(now_ms=clock, tables=TablesLostMeanwhile(clock))
    speaker, session_id = await handlers.speaker()
    for number in (0, 2):
        await speaker.frame(number)
    await speaker.ask("heartbeat", "heartbeatAck")
    await handlers.durable(session_id)
    clock.now_ms += HOLE_WAIT_MS
    await speaker.frame(3)
    assert (await speaker.expect("error"))["code"] == "SPEAKER_TAKEN"
    await speaker.closed()
    await handlers.durable(session_id)
    assert handlers.controls("gap") == []
    assert [one["sequence"] for one in speaker.received if one["type"] == "audioAck"] == [0]
    row = await handlers.tables.get(session_id)
    assert row is not None
    assert row.durable_sequence == 0


class TablesLostMeanwhile(MemorySessionTables):
    """Another gateway opens the stream just before a gap is declared."""

    async def declare_gap(
        self, session_id: str, generation: int, epoch: int, until_sequence: int
    ) -> bool:
        await self.open_stream(session_id, "ada", "s1", "elsewhere", 0)
        return await super().declare_gap(session_id, generation, epoch, until_sequence)


async def test_who_joins_while_the_stream_is_away_is_told_to_come_again(
    start: StartHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No audio may stand on the stream before the opening that it belongs to."""
    monkeypatch.setattr("ingest_gateway.hosts.aws.socket_handlers._OPENED_WITHIN_S", 0.2)
    monkeypatch.setattr("ingest_gateway.hosts.aws.one_event.DRAIN_S", 0.1)
    away = True

    def script(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        return ["Throttled" if away else None for _ in records]

    handlers = await start(sink=MemoryRecordSink(script))
    client = await handlers.connect(handlers.token())
    created = await client.ask("createSession", "sessionCreated", sourceLanguage="en")
    join = {"sessionId": created["sessionId"], "streamId": "s1", "nextSequence": 0}
    assert (await client.ask("joinAsSpeaker", "error", **join))["code"] == "INTERNAL"
    await client.closed()
    away = False
    again, _ = await handlers.speaker(created["sessionId"])
    await again.frame(0)
    await again.acknowledged(0)
    (opened,) = handlers.controls("opened")
    assert opened.generation == 2


async def test_a_chunk_that_is_not_stored_makes_its_client_come_again(
    start: StartHandlers,
) -> None:
    away = False

    def script(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        if away:
            raise RetryableError("the stream is away")
        return [None] * len(records)

    once = replace(Policies(), put_chunk=Policy(attempts=1))
    handlers = await start(sink=MemoryRecordSink(script), policies=once)
    speaker, session_id = await handlers.speaker()
    away = True
    await speaker.frame(0)
    error = await speaker.expect("error")
    assert (error["code"], error["sequence"]) == ("INTERNAL", 0)
    await speaker.closed()
    away = False
    again, _ = await handlers.speaker(session_id)
    await again.frame(0)
    await again.acknowledged(0)
    assert handlers.chunks() == [(0, 0)]
    assert handlers.controls("gap") == []


async def test_who_has_hung_up_unnoticed_is_counted_out_when_told_something(
    handlers: RunningHandlers,
) -> None:
    speaker, session_id = await handlers.speaker()
    await handlers.listener(session_id, "ca")
    gone = ConnectionRow("gone=", session_id, "es", "functions", 0, 10**15)
    await handlers.tables.add_connection(gone)
    await speaker.ask("muteBroadcast", "broadcastState", sessionId=session_id)
    await handlers.durable(session_id)
    rows = await handlers.tables.connections(session_id, 0)
    assert [row.language for row in rows] == ["ca"]


class HesitatingTables(MemorySessionTables):
    """Writes a listener's row only when told to."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def add_connection(self, row: ConnectionRow) -> None:
        self.asked.set()
        await self.go_on.wait()
        await super().add_connection(row)


async def test_who_hangs_up_while_joining_is_not_counted(start: StartHandlers) -> None:
    tables = HesitatingTables(lambda: 1_790_000_000_000)
    handlers = await start(tables=tables)
    _, session_id = await handlers.speaker()
    listener = await handlers.connect()
    await listener.send("joinSession", sessionId=session_id, targetLanguage="es")
    await tables.asked.wait()
    await listener.socket.close()
    await handlers.until(lambda: handlers.api.connections == 1)
    tables.go_on.set()
    await handlers.durable(session_id)
    assert await tables.connections(session_id, 0) == ()
    assert (await tables.listener_counts(session_id)).by_language == {}
    languages = [one.languages for one in handlers.controls("listeners")]
    assert languages == [("es",), ()]


async def test_a_connection_that_nobody_knows_is_closed(start: StartHandlers) -> None:
    clock = SettableClock()
    handlers = await start(now_ms=clock)
    client = await handlers.connect()
    await client.ask("heartbeat", "heartbeatAck")
    clock.now_ms += LIFETIME_MS
    await client.send("heartbeat")
    await client.closed()


async def test_heartbeats_keep_a_listener_and_a_paused_talk(start: StartHandlers) -> None:
    clock = SettableClock()
    handlers = await start(now_ms=clock, tables=MemorySessionTables(clock))
    speaker, session_id = await handlers.speaker()
    listener = await handlers.listener(session_id, "es")
    await speaker.ask("pauseBroadcast", "broadcastState", sessionId=session_id)
    for _ in range(12):
        clock.now_ms += MINUTE_MS
        await speaker.ask("heartbeat", "heartbeatAck")
        await listener.ask("heartbeat", "heartbeatAck")
        await handlers.durable(session_id)
        assert await sweep(handlers.needs, handlers.api) == 0
    assert await handlers.tables.listener_counts(session_id) == ListenerCounts({"es": 1}, 0)
    (row,) = await handlers.tables.connections(session_id, clock.now_ms)
    assert row.expires_at_ms == clock.now_ms + 2 * LIMITS.heartbeat_timeout_ms


async def test_a_session_whose_speaker_stays_away_is_swept(start: StartHandlers) -> None:
    clock, events = SettableClock(), MemorySessionEvents()
    handlers = await start(now_ms=clock, events=events, tables=MemorySessionTables(clock))
    speaker, session_id = await handlers.speaker()
    listener = await handlers.listener(session_id)
    await handlers.hung_up(speaker)
    clock.now_ms += 10 * MINUTE_MS - 1
    await listener.ask("heartbeat", "heartbeatAck")
    assert await sweep(handlers.needs, handlers.api) == 0
    clock.now_ms += 1
    assert await sweep(handlers.needs, handlers.api) == 1
    assert (await listener.expect("broadcastState"))["state"] == "ended"
    assert [one.kind for one in handlers.controls("end")] == ["end"]
    assert [one.event_type for one in events.published] == ["SESSION_CREATED", "SESSION_ENDED"]
    assert await sweep(handlers.needs, handlers.api) == 0


async def test_a_listener_who_was_never_counted_out_is_mended(start: StartHandlers) -> None:
    clock = SettableClock()
    tables = MemorySessionTables(clock)
    handlers = await start(now_ms=clock, tables=tables)
    speaker, session_id = await handlers.speaker()
    await handlers.listener(session_id, "es")
    clock.now_ms += 3 * MINUTE_MS  # it has not said anything, and API Gateway nothing of it
    await speaker.ask("heartbeat", "heartbeatAck")
    await sweep(handlers.needs, handlers.api)
    assert (await tables.listener_counts(session_id)).by_language == {}
    assert [one.languages for one in handlers.controls("listeners")] == [("es",), ()]


async def test_a_control_stands_behind_chunks_that_are_not_acknowledged_yet(
    handlers: RunningHandlers,
) -> None:
    """The session's row does not know of them, their connection's does."""
    speaker, session_id = await handlers.speaker()
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await speaker.frame(1)
    await speaker.ask("pauseBroadcast", "broadcastState", sessionId=session_id)
    await handlers.durable(session_id)
    assert [one.after_sequence for one in handlers.controls("pause")] == [1]


async def test_a_talk_goes_on_when_api_gateway_ends_its_connection(
    handlers: RunningHandlers,
) -> None:
    """As it does after two hours, with whatever is on its way: every sample arrives once."""
    pcm = b"".join(n.to_bytes(2, "little") for n in range(1, 32_001))
    acks: list[int] = []

    def seen(message: ReceivedMessage) -> None:
        if message.type == "audioAck":
            acks.append(message.fields["sequence"])

    session_id = await create_session(handlers.url, token=handlers.token())
    speaking = asyncio.create_task(
        speak(
            handlers.url,
            pcm,
            session_id=session_id,
            token=handlers.token(),
            chunk_samples=1600,
            end_session=False,
            on_message=seen,
            json_audio=True,
        )
    )
    await handlers.until(lambda: len(acks) >= 2)
    row = await handlers.tables.get(session_id)
    assert row is not None
    assert row.speaker_connection_id is not None
    await handlers.api.close(row.speaker_connection_id)
    report = await speaking
    assert (report.acknowledged_sequence, report.reconnects) == (19, 1)
    assert handlers.stored_pcm(session_id) == pcm
    assert handlers.controls("gap") == []


async def test_frames_over_the_limit_wait_and_none_is_lost(start: StartHandlers) -> None:
    handlers = await start(replace(LIMITS, frames_per_s=8.0, frame_burst=5))
    speaker, _ = await handlers.speaker()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number in range(15):
        await speaker.frame(number)
    assert (await speaker.expect("error"))["code"] == "SLOW_DOWN"
    await speaker.acknowledged(14)
    assert loop.time() - began_s > 1.2
    assert handlers.chunks() == [(0, number) for number in range(15)]


async def test_commands_are_limited_over_all_handlers_of_a_connection(
    start: StartHandlers,
) -> None:
    clock = SettableClock()
    handlers = await start(replace(LIMITS, command_burst=3, commands_per_s=1.0), now_ms=clock)
    client = await handlers.connect()
    for _ in range(3):
        await client.ask("heartbeat", "heartbeatAck")
    refused = await client.ask("heartbeat", "error")
    assert (refused["code"], refused["retryAfterMs"]) == ("RATE_LIMITED", 1000)
    clock.now_ms += 1000
    await client.ask("heartbeat", "heartbeatAck")


async def test_pages_are_told_to_send_audio_in_messages(handlers: RunningHandlers) -> None:
    async with handlers.http() as http:
        offer = (await http.get("/offer")).json()
    assert offer["binaryFrames"] is False
    assert offer["languages"]["es"] == ["en", "es"]


async def test_webm_is_refused_here(handlers: RunningHandlers) -> None:
    speaker, session_id = await handlers.speaker()
    await speaker.send(
        "audioChunk",
        sessionId=session_id,
        audioData="AAAA",
        timestamp=1_790_000_000_000,
        format="webm",
        sampleRate=48000,
        channels=1,
        encoding="opus",
        sequence=0,
    )
    refused = await speaker.expect("error")
    assert (refused["code"], refused["sequence"]) == ("BAD_AUDIO", 0)
