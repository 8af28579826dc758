"""A sharded log of records: what the poller needs of Kinesis, and no more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MAX_HASH_KEY = 2**128 - 1


def hash_key(partition_key: str) -> int:
    """Kinesis hashes a partition key with MD5 into 128 bits."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard and the inclusive range of the 128-bit hash space (MD5 of the key) it owns."""

    shard_id: str
    first_hash: int
    last_hash: int
    parent_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardRecord:
    partition_key: str
    sequence_number: str
    arrived_at_ms: int
    data: bytes


class StartKind(StrEnum):
    TRIM_HORIZON = "trim_horizon"
    LATEST = "latest"
    AT_TIMESTAMP = "at_timestamp"
    AFTER_SEQUENCE_NUMBER = "after_sequence_number"


@dataclass(frozen=True, slots=True)
class StartAt:
    """Where to begin in a shard; ``value`` is a time in ms or a sequence number, as text."""

    kind: StartKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """One read. ``next_iterator`` None: the shard is closed and this was the last of it.

    ``behind_ms``: how far behind the tip of the shard this read ended; 0 means at the tip.
    """

    records: tuple[ShardRecord, ...]
    next_iterator: str | None
    behind_ms: int


class ShardSource(Protocol):
    @property
    def read_every_s(self) -> float:
        """The least time between two reads of a shard, shared by all its readers.

        0: ``read`` itself waits for records, and a reader asks again at once.
        """
        ...

    async def list_shards(self) -> tuple[Shard, ...]:
        """All shards still readable, open and closed, parents included."""
        ...

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        """An iterator at ``start``. PermanentError: no such shard."""
        ...

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        """At most ``limit`` records. ThrottledError; ExpiredIteratorError: take a new iterator."""
        ...

    async def oldest(self, shard_id: str) -> str | None:
        """The sequence number of the oldest record that is still there; None when none is: what was
        in front of it is past its retention. PermanentError: no such shard."""
        ...

    async def close(self) -> None: ...
