"""The job's reader outside of Beam: what it reads comes out record by record."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from beam_flink_kit.loops import LiveLoop
from connectors.interfaces.shard_source import ShardSource, StartAt
from connectors.registry import Connectors
from connectors.testing.connectors import scripted_connectors
from pipelines.log.reader import ReadBatch, ReadOptions
from pipelines.log.record_decoder import decoded
from pipelines.log.shards import Progress
from pipelines.runtime.reading_engine import ReadingEngine, emptied
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.warm_up import WarmUp
from pipelines.session.records import Place, ReadRecord
from schemas.values import DeadLetter

TICK_S = 0.05

Emitted = tuple[str, ReadRecord] | DeadLetter
"""A session and a record of it, or a record that was refused."""


def session_tools(loop: LiveLoop, connectors: Connectors) -> SessionTools:
    speculation = SpeculativeDelivery(loop, connectors, is_on=False)
    return SessionTools(loop, connectors, speculation, WarmUp(loop, connectors))


class CollectingEngine(ReadingEngine):
    """One reader that keeps what it reads, never full, every record covered at once."""

    def __init__(self, number: int, options: ReadOptions, tools: SessionTools) -> None:
        self._read: deque[Emitted] = deque()
        super().__init__(number, options, tools, None, lambda: None)

    @property
    def sessions(self) -> int:
        return 0

    @property
    def progress(self) -> Progress:
        return {} if self._reader is None else self._reader.marks()

    def begin(self) -> None:
        """What is read needs no preparation."""

    def take(self, batch: ReadBatch) -> None:
        now_ms = self._tools.loop.now_ms()
        for session_id, records in decoded(batch, now_ms, self._read.append, raw=False).items():
            self._read.extend((session_id, record) for record in records)

    def oldest_open(self) -> dict[str, Place]:
        return {}

    def is_full(self) -> bool:
        return False

    def take_read(self) -> list[Emitted]:
        """Also tells the engine that somebody still asks: it ends by itself otherwise."""
        self.asked()
        return emptied(self._read)

    def ended(self) -> None:
        """What was read may still be taken."""


class Polling:
    """Readers that share a stream as the job's do, for one thread.

    The source is used on a loop of its own, where ``close`` closes it and then calls ``on_close``.
    """

    def __init__(
        self,
        source: ShardSource,
        readers: int,
        start: StartAt,
        *,
        on_close: tuple[Callable[[], Awaitable[None]], ...] = (),
    ) -> None:
        loop = self._loop = LiveLoop()
        self._connectors = replace(
            scripted_connectors(loop.now_ms), shard_source=source, on_close=on_close
        )
        tools = session_tools(loop, self._connectors)
        options = ReadOptions("polling", start, readers=readers)

        async def begin() -> tuple[CollectingEngine, ...]:
            return tuple(CollectingEngine(number, options, tools) for number in range(readers))

        self._engines = loop.wait(loop.start(begin()))

    @property
    def progress(self) -> tuple[Progress, ...]:
        """Of each reader, by shard."""

        async def found() -> tuple[Progress, ...]:
            return tuple(engine.progress for engine in self._engines)

        return self._loop.wait(self._loop.start(found()))

    def tick(self) -> Iterator[Emitted]:
        """What every reader has read since it was last asked."""

        async def taken() -> list[Emitted]:
            return [each for engine in self._engines for each in engine.take_read()]

        yield from self._loop.wait(self._loop.start(taken()))

    def close(self) -> None:
        async def stop() -> None:
            for engine in self._engines:
                engine.stop()
            await self._connectors.close()

        self._loop.wait(self._loop.start(stop()))
        self._loop.stop()
