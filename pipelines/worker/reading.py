"""Reads shards ahead of the poller, so that a tick finds batches waiting.

A batch counts only if it continues the position in the reader's Beam state; whatever was read
ahead in a lost past is thrown away and read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from connectors.errors import ConnectorError, ExpiredIteratorError, PermanentError
from connectors.policy import call
from connectors.positions import ShardPosition
from connectors.registry import Connectors
from connectors.shard_source import Shard, ShardRecord, StartAt, StartKind
from pipelines.worker.loops import WorkerLoop

_log = logging.getLogger(__name__)

BATCHES_AHEAD = 4
RECORDS_A_READ = 1_000
AFTER_ERROR_S = 0.4
"""The least pause behind a read that failed."""
LIST_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Records behind ``after``; ``read_through_ms``: their shard is read up to that arrival."""

    after: StartAt
    records: tuple[ShardRecord, ...]
    read_through_ms: int
    finished: bool

    @property
    def last(self) -> str:
        return self.records[-1].sequence_number if self.records else ""


@dataclass
class _ShardAhead:
    position: StartAt
    spacing_s: float
    batches: deque[ReadBatch] = field(default_factory=deque)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    task: Future[None] | None = None

    def continues(self, position: StartAt) -> bool:
        """Whether what is ahead follows ``position`` (a reader that came to its end does not)."""
        ended = self.task is not None and self.task.done() and not self.batches
        return self.position == position and not ended

    def oldest(self) -> ReadBatch | None:
        """Taken out. Asking first whether there is one would be too early: see ``add``."""
        try:
            return self.batches.popleft()
        except IndexError:
            return None

    def add(self, batch: ReadBatch) -> None:
        """Small batches become one: a source that pushes would fill the room with single records.

        The poller may take at any moment from its own thread, so only what was popped is changed,
        and what is popped next continues what was taken.
        """
        try:
            last = self.batches.pop()
        except IndexError:
            last = None
        if last is not None:
            if last.records and 0 < len(batch.records) <= RECORDS_A_READ - len(last.records):
                batch = replace(batch, after=last.after, records=last.records + batch.records)
            else:
                self.batches.append(last)
        self.batches.append(batch)


class ShardReader:
    """What one reader (one key of the poller) has read ahead. Called from the poller's thread."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors) -> None:
        self._loop = loop
        self._connectors = connectors
        self.saved_at_ms = 0
        self._shards: dict[str, _ShardAhead] = {}
        self._listed: tuple[Shard, ...] | None = None
        self._saved: Future[dict[str, ShardPosition]] | None = None
        self._listing = loop.start(self._list_for_ever())

    def listed_shards(self) -> tuple[Shard, ...] | None:
        """The newest listing, or None while there is none."""
        return self._listed

    def saved_positions(self, job_name: str) -> dict[str, ShardPosition] | None:
        """What the job saved when it last ran, or None while the answer is under way."""
        if self._saved is None or (self._saved.done() and self._saved.exception()):
            load = self._connectors.positions.load
            policy = self._connectors.policies.positions
            self._saved = self._loop.start(call(policy, lambda: load(job_name)))
        return self._saved.result() if self._saved.done() else None

    def take(self, shard_id: str, position: StartAt, quota_shares: int) -> list[ReadBatch]:
        """The batches that continue ``position``; begins to read there if nobody does.

        ``quota_shares``: how many readers share the shard's quota.
        """
        ahead = self._shards.get(shard_id)
        if ahead is not None and not ahead.continues(position):
            self._forget(shard_id)
            ahead = None
        if ahead is None:
            spacing_s = self._connectors.shard_source.read_every_s * quota_shares
            ahead = self._shards[shard_id] = _ShardAhead(position, spacing_s)
            ahead.task = self._loop.start(self._read_ahead(shard_id, ahead))
            return []
        taken: list[ReadBatch] = []
        while (batch := ahead.oldest()) is not None:
            taken.append(batch)
            if batch.last:
                ahead.position = _after(batch)
        self._loop.start(_set(ahead.room))
        return taken

    def forget_all_but(self, shard_ids: Iterable[str]) -> None:
        keep = set(shard_ids)
        for shard_id in [each for each in self._shards if each not in keep]:
            self._forget(shard_id)

    def close(self) -> None:
        self._listing.cancel()
        self.forget_all_but(())

    def _forget(self, shard_id: str) -> None:
        task = self._shards.pop(shard_id).task
        if task is not None:
            task.cancel()

    async def _list_for_ever(self) -> None:
        while True:
            try:
                self._listed = await self._connectors.shard_source.list_shards()
            except ConnectorError as error:
                _log.warning("listing shards failed: %s", error)
            await asyncio.sleep(LIST_EVERY_S if self._listed is not None else 0.5)

    async def _read_ahead(self, shard_id: str, ahead: _ShardAhead) -> None:
        source = self._connectors.shard_source
        position = ahead.position
        iterator: str | None = None
        while True:
            started_s = asyncio.get_running_loop().time()
            asked_at_ms = self._loop.now_ms()
            try:
                if iterator is None:
                    iterator = await source.iterator(shard_id, position)
                result = await source.read(iterator, RECORDS_A_READ)
            except ExpiredIteratorError:
                iterator = None
                continue
            except PermanentError as error:
                _log.error("shard %s cannot be read: %s", shard_id, error)
                await asyncio.sleep(5)
                iterator = None
                continue
            except ConnectorError as error:
                _log.warning("reading %s failed: %s", shard_id, error)
                await asyncio.sleep(max(ahead.spacing_s * 2, AFTER_ERROR_S))
                continue
            iterator = result.next_iterator
            finished = iterator is None
            read_through_ms = asked_at_ms - result.behind_ms
            batch = ReadBatch(position, result.records, read_through_ms, finished)
            ahead.add(batch)
            if batch.last:
                position = _after(batch)
            if finished:
                return
            while len(ahead.batches) >= BATCHES_AHEAD:
                ahead.room.clear()
                await ahead.room.wait()
            # At the tip, and in a backlog alike, the quota sets the pace (0: there is none).
            spent_s = asyncio.get_running_loop().time() - started_s
            await asyncio.sleep(max(0.0, ahead.spacing_s - spent_s))


class ReaderRegistry:
    """The readers of this process, by key."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors) -> None:
        self._loop = loop
        self._connectors = connectors
        self._readers: dict[str, ShardReader] = {}

    def reader(self, key: str) -> ShardReader:
        if key not in self._readers:
            self._readers[key] = ShardReader(self._loop, self._connectors)
        return self._readers[key]

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()


def _after(batch: ReadBatch) -> StartAt:
    return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, batch.last)


async def _set(event: asyncio.Event) -> None:
    event.set()
