"""The flow that this project replaces, as good as such a flow can be: what the lag is compared to.

An event source reads every shard from LATEST and gathers batches (``window_batches``); up to ten
batches of a shard are worked on at once, but the parts of one session one after another. A part is
one call of the recogniser; its text goes into every language that is heard, side by side
(``window_saying``).

Where the original leaves a choice, this takes the quicker one: shards are read five times a second
(the quota; Lambda's own pollers ask once), a part waits for its own session only and not for the
rest of an earlier batch, nothing starts cold, listeners are known without a look-up, and a batch
without words makes no calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.baseline.batches import Batch, BatchWindow
from benchmarks.baseline.delivery import FlowConnectors, SpokenText, TextDelivery
from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.shard_source import Shard, ShardRecord, StartAt, StartKind
from local_stack.latency import percentile
from schemas.avro_codec import decode
from schemas.values import SAMPLE_RATE_HZ, AudioChunk, ControlKind, Timeline

BATCHES_AT_ONCE = 10
READ_EVERY_S = 0.2


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class FlowReport:
    """``gathered_*``: from a batch's first record read until it was handed on. ``worked_*``: from
    then until all of it was done. ``talks_a_shard``: the most sessions met in one batch.
    ``failed``: recognitions and languages given up."""

    batches: int
    records_mean: float
    gathered_mean_s: float
    gathered_p95_s: float
    worked_mean_s: float
    worked_p95_s: float
    talks_a_shard: int
    failed: int


@dataclass(slots=True)
class _Session:
    """What is known of a session between its batches."""

    source_language: str
    languages: tuple[str, ...] = ()
    revision: int = -1
    next_number: int = 0
    next_chunk: tuple[int, int] = (0, 0)


class WindowFlow:
    """``run`` until ``stop``. Times of batches are the loop's, those in messages ``now_ms``'s."""

    def __init__(
        self,
        connectors: FlowConnectors,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
        batches_at_once: int = BATCHES_AT_ONCE,
    ) -> None:
        self._connectors = connectors
        self._delivery = TextDelivery(connectors, now_ms)
        self._now_ms = now_ms
        self._batches_at_once = batches_at_once
        self._sessions: dict[str, _Session] = {}
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self.reading = asyncio.Event()
        """Set once every shard's LATEST is fixed: what is put from then on is read."""
        self._worked_s: list[tuple[Batch, float]] = []
        self._failed = 0

    def stop(self) -> None:
        """Hand on what is gathered, finish what is begun, and return from ``run``."""
        self._stopping.set()

    async def run(self) -> None:
        source = self._connectors.source
        shards = await source.list_shards()
        iterators = await asyncio.gather(*(self._latest(shard) for shard in shards))
        self.reading.set()
        async with asyncio.TaskGroup() as group:
            for iterator in iterators:
                group.create_task(self._follow(iterator, group))

    def report(self) -> FlowReport:
        batches = [batch for batch, _ in self._worked_s]
        gathered_s = [batch.gathered_s for batch in batches]
        worked_s = [worked_s for _, worked_s in self._worked_s]
        return FlowReport(
            batches=len(batches),
            records_mean=_mean([len(batch.records) for batch in batches]),
            gathered_mean_s=_mean(gathered_s),
            gathered_p95_s=percentile(gathered_s, 0.95),
            worked_mean_s=_mean(worked_s),
            worked_p95_s=percentile(worked_s, 0.95),
            talks_a_shard=max((len(batch.by_session()) for batch in batches), default=0),
            failed=self._failed,
        )

    async def _latest(self, shard: Shard) -> str:
        return await self._connectors.source.iterator(shard.shard_id, StartAt(StartKind.LATEST))

    async def _follow(self, iterator: str, group: asyncio.TaskGroup) -> None:
        """Read one shard and start its batches."""
        loop = asyncio.get_running_loop()
        window, slots = BatchWindow(), asyncio.Semaphore(self._batches_at_once)
        next_iterator: str | None = iterator
        read_at_s = loop.time()
        while next_iterator is not None and not self._stopping.is_set():
            await self._sleep_until(min(read_at_s, window.due_at_s() or read_at_s))
            if loop.time() >= read_at_s:
                read_at_s = loop.time() + READ_EVERY_S
                next_iterator = await self._read(next_iterator, window)
            if window.is_due(loop.time()):
                await slots.acquire()
                group.create_task(self._work(window.take(loop.time()), slots))
        if window.due_at_s() is not None:
            await slots.acquire()
            group.create_task(self._work(window.take(loop.time()), slots))

    async def _sleep_until(self, at_s: float) -> None:
        wait_s = at_s - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _read(self, iterator: str, window: BatchWindow) -> str | None:
        read = await call(
            self._connectors.policies.read,
            lambda: self._connectors.source.read(iterator, window.room),
        )
        window.add(read.records, asyncio.get_running_loop().time())
        return read.next_iterator

    async def _work(self, batch: Batch, slots: asyncio.Semaphore) -> None:
        """All sessions of a batch side by side, each behind its own part of the batch before."""
        parts: list[asyncio.Task[None]] = []
        for session_id, records in batch.by_session().items():
            earlier = self._newest.get(session_id)
            part = asyncio.create_task(self._part(session_id, records, earlier))
            self._newest[session_id] = part
            parts.append(part)
        await asyncio.gather(*parts)
        slots.release()
        self._worked_s.append((batch, asyncio.get_running_loop().time() - batch.closed_at_s))

    async def _part(
        self, session_id: str, records: Sequence[ShardRecord], earlier: asyncio.Task[None] | None
    ) -> None:
        closed_at_ms = self._now_ms()
        if earlier is not None:
            await earlier
        try:
            session = await self._session(session_id)
            chunks = _take(session, records)
            if chunks:
                await self._utter(session_id, session, chunks, closed_at_ms)
        except ConnectorError:
            self._failed += 1  # its listeners miss it, as they do in the original

    async def _session(self, session_id: str) -> _Session:
        if session_id not in self._sessions:
            connectors = self._connectors
            found = await call(
                connectors.policies.directory, lambda: connectors.directory.find(session_id)
            )
            self._sessions[session_id] = _Session(found.source_language if found else "en")
        return self._sessions[session_id]

    async def _utter(
        self, session_id: str, session: _Session, chunks: Sequence[AudioChunk], closed_at_ms: int
    ) -> None:
        pcm = b"".join(chunk.pcm for chunk in chunks)
        timeline = Timeline.start(chunks[0].captured_at_ms).mark("window", closed_at_ms)
        text = await self._recognise(pcm, session.source_language)
        if not text:
            return
        utterance = SpokenText(
            session_id,
            session.next_number,
            session.source_language,
            text,
            chunks[0].captured_at_ms,
            len(pcm) / 2 / SAMPLE_RATE_HZ,
            timeline.mark("recognise", self._now_ms()),
        )
        session.next_number += 1
        said = await asyncio.gather(
            *(self._delivery.say(utterance, language) for language in session.languages)
        )
        self._failed += said.count(False)

    async def _recognise(self, pcm: bytes, language: str) -> str:
        """A recognition of its own for this audio alone."""
        stream = await self._connectors.speech_to_text.open(language, sample_rate_hz=SAMPLE_RATE_HZ)
        try:
            await stream.send(pcm)
            await stream.finish()
            words = [
                word.text async for result in stream if result.is_final for word in result.words
            ]
        finally:
            await stream.close()
        return " ".join(words)


def _take(session: _Session, records: Sequence[ShardRecord]) -> list[AudioChunk]:
    """The audio of these records that is new, in order; what they say of listeners is noted."""
    chunks: list[AudioChunk] = []
    for record in records:
        value = decode(record.data)
        if isinstance(value, AudioChunk):
            if (value.epoch, value.sequence) >= session.next_chunk:
                session.next_chunk = (value.epoch, value.sequence + 1)
                chunks.append(value)
        elif value.kind is ControlKind.LISTENERS and value.revision > session.revision:
            session.languages, session.revision = value.languages or (), value.revision
    return chunks


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
