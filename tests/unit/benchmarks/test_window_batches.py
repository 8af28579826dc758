"""When a batch is handed on, and how talks share shards."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.baseline.batches import BatchWindow, shards_by_bytes, shards_for, spread_sessions
from connectors.interfaces.shard_source import MAX_HASH_KEY, ShardRecord, hash_key

pytestmark = pytest.mark.unit


def records(first: int, count: int) -> list[ShardRecord]:
    numbers = range(first, first + count)
    return [ShardRecord(f"s{number % 2}", str(number), 0, b"") for number in numbers]


def test_a_batch_is_due_three_seconds_after_its_first_record() -> None:
    window = BatchWindow()
    window.add([], 5.0)
    assert window.due_at_s() is None
    window.add(records(0, 2), 10.0)
    window.add(records(2, 2), 12.0)
    assert not window.is_due(12.99)
    assert window.is_due(13.0)
    batch = window.take(13.0)
    assert [record.sequence_number for record in batch.records] == ["0", "1", "2", "3"]
    assert batch.gathered_s == 3.0
    assert window.due_at_s() is None


def test_a_hundred_records_are_due_at_once_and_no_more_fit() -> None:
    window = BatchWindow()
    window.add(records(0, 60), 10.0)
    assert window.room == 40
    window.add(records(60, 40), 11.0)
    assert window.room == 0
    assert window.is_due(11.0)
    assert len(window.take(11.0).records) == 100
    assert window.room == 100


def test_a_batch_keeps_each_sessions_order() -> None:
    window = BatchWindow()
    window.add(records(0, 5), 0.0)
    parts = window.take(3.0).by_session()
    numbers = {key: [one.sequence_number for one in part] for key, part in parts.items()}
    assert numbers == {"s0": ["0", "2", "4"], "s1": ["1", "3"]}


@pytest.mark.parametrize(("talks", "shards"), [(1, 1), (8, 1), (9, 2), (100, 13)])
def test_at_most_eight_talks_share_a_shard(talks: int, shards: int) -> None:
    assert shards_for(talks) == shards
    ids = spread_sessions(talks, shards)
    assert len(set(ids)) == talks
    width = (MAX_HASH_KEY + 1) // shards
    met = Counter(min(hash_key(one) // width, shards - 1) for one in ids)
    assert max(met.values()) <= 8


def test_the_talks_of_a_run_fit_the_fewer_shards_that_the_job_reads() -> None:
    shards = shards_by_bytes(100)
    ids = spread_sessions(100, shards_for(100))
    met = Counter(hash_key(one) * shards // (MAX_HASH_KEY + 1) for one in ids)
    assert shards == 5
    assert max(met.values()) * 32 < 1_000, "KB a second, of the 1,000 that a shard takes"


def test_too_few_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="9 talks on 1 shards"):
        spread_sessions(9, 1)
