"""What the flow being replaced gathers before it begins to work, and how talks share shards. Pure.

An event source reads each shard and hands on a batch when 3 s have passed since its first record
was read, or when it holds 100 records.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.interfaces.shard_source import MAX_HASH_KEY, ShardRecord, hash_key

WINDOW_S = 3.0
MOST_RECORDS = 100
TALKS_A_SHARD = 8
"""More would fill 100 records before 3 s are over: a talk is 3.9 chunks a second."""

TALKS_BY_BYTES = 24
"""A talk is 32 KB a second, and a shard takes 1 MB: what the job needs is a quarter below that."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Times are the loop's, in seconds: when its first record was read, and when it was handed
    on."""

    records: tuple[ShardRecord, ...]
    opened_at_s: float
    closed_at_s: float

    @property
    def gathered_s(self) -> float:
        return self.closed_at_s - self.opened_at_s

    def by_session(self) -> dict[str, list[ShardRecord]]:
        """The records of each partition key, in the order of the shard."""
        parts: dict[str, list[ShardRecord]] = {}
        for record in self.records:
            parts.setdefault(record.partition_key, []).append(record)
        return parts


@dataclass(slots=True)
class BatchWindow:
    """The batch of one shard that is being gathered."""

    window_s: float = WINDOW_S
    most_records: int = MOST_RECORDS
    _waiting: deque[ShardRecord] = field(default_factory=deque[ShardRecord], init=False)
    _opened_at_s: float = field(default=0.0, init=False)

    @property
    def room(self) -> int:
        """How many records may still be added: what does not fit stays in the shard."""
        return self.most_records - len(self._waiting)

    def add(self, records: Iterable[ShardRecord], now_s: float) -> None:
        if not self._waiting:
            self._opened_at_s = now_s
        self._waiting.extend(records)

    def due_at_s(self) -> float | None:
        """When it must be taken; None: there is nothing to take."""
        if not self._waiting:
            return None
        return self._opened_at_s if self.room <= 0 else self._opened_at_s + self.window_s

    def is_due(self, now_s: float) -> bool:
        due_at_s = self.due_at_s()
        return due_at_s is not None and now_s >= due_at_s

    def take(self, now_s: float) -> Batch:
        batch = Batch(tuple(self._waiting), self._opened_at_s, now_s)
        self._waiting.clear()
        return batch


def shards_for(talks: int) -> int:
    return -(-talks // TALKS_A_SHARD)


def shards_by_bytes(talks: int) -> int:
    """What the stream itself asks of every reader."""
    return -(-talks // TALKS_BY_BYTES)


def spread_sessions(talks: int, shards: int, prefix: str = "talk") -> tuple[str, ...]:
    """Session ids such that no shard of ``shards`` equal ones gets more than its share of talks.

    Keys go to shards by their hash, so ids that would crowd a shard are passed over. ValueError:
    too many talks for the shards.
    """
    most = -(-talks // shards)
    if most > TALKS_A_SHARD:
        raise ValueError(f"{talks} talks on {shards} shards are more than {TALKS_A_SHARD} a shard")
    taken: Counter[int] = Counter()
    ids: list[str] = []
    number = 0
    while len(ids) < talks:
        session_id = f"{prefix}-{number}"
        shard = hash_key(session_id) * shards // (MAX_HASH_KEY + 1)
        if taken[shard] < most:
            taken[shard] += 1
            ids.append(session_id)
        number += 1
    return tuple(ids)
