"""Reads the shards of one reader on the worker's loop, and knows its low-water marks.

What is read goes to ``take`` at once; where reading stands moves with it, so that between two turns
of the loop the two agree. A reader that is full waits: audio waits in Kinesis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from beam_flink_kit.loops import WorkerLoop
from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError, ExpiredIteratorError, PermanentError
from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import Shard, ShardRecord, StartAt
from connectors.registry import Connectors
from pipelines.log.shards import (
    LossNumbers,
    ShardProgress,
    discovered,
    first_progress,
    furthered,
    inherited,
    lossy,
    marks,
    read_on,
    readable,
    readers_of,
    rows_to_save,
    slice_of,
    untold,
    without_reported,
)
from pipelines.runtime.supervision import Supervised
from pipelines.session.records import Place

_log = logging.getLogger(__name__)

RECORDS_A_READ = 1_000
RECORDS_A_TURN = 16
"""A record costs half a millisecond of the loop: results and answers of others get their turn in
between."""
LIST_EVERY_S = 5.0
LIST_AGAIN_S = 0.5
SAVE_EVERY_S = 5.0
AFTER_ERROR_S = 0.4
LOOK_FOR_ROOM_S = 0.05
MAY_LOSE_BEHIND_MS = 12 * 3_600_000
"""Kinesis keeps records for a day at least: a reader that is half a day behind looks whether they
are still there."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """``start`` is where shards without a saved position begin; ``resume`` uses saved ones."""

    job_name: str
    start: StartAt
    resume: bool = False
    record_format: str = "avro"
    readers: int = 4


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Records of one shard in the log's order, each with its place; other readers' are left out.

    ``loss``: see ``ReadRecord``.
    """

    records: Sequence[tuple[Place, ShardRecord]]
    loss: int = 0


