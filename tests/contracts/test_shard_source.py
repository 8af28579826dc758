"""The suite every shard source passes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.errors import ConnectorError, ExpiredIteratorError, PermanentError
from connectors.interfaces.shard_source import (
    MAX_HASH_KEY,
    RecordBatch,
    ShardSource,
    StartAt,
    StartKind,
)
from connectors.testing.shard_source import ScriptedShardSource

pytestmark = pytest.mark.contract

Put = Callable[[str, bytes], Awaitable[object]]
TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
HANGS_S = 60.0


def owner_hash(partition_key: str) -> int:
    return int(hashlib.md5(partition_key.encode(), usedforsecurity=False).hexdigest(), 16)


async def shard_of(source: ShardSource, partition_key: str) -> str:
    key = owner_hash(partition_key)
    shards = await source.list_shards()
    return next(one.shard_id for one in shards if one.first_hash <= key <= one.last_hash)


async def read_from(source: ShardSource, shard_id: str, start: StartAt) -> RecordBatch:
    return await source.read(await source.iterator(shard_id, start), 100)


class ShardSourceContract(ABC):
    """Two shards, and ``put`` to write into them."""

    @pytest.fixture
    @abstractmethod
    def source(self) -> ShardSource: ...

    @pytest.fixture
    @abstractmethod
    def put(self, source: ShardSource) -> Put: ...

    async def test_shards_share_the_hash_space_without_a_hole(self, source: ShardSource) -> None:
        shards = sorted(await source.list_shards(), key=lambda shard: shard.first_hash)
        assert [shard.parent_ids for shard in shards] == [(), ()]
        assert shards[0].first_hash == 0
        assert shards[1].first_hash == shards[0].last_hash + 1
        assert shards[1].last_hash == MAX_HASH_KEY

    async def test_a_session_stays_in_the_shard_of_its_hash(
        self, source: ShardSource, put: Put
    ) -> None:
        keys = [f"session-{index}" for index in range(12)]
        for key in keys:
            await put(key, key.encode())
        found: dict[str, str] = {}
        for shard in await source.list_shards():
            batch = await read_from(source, shard.shard_id, TRIM_HORIZON)
            found |= {record.partition_key: shard.shard_id for record in batch.records}
        assert found == {key: await shard_of(source, key) for key in keys}
        assert len(set(found.values())) == 2

    async def test_records_come_in_order_page_by_page(self, source: ShardSource, put: Put) -> None:
        before_ms = int(time.time() * 1000) - 5
        for index in range(5):
            await put("one", bytes([0, 255, index]))
        iterator: str | None = await source.iterator(await shard_of(source, "one"), TRIM_HORIZON)
        pages: list[RecordBatch] = []
        for _ in range(3):
            assert iterator is not None
            pages.append(await source.read(iterator, 2))
            iterator = pages[-1].next_iterator
        records = [record for page in pages for record in page.records]
        assert [len(page.records) for page in pages] == [2, 2, 1]
        assert [record.data for record in records] == [bytes([0, 255, n]) for n in range(5)]
        numbers = [int(record.sequence_number) for record in records]
        assert numbers == sorted(set(numbers))
        arrivals = [record.arrived_at_ms for record in records]
        assert arrivals == sorted(arrivals)
        assert before_ms <= arrivals[0] <= arrivals[-1] <= time.time() * 1000 + 5
        assert pages[0].behind_ms >= 0
        assert 0 <= pages[-1].behind_ms <= time.time() * 1000 + 5 - before_ms, (
            "a pushing source counts from its last push"
        )

    async def test_at_the_tip_a_read_is_empty_and_goes_on(
        self, source: ShardSource, put: Put
    ) -> None:
        shard_id = await shard_of(source, "one")
        empty = await read_from(source, shard_id, TRIM_HORIZON)
        assert (empty.records, empty.behind_ms) == ((), 0)
        assert empty.next_iterator is not None
        await put("one", b"later")
        batch = await source.read(empty.next_iterator, 100)
        assert [record.data for record in batch.records] == [b"later"]

    async def test_an_iterator_can_be_read_again(self, source: ShardSource, put: Put) -> None:
        await put("one", b"a")
        iterator = await source.iterator(await shard_of(source, "one"), TRIM_HORIZON)
        first, again = await source.read(iterator, 100), await source.read(iterator, 100)
        assert first.records == again.records
        assert [record.data for record in again.records] == [b"a"]

    async def test_latest_starts_behind_what_is_there(self, source: ShardSource, put: Put) -> None:
        await put("one", b"old")
        iterator = await source.iterator(await shard_of(source, "one"), StartAt(StartKind.LATEST))
        await put("one", b"new")
        batch = await source.read(iterator, 100)
        assert [record.data for record in batch.records] == [b"new"]

    async def test_after_a_sequence_number(self, source: ShardSource, put: Put) -> None:
        for data in (b"a", b"b", b"c"):
            await put("one", data)
        shard_id = await shard_of(source, "one")
        records = (await read_from(source, shard_id, TRIM_HORIZON)).records
        start = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, records[0].sequence_number)
        behind = await read_from(source, shard_id, start)
        assert behind.records == records[1:]

    async def test_at_a_timestamp_to_the_millisecond(self, source: ShardSource, put: Put) -> None:
        """A job that starts at LATEST stores this time; a second off would be heard twice."""
        await put("one", b"before")
        await asyncio.sleep(0.02)
        at_ms = int(time.time() * 1000)
        await asyncio.sleep(0.02)
        await put("one", b"behind")
        start = StartAt(StartKind.AT_TIMESTAMP, str(at_ms))
        batch = await read_from(source, await shard_of(source, "one"), start)
        assert [record.data for record in batch.records] == [b"behind"]

    async def test_a_shard_that_is_not_there(self, source: ShardSource) -> None:
        with pytest.raises(PermanentError):
            await source.iterator("shardId-000000000999", TRIM_HORIZON)
        with pytest.raises(PermanentError):
            await source.oldest("shardId-000000000999")

    async def test_the_oldest_record_of_a_shard(self, source: ShardSource, put: Put) -> None:
        shard_id = await shard_of(source, "one")
        assert await source.oldest(shard_id) is None
        for data in (b"a", b"b"):
            await put("one", data)
        first = (await read_from(source, shard_id, TRIM_HORIZON)).records[0]
        assert await source.oldest(shard_id) == first.sequence_number

    async def test_an_iterator_that_is_too_old(self, source: ShardSource) -> None:
        with pytest.raises(ExpiredIteratorError):
            await source.read("no-such-iterator", 100)


class TestScriptedShardSource(ShardSourceContract):
    @pytest.fixture
    def source(self) -> ScriptedShardSource:
        return ScriptedShardSource(shards=2)

    @pytest.fixture
    def put(self, source: ScriptedShardSource) -> Put:  # type: ignore[override]
        async def put(partition_key: str, data: bytes) -> object:
            return source.put(partition_key, data)

        return put

    async def test_what_is_past_its_retention_is_read_no_more(self) -> None:
        source = ScriptedShardSource()
        (shard,) = await source.list_shards()
        a, b, c = (source.put("one", data) for data in (b"a", b"b", b"c"))
        standing = await source.iterator(shard.shard_id, TRIM_HORIZON)
        source.trim(shard.shard_id, b.sequence_number)
        assert await source.oldest(shard.shard_id) == c.sequence_number
        after_a = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, a.sequence_number)
        for start in (TRIM_HORIZON, after_a, StartAt(StartKind.AT_TIMESTAMP, "0")):
            assert (await read_from(source, shard.shard_id, start)).records == (c,)
        assert (await source.read(standing, 1)).records == (c,)
        source.trim(shard.shard_id, c.sequence_number)
        assert await source.oldest(shard.shard_id) is None
        batch = await source.read(standing, 1)
        assert batch.records == ()
        assert batch.next_iterator is not None
        d = source.put("one", b"d")
        assert (await source.read(batch.next_iterator, 1)).records == (d,)


class OnLocalCloud(ShardSourceContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("audio_stream",)

    @pytest.fixture
    def put(self, source: ShardSource, aws_clients: AwsClients) -> Put:
        async def put(partition_key: str, data: bytes) -> object:
            kinesis = await aws_clients.kinesis()
            return await kinesis.put_record(
                StreamName=aws_clients.settings.names.audio_stream,
                PartitionKey=partition_key,
                Data=data,
            )

        return put


class TestAmazonShardSource(OnLocalCloud):
    @pytest.fixture
    def source(self, aws_clients: AwsClients) -> AmazonShardSource:
        return AmazonShardSource(aws_clients)

    async def test_a_stream_that_is_not_there(self, aws_clients: AwsClients) -> None:
        source = AmazonShardSource(aws_clients, "no-such-stream")
        with pytest.raises(ConnectorError) as refused:
            await source.list_shards()
        assert isinstance(refused.value, PermanentError)
        assert "ResourceNotFoundException" in str(refused.value)


class TestAmazonFanOutSource(OnLocalCloud):
    @pytest.fixture
    async def source(self, aws_clients: AwsClients) -> AsyncIterator[AmazonFanOutSource]:  # type: ignore[override]
        source = AmazonFanOutSource(aws_clients, "live-translation")
        yield source
        await source.close()

    @pytest.fixture
    async def polls(self, aws_clients: AwsClients) -> list[str]:
        """The calls of GetRecords, as they are made."""
        made: list[str] = []

        def note(**call: object) -> None:
            made.append(str(call["event_name"]))

        kinesis = await aws_clients.kinesis()
        kinesis.meta.events.register("before-call.kinesis.GetRecords", note)
        return made

    async def test_records_are_pushed_to_every_reader_of_a_shard(
        self, source: ShardSource, put: Put, polls: list[str]
    ) -> None:
        """From the beginning, from a time, and from a record: one subscription serves them all."""
        await put("one", b"a")
        shard_id = await shard_of(source, "one")
        iterators = [await source.iterator(shard_id, TRIM_HORIZON) for _ in range(2)]
        got: list[list[bytes]] = [[], []]
        for data in (b"b", b"c"):
            await put("one", data)
            for reader in range(2):
                while data not in got[reader]:
                    batch = await source.read(iterators[reader], 1)
                    assert batch.next_iterator is not None
                    iterators[reader] = batch.next_iterator
                    got[reader] += [record.data for record in batch.records]
        assert got == [[b"a", b"b", b"c"]] * 2
        assert polls == []

    async def test_who_is_further_back_than_the_subscription_polls_until_it_is_not(
        self, source: ShardSource, put: Put, polls: list[str]
    ) -> None:
        for data in (b"a", b"b"):
            await put("one", data)
        shard_id = await shard_of(source, "one")
        before = int(time.time() * 1000) - 60_000
        first = await read_from(source, shard_id, StartAt(StartKind.AT_TIMESTAMP, str(before)))
        assert [record.data for record in first.records] == [b"a", b"b"]
        assert polls == []
        batch = await source.read(await source.iterator(shard_id, TRIM_HORIZON), 1)
        assert [record.data for record in batch.records] == [b"a"]
        assert len(polls) == 1
        await put("one", b"c")
        got: list[bytes] = []
        while len(got) < 2:
            assert batch.next_iterator is not None
            batch = await source.read(batch.next_iterator, 1)
            got += [record.data for record in batch.records]
        assert got == [b"b", b"c"]
        assert len(polls) == 1

    async def test_a_second_process_of_the_same_consumer_polls(
        self, source: ShardSource, put: Put, aws_clients: AwsClients, polls: list[str]
    ) -> None:
        """Kinesis refuses it for five seconds; nothing is missing meanwhile."""
        await put("one", b"a")
        shard_id = await shard_of(source, "one")
        await read_from(source, shard_id, TRIM_HORIZON)
        assert polls == []
        other = AmazonFanOutSource(aws_clients, "live-translation")
        batch = await read_from(other, shard_id, TRIM_HORIZON)
        assert [record.data for record in batch.records] == [b"a"]
        assert len(polls) == 1
        await other.close()

    async def test_a_consumer_that_was_removed_leaves_polling(
        self, source: ShardSource, put: Put, aws_clients: AwsClients
    ) -> None:
        await put("one", b"a")
        batch = await read_from(source, await shard_of(source, "one"), TRIM_HORIZON)
        kinesis = await aws_clients.kinesis()
        stream = aws_clients.settings.names.audio_stream
        summary = await kinesis.describe_stream_summary(StreamName=stream)
        arn = summary["StreamDescriptionSummary"]["StreamARN"]
        await kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="live-translation")
        await put("one", b"b")
        got: list[bytes] = []
        async with asyncio.timeout(HANGS_S):
            while not got:
                assert batch.next_iterator is not None
                batch = await source.read(batch.next_iterator, 100)
                got += [record.data for record in batch.records]
        assert got == [b"b"]

    async def test_a_shard_that_was_split_ends_and_its_children_go_on(
        self, source: ShardSource, put: Put, aws_clients: AwsClients, polls: list[str]
    ) -> None:
        await put("one", b"a")
        shard_id = await shard_of(source, "one")
        batch = await read_from(source, shard_id, TRIM_HORIZON)
        parent = next(each for each in await source.list_shards() if each.shard_id == shard_id)
        kinesis = await aws_clients.kinesis()
        await kinesis.split_shard(
            StreamName=aws_clients.settings.names.audio_stream,
            ShardToSplit=shard_id,
            NewStartingHashKey=str((parent.first_hash + parent.last_hash) // 2),
        )
        async with asyncio.timeout(HANGS_S):
            while batch.next_iterator is not None:
                batch = await source.read(batch.next_iterator, 100)
        assert polls == []
        await put("one", b"b")
        children = [each for each in await source.list_shards() if shard_id in each.parent_ids]
        assert len(children) == 2
        owner = next(
            each for each in children if each.first_hash <= owner_hash("one") <= each.last_hash
        )
        batch = await read_from(source, owner.shard_id, TRIM_HORIZON)
        assert [record.data for record in batch.records] == [b"b"]
