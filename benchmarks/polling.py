"""The job's poller outside of Beam: ticks go in, records come out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from connectors.job_connectors import FolderConnectors, SpeechChoice
from connectors.registry import Connectors
from connectors.shard_source import ShardSource, StartAt
from pipelines.core.reading import ReaderState
from pipelines.core.records import ReadRecord
from pipelines.transforms.read_audio import PollShards, ReadOptions
from pipelines.worker.process import TimeMode, WorkerSettings
from schemas.values import DeadLetter

TICK_S = 0.05
"""Of a reader: every second tick of the live job's clock."""


@dataclass(slots=True)
class _Cell:
    """A reader's state in Beam."""

    state: ReaderState | None = None

    def read(self) -> ReaderState | None:
        return self.state

    def write(self, state: ReaderState) -> None:
        self.state = state


@dataclass(frozen=True, eq=False)
class _Given:
    """A ``ConnectorFactory`` of connectors that are there already."""

    connectors: Connectors

    def build(self) -> Connectors:
        return self.connectors


class Polling:
    """``PollShards`` with its readers' state, for one thread.

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
        self._cells = [_Cell() for _ in range(readers)]
        # Only the stream is used; the rest is whatever opens without services.
        rest = FolderConnectors(Path(), SpeechChoice("scripted", "scripted", "scripted"))
        connectors = replace(rest.build(), shard_source=source, on_close=on_close)
        settings = WorkerSettings(_Given(connectors), TimeMode.INLINE)
        self._poll = PollShards(ReadOptions("polling", start, readers=readers), settings)
        self._poll.setup()

    @property
    def states(self) -> tuple[ReaderState | None, ...]:
        return tuple(cell.state for cell in self._cells)

    def tick(self) -> Iterator[tuple[str, ReadRecord] | DeadLetter]:
        """What every reader emits at this moment: (session, record), or a refused record."""
        now: Any = Timestamp(micros=time.time_ns() // 1000)
        for number, cell in enumerate(self._cells):
            for emitted in self._poll.process((f"reader-{number}", number), now, cell):
                yield emitted.value

    def close(self) -> None:
        self._poll.teardown()
