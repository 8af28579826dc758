"""The writer over a stream that refuses, is away, or loses its answers: in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.interfaces.errors import RetryableError, ThrottledError
from connectors.interfaces.record_sink import RecordSink, SinkRecord
from connectors.memory.record_sink import MemoryRecordSink
from ingest_gateway.audio_in.intake import gap_record
from ingest_gateway.audio_in.put_queue import PutQueue, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.metrics import Metrics
from schemas.avro_codec import decode
from schemas.values import AudioChunk, SessionControl

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
SESSIONS = ("s0", "s1", "s2")
CHUNKS = 120
EVERY_S = 0.25
DEADLINE_MS = 30_000
ANSWER_S = 0.02


class Stream(MemoryRecordSink):
    """Refuses each record with a chance; while ``away`` it raises that, behind storing all if
    ``stores_all_the_same``. ``offered`` are the records of every call."""

    def __init__(self, refused: float = 0.0, answer_s: float = ANSWER_S) -> None:
        super().__init__(self._refuse)
        self.offered: list[SinkRecord] = []
        self.away: Exception | None = None
        self.stores_all_the_same = False
        self._refused = refused
        self._answer_s = answer_s
        self._chance = random.Random(6)

    def _refuse(self, _call: int, records: Sequence[SinkRecord]) -> list[str | None]:
        if self.away is not None and self.stores_all_the_same:
            return [None] * len(records)
        return ["Throttled" if self._chance.random() < self._refused else None for _ in records]

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        await asyncio.sleep(self._answer_s)
        self.offered += records
        if self.away is None:
            return await super().put(records)
        if self.stores_all_the_same:
            await super().put(records)
        raise self.away

    def numbers(self, session_id: str) -> list[int]:
        values = [decode(each.data) for each in self.stored if each.partition_key == session_id]
        return [each.sequence for each in values if isinstance(each, AudioChunk)]


@dataclass
class Session:
    """What the writer said of a session."""

    durable: list[int] = field(default_factory=list[int])
    lost: list[int] = field(default_factory=list[int])
    unsure: list[int] = field(default_factory=list[int])
    gaps: list[SessionControl] = field(default_factory=list[SessionControl])


class Talk:
    """Sessions that speak at their pace into one writer."""

    def __init__(self, sink: RecordSink, *, declares_gaps: bool = True) -> None:
        self.heard = {session_id: Session() for session_id in SESSIONS}
        self._declares_gaps = declares_gaps
        self.metrics = Metrics()
        self.writer = RecordWriter(
            sink,
            PutQueue(deadline_ms=DEADLINE_MS, fraction=lambda: 0.0),
            self._settled,
            now_ms=lambda: round(asyncio.get_running_loop().time() * 1000),
            metrics=self.metrics,
            room_bytes=1 << 22,
        )

    def _settled(self, settled: Settled) -> Sequence[SessionControl]:
        heard = self.heard[settled.session_id]
        heard.durable += _numbers(settled.stored)
        heard.lost += _numbers(settled.lost)
        heard.unsure += _numbers(settled.unsure)
        gone = _numbers(settled.lost + settled.unsure)
        if not gone or not self._declares_gaps:
            return ()
        gap = gap_record(settled.session_id, 0, min(gone) - 1, max(gone) + 1, 0)
        heard.gaps.append(gap)
        return (gap,)

    async def speak(self, chunks: int = CHUNKS, first: int = 0) -> None:
        for number in range(first, first + chunks):
            for session_id in SESSIONS:
                self.writer.add(AudioChunk(session_id, 0, number, number, number, b"\0\0"))
            await asyncio.sleep(EVERY_S)

    def count(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"gateway_records_{name}_total") or 0.0


def _numbers(records: Sequence[Any]) -> list[int]:
    return [each.value.sequence for each in records if isinstance(each.value, AudioChunk)]


@pytest.mark.parametrize("answer_s", [ANSWER_S, 3.0])
def test_a_third_of_all_puts_refused_nothing_is_lost_and_nothing_put_twice(
    run_virtual: RunVirtual, answer_s: float
) -> None:
    """Also when the stream is so slow that a call holds a dozen chunks of each session."""

    async def run() -> None:
        stream = Stream(1 / 3, answer_s)
        talk = Talk(stream)
        talk.writer.start()
        await talk.speak()
        assert await talk.writer.drain(120)
        await talk.writer.close()
        for session_id, heard in talk.heard.items():
            assert heard == Session(durable=list(range(CHUNKS)))
            assert sorted(stream.numbers(session_id)) == list(range(CHUNKS))
        refused = len(stream.offered) - len(stream.stored)
        assert 0.25 < refused / len(stream.offered) < 0.42

    run_virtual(run())


def test_answers_lost_for_longer_than_the_deadline_call_nothing_lost(
    run_virtual: RunVirtual,
) -> None:
    """Each call is stored and times out, for 40 s: audio is put again, and is not called lost."""

    async def run() -> None:
        stream = Stream()
        talk = Talk(stream)
        talk.writer.start()
        stream.away, stream.stores_all_the_same = RetryableError("no answer"), True
        await talk.speak(160)
        stream.away = None
        await talk.speak(20, first=160)
        assert await talk.writer.drain(10)
        await talk.writer.close()
        for session_id, heard in talk.heard.items():
            assert heard.lost == []
            assert heard.unsure
            assert sorted([*heard.unsure, *heard.durable]) == list(range(180))
            assert heard.durable == sorted(heard.durable)
            assert set(stream.numbers(session_id)) == set(range(180))
            assert heard.gaps
        assert talk.count("lost") == 0
        assert talk.count("unsure") == sum(len(heard.unsure) for heard in talk.heard.values())

    run_virtual(run())


@pytest.mark.parametrize("declares_gaps", [True, False])
def test_what_was_refused_until_the_deadline_is_lost_and_what_was_stored_behind_it_is_not(
    run_virtual: RunVirtual, *, declares_gaps: bool
) -> None:
    """One chunk is refused for 40 s while those behind it are taken."""

    async def run() -> None:
        stream = Stream()
        talk = Talk(stream, declares_gaps=declares_gaps)
        talk.writer.start()

        def refuses_the_third(_call: int, records: Sequence[SinkRecord]) -> list[str | None]:
            values = [decode(each.data) for each in records]
            third = [isinstance(each, AudioChunk) and each.sequence == 2 for each in values]
            return ["Throttled" if each else None for each in third]

        stream.script = refuses_the_third
        await talk.speak(160)
        assert await talk.writer.drain(10)
        await talk.writer.close()
        others = [0, 1, *range(3, 160)]
        for session_id, heard in talk.heard.items():
            assert (heard.durable, heard.lost, heard.unsure) == (others, [2], [])
            assert stream.numbers(session_id) == others
            gaps = [(gap.after_sequence, gap.next_sequence) for gap in heard.gaps]
            assert gaps == ([(1, 3)] if declares_gaps else [])
        assert talk.count("lost") == len(SESSIONS)
        assert talk.count("stored") == len(SESSIONS) * (159 + declares_gaps)

    run_virtual(run())


def test_a_stream_that_throttles_whole_calls_took_nothing(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        stream = Stream()
        talk = Talk(stream)
        talk.writer.start()
        stream.away = ThrottledError("too many")
        await talk.speak(160)
        stream.away = None
        assert await talk.writer.drain(10)
        await talk.writer.close()
        for session_id, heard in talk.heard.items():
            assert heard.lost
            assert heard.unsure == []
            assert heard.lost + heard.durable == list(range(160))
            assert stream.numbers(session_id) == heard.durable

    run_virtual(run())
