"""The local cloud as it is started here: shards split and merge as on AWS, a table can fail."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.resources import create_resources
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, StartAt, StartKind
from local_stack.cloud.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.cloud.table_faults import TableFault, TableFaults
from local_stack.ports import free_ports
from local_stack.processes import Processes

pytestmark = pytest.mark.integration

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
STAGE = "faulty"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-cloud")


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Iterator[LocalCloud]:
    use_local_credentials()
    (port,) = free_ports(1)
    with Processes(folder) as processes:
        cloud = start_local_cloud(processes, port, folder / "switch")
        cloud.process.wait_for_port(port)
        asyncio.run(create_resources(AwsSettings.local(cloud.endpoint, STAGE)))
        yield cloud


@dataclass
class Stream:
    """A stream of its own with two shards."""

    clients: AwsClients
    source: AmazonShardSource
    name: str

    async def put(self, key: str) -> str:
        """The shard that took it."""
        kinesis = await self.clients.kinesis()
        answer = await kinesis.put_record(StreamName=self.name, PartitionKey=key, Data=key.encode())
        return answer["ShardId"]

    async def split(self, shard: Shard) -> None:
        kinesis = await self.clients.kinesis()
        middle = (shard.first_hash + shard.last_hash) // 2 + 1
        await kinesis.split_shard(
            StreamName=self.name, ShardToSplit=shard.shard_id, NewStartingHashKey=str(middle)
        )

    async def read_all(self, shard_id: str) -> tuple[list[bytes], bool]:
        """(what is in it, whether its end was told)."""
        iterator: str | None = await self.source.iterator(shard_id, TRIM_HORIZON)
        found: list[bytes] = []
        while iterator is not None:
            batch = await self.source.read(iterator, 2)
            found += [record.data for record in batch.records]
            if not batch.records and batch.next_iterator is not None:
                return found, False
            iterator = batch.next_iterator
        return found, True


@pytest.fixture
async def stream(cloud: LocalCloud, request: pytest.FixtureRequest) -> AsyncIterator[Stream]:
    clients = AwsClients(AwsSettings.local(cloud.endpoint, STAGE))
    name = request.node.name.replace("[", "-").replace("]", "")
    kinesis = await clients.kinesis()
    await kinesis.create_stream(StreamName=name, ShardCount=2)
    yield Stream(clients, AmazonShardSource(clients, name), name)
    await clients.close()


def owner(shards: tuple[Shard, ...], key: str) -> str:
    hashed = int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
    return next(one.shard_id for one in shards if one.first_hash <= hashed <= one.last_hash)


async def test_a_split_shard_keeps_its_records_and_ends(stream: Stream) -> None:
    keys = [f"session-{number}" for number in range(12)]
    for key in keys:
        await stream.put(key)
    parent, other = await stream.source.list_shards()
    await stream.split(parent)
    shards = await stream.source.list_shards()
    children = tuple(one for one in shards if one.parent_ids == (parent.shard_id,))

    assert {one.shard_id for one in shards} == {
        parent.shard_id,
        other.shard_id,
        *(one.shard_id for one in children),
    }
    assert [(one.first_hash, one.last_hash) for one in children] == [
        (parent.first_hash, children[1].first_hash - 1),
        (children[1].first_hash, parent.last_hash),
    ]
    of_parent = [key.encode() for key in keys if owner((parent, other), key) == parent.shard_id]
    assert await stream.read_all(parent.shard_id) == (of_parent, True)
    open_shards = (*children, other)
    for key in keys:
        assert await stream.put(key) == owner(open_shards, key)
    assert await stream.read_all(parent.shard_id) == (of_parent, True)


async def test_who_reads_at_the_tip_comes_to_the_end_of_a_split_shard(stream: Stream) -> None:
    parent = (await stream.source.list_shards())[0]
    iterator = await stream.source.iterator(parent.shard_id, StartAt(StartKind.LATEST))
    assert (await stream.source.read(iterator, 10)).next_iterator is not None
    await stream.split(parent)
    assert (await stream.source.read(iterator, 10)).next_iterator is None


async def test_two_merged_shards_have_one_child(stream: Stream) -> None:
    first, second = await stream.source.list_shards()
    await stream.put("session-1")
    kinesis = await stream.clients.kinesis()
    merged = {
        "StreamName": stream.name,
        "ShardToMerge": first.shard_id,
        "AdjacentShardToMerge": second.shard_id,
    }
    await kinesis.merge_shards(**merged)  # type: ignore[arg-type]
    child = next(one for one in await stream.source.list_shards() if one.parent_ids)

    assert set(child.parent_ids) == {first.shard_id, second.shard_id}
    assert (child.first_hash, child.last_hash) == (0, MAX_HASH_KEY)
    assert await stream.put("session-1") == child.shard_id
    both = [await stream.read_all(one.shard_id) for one in (first, second)]
    assert [ended for _, ended in both] == [True, True]
    assert sorted(record for found, _ in both for record in found) == [b"session-1"]
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        await kinesis.merge_shards(**merged)  # type: ignore[arg-type]


async def test_a_table_that_is_away_refuses_and_other_tables_do_not(
    cloud: LocalCloud, folder: Path
) -> None:
    clients = AwsClients(AwsSettings.local(cloud.endpoint, STAGE))
    names = clients.settings.names
    dynamodb = await clients.dynamodb()
    try:
        with TableFaults(folder / "switch", names.utterances_table).on(TableFault.AWAY):
            await dynamodb.scan(TableName=names.sessions_table)
            with pytest.raises(ClientError, match="InternalServerError"):
                await dynamodb.scan(TableName=names.utterances_table)
        assert (await dynamodb.scan(TableName=names.utterances_table))["Items"] == []
    finally:
        await clients.close()


async def test_writes_are_done_although_their_answers_are_lost(
    cloud: LocalCloud, folder: Path
) -> None:
    clients = AwsClients(AwsSettings.local(cloud.endpoint, STAGE))
    table = clients.settings.names.utterances_table
    dynamodb = await clients.dynamodb()
    failed = 0
    try:
        with TableFaults(folder / "switch", table).on(TableFault.ANSWERS_LOST):
            for number in range(4):
                item = {"sessionId": {"S": "s"}, "sequenceNumber": {"N": str(number)}}
                try:
                    await dynamodb.put_item(TableName=table, Item=item)  # type: ignore[arg-type]
                except ClientError:
                    failed += 1
            found = (await dynamodb.scan(TableName=table))["Items"]
        assert (failed, len(found)) == (2, 4)
    finally:
        await clients.close()
