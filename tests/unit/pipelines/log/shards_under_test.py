"""Shards of the tests of reading, and rows that readers would have saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, StartAt, StartKind
from pipelines.log.shards import (
    ShardProgress,
    first_progress,
)

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
HALF = MAX_HASH_KEY // 2
WHOLE = Shard("whole", 0, MAX_HASH_KEY)
LOW = Shard("low", 0, HALF, ("whole",))
HIGH = Shard("high", HALF + 1, MAX_HASH_KEY, ("whole",))
MERGED = Shard("merged", 0, MAX_HASH_KEY, ("low", "high"))
NUMBERS = st.integers(0, 10**56).map(str)


def after(number: str) -> StartAt:
    return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, number)


def begun(*shards: Shard, start: StartAt = TRIM_HORIZON) -> dict[str, ShardProgress]:
    """One reader for all, without state."""
    return first_progress(start, 5_000, shards, {}, 0, 1)


def saved(rows: Mapping[str, str]) -> dict[str, ShardPosition]:
    return {key: ShardPosition(key, position, 500) for key, position in rows.items()}


def by_key(rows: Iterable[ShardPosition]) -> dict[str, ShardPosition]:
    return {row.shard_id: row for row in rows}