class ShardReader:
    """Reader ``number`` of ``options.readers``. ``oldest_open`` tells, by shard, the oldest record
    that is not covered; ``is_full``, whether reading is to wait. All methods run in the loop."""

    def __init__(
        self,
        number: int,
        options: ReadOptions,
        connectors: Connectors,
        loop: WorkerLoop,
        saved: Mapping[str, ShardProgress],
        take: Callable[[ReadBatch], None],
        oldest_open: Callable[[], dict[str, Place]],
        is_full: Callable[[], bool],
        supervised: Supervised,
    ) -> None:
        self._number = number
        self._options = options
        self._connectors = connectors
        self._source = connectors.shard_source
        self._loop = loop
        self._share = slice_of(number, options.readers)
        self._take = take
        self._oldest_open = oldest_open
        self._is_full = is_full
        self._supervised = supervised
        self._progress: dict[str, ShardProgress] | None = dict(saved) or None
        self._is_furthered = False
        self._listed: dict[str, Shard] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._losses = LossNumbers()

    @property
    def is_ready(self) -> bool:
        """Whether it is known from where to read."""
        return self._progress is not None

    def marks(self) -> dict[str, ShardProgress]:
        """The low-water marks now. A loss that they have passed is told, and forgotten."""
        oldest = {shard_id: place.before for shard_id, place in self._oldest_open().items()}
        found = untold(marks(self._progress or {}, oldest))
        if self._progress is not None:
            self._progress = without_reported(self._progress, found)
        return found

    async def run(self) -> None:
        """Find shards for ever, and have each read that may be."""
        while True:
            try:
                shards = await self._source.list_shards()
                if shards:
                    await self._know(shards)
            except ConnectorError as error:
                _log.warning("listing shards failed: %s", error)
            self._read_what_may_be_read()
            await asyncio.sleep(LIST_EVERY_S if self._progress is not None else LIST_AGAIN_S)

    def read_again(self) -> None:
        """Go back to the low-water marks: what was read and not kept is read once more."""
        self._progress = self.marks()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._read_what_may_be_read()

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def rows(self) -> tuple[ShardPosition, ...]:
        return rows_to_save(self.marks(), self._number, self._options.readers, self._loop.now_ms())

    async def _know(self, shards: tuple[Shard, ...]) -> None:
        """Take the newest listing in. The first needs the positions table as well."""
        number, readers = self._number, self._options.readers
        self._listed = {shard.shard_id: shard for shard in shards}
        if self._progress is None:
            saved = await self._saved() if self._options.resume else {}
            self._progress = first_progress(
                self._options.start, self._loop.now_ms(), shards, saved, number, readers
            )
        elif not self._is_furthered:
            self._progress = furthered(self._progress, shards, await self._saved(), number, readers)
        self._is_furthered = True
        self._progress = discovered(self._progress, shards, number, readers)
        for shard_id in tuple(self._tasks):
            if shard_id not in self._progress:  # past its retention
                self._tasks.pop(shard_id).cancel()

    async def _saved(self) -> dict[str, ShardPosition]:
        positions, job_name = self._connectors.positions, self._options.job_name
        return await call(self._connectors.policies.positions, lambda: positions.load(job_name))

    def _read_what_may_be_read(self) -> None:
        if not self._is_furthered:
            return
        for shard_id in readable(self._progress or {}):
            task = self._tasks.get(shard_id)
            if task is None or task.done():
                shard = self._listed.get(shard_id)
                shares = 1 if shard is None else readers_of(shard, self._options.readers)
                spacing_s = self._source.read_every_s * shares
                self._tasks[shard_id] = self._supervised.start(
                    f"read {shard_id}", lambda s=shard_id, e=spacing_s: self._read(s, e)
                )

    async def _read(self, shard_id: str, spacing_s: float) -> None:
        loop = asyncio.get_running_loop()
        iterator: str | None = None
        while True:
            began_s = loop.time()
            if self._is_full():
                await asyncio.sleep(LOOK_FOR_ROOM_S)
                continue
            try:
                if iterator is None:
                    await self._probe(shard_id)
                    iterator = await self._source.iterator(shard_id, self._at(shard_id).position)
                result = await self._source.read(iterator, RECORDS_A_READ)
                if result.behind_ms >= MAY_LOSE_BEHIND_MS:
                    await self._probe(shard_id)
            except ExpiredIteratorError:
                iterator = None
                continue
            except ConnectorError as error:
                log = _log.error if isinstance(error, PermanentError) else _log.warning
                log("reading %s failed: %s", shard_id, error)
                iterator = None if isinstance(error, PermanentError) else iterator
                await asyncio.sleep(max(spacing_s * 2, AFTER_ERROR_S))
                continue
            iterator = result.next_iterator
            for first in range(0, len(result.records), RECORDS_A_TURN):
                self._hand_on(shard_id, result.records[first : first + RECORDS_A_TURN])
                await asyncio.sleep(0)
            if iterator is None:
                self._set(shard_id, replace(self._at(shard_id), finished=True))
                loop.call_soon(self._read_what_may_be_read)
                return
            # At the tip, and in a backlog alike, the quota sets the pace (0: there is none).
            await asyncio.sleep(max(0.0, spacing_s - (loop.time() - began_s)))

    async def _probe(self, shard_id: str) -> None:
        """Find out whether the log was trimmed past the place from where it is to be read."""
        at = self._at(shard_id)
        if not at.sequence_number:
            return
        oldest = await self._source.oldest(shard_id)
        if oldest is None or int(oldest) > int(at.sequence_number):
            _log.warning("%s was trimmed past the place from where it is to be read", shard_id)
            self._losses.found(shard_id)
            self._set(shard_id, lossy(self._at(shard_id)))
            self._progress = inherited(self._progress or {})

    def _hand_on(self, shard_id: str, records: Sequence[ShardRecord]) -> None:
        at = self._at(shard_id)
        before = at.sequence_number
        mine: list[tuple[Place, ShardRecord]] = []
        for record in records:
            if self._share.holds(record.partition_key):
                mine.append((Place(shard_id, record.sequence_number, before), record))
            before = record.sequence_number
        if mine:
            self._take(ReadBatch(mine, self._losses.of(shard_id, self._progress or {})))
        self._set(shard_id, read_on(self._at(shard_id), records))

    def _at(self, shard_id: str) -> ShardProgress:
        assert self._progress is not None
        return self._progress[shard_id]

    def _set(self, shard_id: str, progress: ShardProgress) -> None:
        if self._progress is not None and shard_id in self._progress:
            self._progress = {**self._progress, shard_id: progress}
