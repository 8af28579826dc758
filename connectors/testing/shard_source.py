"""A stream in memory whose shards split, merge, throttle and lose iterators on command."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.interfaces.errors import (
    ConnectorError,
    ExpiredIteratorError,
    PermanentError,
    ThrottledError,
)
from connectors.interfaces.shard_source import (
    MAX_HASH_KEY,
    RecordBatch,
    Shard,
    ShardRecord,
    StartAt,
    StartKind,
    hash_key,
)

_LONGEST_WAIT_S = 1.0
_LOOK_EVERY_S = 0.01


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Log:
    shard: Shard
    records: list[ShardRecord] = field(default_factory=list)
    is_closed: bool = False
    trimmed: int = 0
    """The first so many records are past their retention."""


class ScriptedShardSource:
    """Behaves as Kinesis does at its edges; every edge has a method that brings it about.

    ``now_ms`` is the clock: a record put with a later ``at_ms`` is there only when the clock has
    come to it, so a whole talk can be put at once. Iterators are text: generation, shard, index.
    With ``read_every_s`` 0 a read at the tip waits for records, as behind a subscription.
    """

    def __init__(
        self,
        shards: int = 1,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
        read_every_s: float = 0.2,
    ) -> None:
        self._now_ms = now_ms
        self._read_every_s = read_every_s
        self._logs: dict[str, _Log] = {}
        self._numbers = 0
        self._generation = 0
        self._faults: list[ConnectorError] = []
        self._delay_s = 0.0
        self.reads: Counter[str] = Counter()
        """How often each shard was read, failed reads not counted."""
        width = (MAX_HASH_KEY + 1) // shards
        for index in range(shards):
            last = MAX_HASH_KEY if index == shards - 1 else (index + 1) * width - 1
            self._open(index * width, last)

    # What a test scripts ------------------------------------------------------------------------

    def put(self, partition_key: str, data: bytes, at_ms: int | None = None) -> ShardRecord:
        """Append to the open shard that owns the key's hash; numbers grow over the whole stream."""
        self._numbers += 1
        arrived_at_ms = self._now_ms() if at_ms is None else at_ms
        record = ShardRecord(partition_key, f"{self._numbers:021d}", arrived_at_ms, data)
        self._owner(hash_key(partition_key)).records.append(record)
        return record

    def split(self, shard_id: str, at_hash: int | None = None) -> tuple[Shard, Shard]:
        """Close a shard; two children share its range, the second from ``at_hash`` on."""
        parent = self._log(shard_id)
        first, last = parent.shard.first_hash, parent.shard.last_hash
        middle = (first + last + 1) // 2 if at_hash is None else at_hash
        if not first < middle <= last or parent.is_closed:
            raise ValueError(f"cannot split {shard_id} at {middle}")
        parent.is_closed = True
        return self._open(first, middle - 1, shard_id), self._open(middle, last, shard_id)

    def merge(self, shard_id: str, adjacent_id: str) -> Shard:
        """Close two neighbours; one child has both ranges."""
        left, right = sorted(
            (self._log(shard_id), self._log(adjacent_id)), key=lambda log: log.shard.first_hash
        )
        if left.shard.last_hash + 1 != right.shard.first_hash or left.is_closed or right.is_closed:
            raise ValueError(f"{shard_id} and {adjacent_id} are not open neighbours")
        left.is_closed = right.is_closed = True
        return self._open(left.shard.first_hash, right.shard.last_hash, shard_id, adjacent_id)

    def forget(self, shard_id: str) -> None:
        """The retention of a closed shard is over: it is listed and read no more."""
        if not self._log(shard_id).is_closed:
            raise ValueError(f"{shard_id} is open")
        del self._logs[shard_id]

    def trim(self, shard_id: str, through_number: str) -> None:
        """The retention of all records up to this sequence number is over."""
        log = self._log(shard_id)
        log.trimmed = sum(record.sequence_number <= through_number for record in log.records)

    def throttle(self, calls: int, retry_after_s: float | None = None) -> None:
        """The next ``calls`` calls of ``iterator``, ``read`` and ``oldest`` are refused."""
        self.fail(*(ThrottledError("scripted throttling", retry_after_s) for _ in range(calls)))

    def fail(self, *errors: ConnectorError) -> None:
        """The next calls of ``iterator``, ``read`` and ``oldest`` raise these, in order."""
        self._faults.extend(errors)

    def expire_iterators(self) -> None:
        """Every iterator handed out so far is too old."""
        self._generation += 1

    def delay(self, answer_s: float) -> None:
        """From now on every call takes this long, in the loop's time."""
        self._delay_s = answer_s

    # ShardSource --------------------------------------------------------------------------------

    @property
    def read_every_s(self) -> float:
        return self._read_every_s

    async def list_shards(self) -> tuple[Shard, ...]:
        await self._answer_slowly()
        return tuple(log.shard for log in self._logs.values())

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        await self._answer_slowly()
        self._raise_fault()
        return self._iterator(shard_id, self._index(self._log(shard_id), start))

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        await self._answer_slowly()
        self._raise_fault()
        generation, _, rest = iterator.partition("/")
        shard_id, _, index = rest.partition("/")
        if generation != str(self._generation) or not index.isdigit():
            raise ExpiredIteratorError("the iterator is too old")
        log = self._log(shard_id)
        self.reads[shard_id] += 1
        if not self._read_every_s:
            await self._wait_for_more(log, int(index))
        there = self._visible(log)
        first = max(int(index), log.trimmed)
        end = max(first, min(first + limit, there))
        at_end = log.is_closed and end == len(log.records)
        oldest_unread_ms = log.records[end].arrived_at_ms if end < there else self._now_ms()
        return RecordBatch(
            records=tuple(log.records[first:end]),
            next_iterator=None if at_end else self._iterator(shard_id, end),
            behind_ms=self._now_ms() - oldest_unread_ms,
        )

    async def oldest(self, shard_id: str) -> str | None:
        await self._answer_slowly()
        self._raise_fault()
        log = self._log(shard_id)
        there = log.records[log.trimmed : self._visible(log)]
        return there[0].sequence_number if there else None

    async def close(self) -> None:
        """Nothing is held open."""

    # --------------------------------------------------------------------------------------------

    def _open(self, first_hash: int, last_hash: int, *parent_ids: str) -> Shard:
        opened = max((int(shard_id[-12:]) for shard_id in self._logs), default=-1) + 1
        shard = Shard(f"shardId-{opened:012d}", first_hash, last_hash, parent_ids)
        self._logs[shard.shard_id] = _Log(shard)
        return shard

    def _log(self, shard_id: str) -> _Log:
        if shard_id not in self._logs:
            raise PermanentError(f"no shard {shard_id}")
        return self._logs[shard_id]

    def _owner(self, key: int) -> _Log:
        return next(
            log
            for log in self._logs.values()
            if not log.is_closed and log.shard.first_hash <= key <= log.shard.last_hash
        )

    def _visible(self, log: _Log) -> int:
        """How many records have arrived by now."""
        now_ms = self._now_ms()
        arrived = (
            index for index, record in enumerate(log.records) if record.arrived_at_ms > now_ms
        )
        return next(arrived, len(log.records))

    def _index(self, log: _Log, start: StartAt) -> int:
        if start.kind is StartKind.TRIM_HORIZON:
            return 0
        if start.kind is StartKind.LATEST:
            return self._visible(log)
        for index, record in enumerate(log.records):
            if start.kind is StartKind.AT_TIMESTAMP and record.arrived_at_ms >= int(start.value):
                return index
            if (
                start.kind is StartKind.AFTER_SEQUENCE_NUMBER
                and record.sequence_number > start.value
            ):
                return index
        return len(log.records)

    def _iterator(self, shard_id: str, index: int) -> str:
        return f"{self._generation}/{shard_id}/{index}"

    async def _wait_for_more(self, log: _Log, index: int) -> None:
        """Until the clock shows more records than ``index``, at most a second."""
        for _ in range(round(_LONGEST_WAIT_S / _LOOK_EVERY_S)):
            if log.is_closed or self._visible(log) > index:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _answer_slowly(self) -> None:
        await asyncio.sleep(self._delay_s)

    def _raise_fault(self) -> None:
        if self._faults:
            raise self._faults.pop(0)
