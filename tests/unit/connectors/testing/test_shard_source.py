"""What a scripted stream does at the edges that Kinesis has and MiniStack has not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from connectors.interfaces.errors import (
    ExpiredIteratorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.shard_source import MAX_HASH_KEY, StartAt, StartKind
from connectors.testing.shard_source import ScriptedShardSource, hash_key

pytestmark = pytest.mark.unit

FIRST = "shardId-000000000000"
TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)


async def everything(source: ScriptedShardSource, shard_id: str) -> list[bytes]:
    """All records from the oldest to the tip, or to the end of a closed shard."""
    iterator: str | None = await source.iterator(shard_id, TRIM_HORIZON)
    found: list[bytes] = []
    while iterator is not None:
        batch = await source.read(iterator, 2)
        found += [record.data for record in batch.records]
        if not batch.records:
            break
        iterator = batch.next_iterator
    return found


def test_keys_go_where_kinesis_puts_them() -> None:
    """The MD5 of the key, big endian, as in the Kinesis API reference."""
    assert hash_key("123") == 0x202CB962AC59075B964B07152D234B70


async def test_a_split_sends_each_key_to_the_child_that_owns_it() -> None:
    source = ScriptedShardSource()
    keys = [f"session-{index}" for index in range(10)]
    for key in keys:
        source.put(key, b"parent")
    low, high = source.split(FIRST)
    for key in keys:
        source.put(key, key.encode())

    assert (low.parent_ids, high.parent_ids) == ((FIRST,), (FIRST,))
    assert (low.first_hash, high.last_hash) == (0, MAX_HASH_KEY)
    assert low.last_hash + 1 == high.first_hash
    assert await everything(source, FIRST) == [b"parent"] * 10
    for child in (low, high):
        owned = [k.encode() for k in keys if child.first_hash <= hash_key(k) <= child.last_hash]
        assert owned
        assert await everything(source, child.shard_id) == owned


async def test_a_closed_shard_ends_with_its_last_record() -> None:
    source = ScriptedShardSource()
    for data in (b"a", b"b", b"c"):
        source.put("one", data)
    source.split(FIRST)
    first = await source.read(await source.iterator(FIRST, TRIM_HORIZON), 2)
    assert first.next_iterator is not None
    last = await source.read(first.next_iterator, 2)
    assert [record.data for record in last.records] == [b"c"]
    assert last.next_iterator is None


async def test_an_empty_shard_that_was_closed_ends_at_once() -> None:
    source = ScriptedShardSource()
    iterator = await source.iterator(FIRST, StartAt(StartKind.LATEST))
    source.split(FIRST)
    batch = await source.read(iterator, 10)
    assert (batch.records, batch.next_iterator) == ((), None)


async def test_a_merge_joins_neighbours_under_one_child() -> None:
    source = ScriptedShardSource(shards=3)
    ids = [shard.shard_id for shard in await source.list_shards()]
    merged = source.merge(ids[1], ids[0])
    assert set(merged.parent_ids) == {ids[0], ids[1]}
    shards = {shard.shard_id: shard for shard in await source.list_shards()}
    assert (merged.first_hash, merged.last_hash) == (0, shards[ids[1]].last_hash)
    with pytest.raises(ValueError, match="neighbours"):
        source.merge(ids[0], ids[2])


async def test_a_shard_behind_its_retention_is_gone() -> None:
    source = ScriptedShardSource()
    low, high = source.split(FIRST)
    source.forget(FIRST)
    assert await source.list_shards() == (low, high)
    with pytest.raises(PermanentError):
        await source.iterator(FIRST, TRIM_HORIZON)
    with pytest.raises(ValueError, match="open"):
        source.forget(low.shard_id)


async def test_throttling_ends_after_the_scripted_calls() -> None:
    source = ScriptedShardSource()
    source.put("one", b"a")
    iterator = await source.iterator(FIRST, TRIM_HORIZON)
    source.throttle(2, retry_after_s=0.5)
    for _ in range(2):
        with pytest.raises(ThrottledError) as throttled:
            await source.read(iterator, 10)
        assert throttled.value.retry_after_s == 0.5
    assert [record.data for record in (await source.read(iterator, 10)).records] == [b"a"]
    assert source.reads == {FIRST: 1}


async def test_faults_come_in_order() -> None:
    source = ScriptedShardSource()
    source.fail(RetryableError("first"), PermanentError("second"))
    with pytest.raises(RetryableError, match="first"):
        await source.iterator(FIRST, TRIM_HORIZON)
    with pytest.raises(PermanentError, match="second"):
        await source.iterator(FIRST, TRIM_HORIZON)
    assert await source.iterator(FIRST, TRIM_HORIZON)


async def test_expired_iterators_are_replaced_from_the_position() -> None:
    source = ScriptedShardSource()
    first = source.put("one", b"a")
    source.put("one", b"b")
    iterator = await source.iterator(FIRST, TRIM_HORIZON)
    source.expire_iterators()
    with pytest.raises(ExpiredIteratorError):
        await source.read(iterator, 10)
    start = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, first.sequence_number)
    batch = await source.read(await source.iterator(FIRST, start), 10)
    assert [record.data for record in batch.records] == [b"b"]


async def test_records_appear_when_the_clock_comes_to_them() -> None:
    now_ms = [1_000]
    source = ScriptedShardSource(now_ms=lambda: now_ms[0])
    source.put("one", b"now", at_ms=1_000)
    source.put("one", b"later", at_ms=1_250)
    assert await everything(source, FIRST) == [b"now"]
    now_ms[0] = 1_250
    assert await everything(source, FIRST) == [b"now", b"later"]


async def test_a_reader_knows_how_far_it_is_behind() -> None:
    source = ScriptedShardSource(now_ms=lambda: 10_000)
    source.put("one", b"a", at_ms=4_000)
    source.put("one", b"b", at_ms=7_000)
    iterator = await source.iterator(FIRST, TRIM_HORIZON)
    behind = await source.read(iterator, 1)
    assert behind.behind_ms == 3_000
    assert behind.next_iterator is not None
    assert (await source.read(behind.next_iterator, 1)).behind_ms == 0


def test_answers_take_as_long_as_scripted(
    run_virtual: Callable[[Coroutine[Any, Any, float]], float],
) -> None:
    async def scenario() -> float:
        source = ScriptedShardSource()
        source.delay(1.5)
        await source.read(await source.iterator(FIRST, TRIM_HORIZON), 1)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == 3.0
