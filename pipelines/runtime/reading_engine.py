"""What every engine does: it claims a generation, reads its shards, and keeps its low-water marks.

An engine lives on the worker's own loop, beside the bundles. Beam's state gets its marks about once
a second, the positions table every few seconds; where its successor begins is told by those, the
further counts, and by the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.positions import SupersededError
from connectors.registry import Connectors
from pipelines.log.reader import ReadBatch, ReadOptions, ShardReader
from pipelines.log.shards import SavedMarks, ShardProgress
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.supervision import Supervised
from pipelines.session.records import Place
from schemas.values import DeadLetter

T = TypeVar("T")

_log = logging.getLogger(__name__)

LEASE_S = 10.0
"""An engine that no bundle has asked for so long belongs to a job that is over, and stops."""
LOOK_EVERY_S = 0.5
SAVE_EVERY_S = 5.0
CLAIM_AGAIN_S = 1.0


async def claim_generation(connectors: Connectors, job_name: str) -> int:
    """A generation newer than every earlier one of the job, which may write no more from now on."""
    return await call(connectors.policies.positions, lambda: connectors.positions.claim(job_name))


async def wait_for_generation(connectors: Connectors, job_name: str) -> int:
    """The same, for as long as the positions table is away."""
    while True:
        try:
            return await claim_generation(connectors, job_name)
        except ConnectorError as error:
            _log.warning("job %s has no generation yet: %s", job_name, error)
        await asyncio.sleep(CLAIM_AGAIN_S)


class ReadingEngine(ABC):
    """``rung`` is called when something waits to be handed on. Lives in the loop.

    ``is_superseded``: a newer run of the job has taken its place, and it is not to be begun again.
    ``has_lost``: another engine owns what this one served.
    """

    def __init__(
        self,
        number: int,
        options: ReadOptions,
        tools: SessionTools,
        saved: SavedMarks | None,
        rung: Callable[[], None],
    ) -> None:
        self.letters: deque[DeadLetter] = deque()
        self.is_stopped = self.is_superseded = self.has_lost = False
        self.generation = 0 if saved is None else saved.generation
        self._number = number
        # Where there are marks, of whatever kind, the job was there before: it never begins anew.
        self._options = options if saved is None else replace(options, resume=True)
        self._tools = tools
        self._rung = rung
        self._name = uuid.uuid4().hex
        self._count = 0
        self._saved: Mapping[str, ShardProgress] = {} if saved is None else saved.shards
        self._reader: ShardReader | None = None
        self._supervised = Supervised()
        self._read_count = self._told_count = 0
        self._asked_at_s = asyncio.get_running_loop().time()
        self._supervised.start("engine", self._run)

    # What an engine is for ----------------------------------------------------------------------

    @abstractmethod
    def begin(self) -> None:
        """The generation is claimed: get ready for what is read."""

    @abstractmethod
    def take(self, batch: ReadBatch) -> None:
        """What was read, at once."""

    @abstractmethod
    def oldest_open(self) -> dict[str, Place]:
        """By shard, the oldest record that the ledger does not cover."""

    @abstractmethod
    def is_full(self) -> bool:
        """Whether reading is to wait."""

    @property
    @abstractmethod
    def sessions(self) -> int: ...

    @abstractmethod
    def ended(self) -> None:
        """The engine has stopped: nothing is written any more."""

    # What a step asks ---------------------------------------------------------------------------

    def stands_at(self, saved: SavedMarks | None) -> bool:
        """Whether Beam's state is what this engine last gave it."""
        if saved is None or saved.engine != self._name:
            return self._count == 0
        return saved.count == self._count

    def asked(self) -> None:
        """A bundle is there: the job runs."""
        self._asked_at_s = asyncio.get_running_loop().time()
        if self.has_lost:
            self.stop()

    def marks(self) -> SavedMarks | None:
        """What Beam's state is to keep; None while nothing is known."""
        if self._reader is None or not self._reader.is_ready or not self._may_save:
            return None
        self._count += 1
        return SavedMarks(self.generation, self._name, self._count, self._reader.marks())

    def take_count_of_read(self) -> int:
        """How many records were read since the last time."""
        read, told = self._read_count, self._told_count
        self._told_count = read
        return read - told

    def take_letters(self) -> list[DeadLetter]:
        return emptied(self.letters)

    def stop(self) -> None:
        if self.is_stopped:
            return
        self.is_stopped = True
        self._supervised.close()
        if self._reader is not None:
            self._reader.close()
        self.ended()

    # ----------------------------------------------------------------------------------------------

    def lost(self, generation: int) -> None:
        """An engine of ``generation`` owns what this one served."""
        self.has_lost = True
        self.is_superseded = self.is_superseded or generation > self.generation

    def read_again(self) -> None:
        if self._reader is not None:
            self._reader.read_again()

    @property
    def _may_save(self) -> bool:
        """What is read after something was lost is not kept: marks would say too much."""
        return not self.is_stopped and not self.has_lost

    async def _run(self) -> None:
        if self._reader is None:
            await self._begin()
        saved_at_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = asyncio.get_running_loop().time()
            if now_s - self._asked_at_s > LEASE_S:
                _log.warning("engine %d: no bundle for %g s, it stops", self._number, LEASE_S)
                self.stop()
                return
            if now_s - saved_at_s >= SAVE_EVERY_S:
                saved_at_s = now_s
                await self._save()

    async def _begin(self) -> None:
        connectors = self._tools.connectors
        if not self.generation:
            self.generation = await wait_for_generation(connectors, self._options.job_name)
        self.begin()
        self._reader = ShardReader(
            self._number,
            self._options,
            connectors,
            self._tools.loop,
            self._saved,
            self._take,
            self.oldest_open,
            self.is_full,
            self._supervised,
        )
        self._supervised.start("shards", self._reader.run)

    def _take(self, batch: ReadBatch) -> None:
        self._read_count += len(batch.records)
        self.take(batch)

    async def _save(self) -> None:
        """Where a job without state would go on. Another save comes before long."""
        if self._reader is None or not self._reader.is_ready or not self._may_save:
            return
        rows, connectors = self._reader.rows(), self._tools.connectors
        try:
            await call(
                connectors.policies.positions,
                lambda: connectors.positions.save(self._options.job_name, rows, self.generation),
            )
        except SupersededError:
            _log.error("engine %d: a newer run of the job saves its positions", self._number)
            self.lost(self.generation + 1)
        except ConnectorError as error:
            _log.warning("engine %d: positions not saved: %s", self._number, error)


def emptied(waiting: deque[T]) -> list[T]:
    """Take out all that waits; two bundles of one process may do so at once."""
    out: list[T] = []
    with suppress(IndexError):
        while True:
            out.append(waiting.popleft())
    return out
