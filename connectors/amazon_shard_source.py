"""Amazon Kinesis Data Streams as a ShardSource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.amazon_clients import AwsClients, aws_errors
from connectors.shard_source import RecordBatch, Shard, ShardRecord, StartAt, StartKind

if TYPE_CHECKING:
    from types_aiobotocore_kinesis.type_defs import RecordTypeDef, ShardTypeDef

READ_EVERY_S = 0.2
"""Kinesis serves five reads a second and shard, whoever asks."""
_MOST_RECORDS = 10_000


class AmazonShardSource:
    """Reads one stream. Single attempts: the poller decides when to ask again."""

    def __init__(self, clients: AwsClients, stream_name: str | None = None) -> None:
        self._clients = clients
        self._stream = stream_name or clients.settings.names.audio_stream

    @property
    def read_every_s(self) -> float:
        return READ_EVERY_S

    async def list_shards(self) -> tuple[Shard, ...]:
        kinesis = await self._clients.kinesis()
        shards: list[Shard] = []
        page: Any = {"StreamName": self._stream}
        while True:
            with aws_errors(f"list the shards of {self._stream}"):
                answer = await kinesis.list_shards(**page)
            shards.extend(_shard(found) for found in answer["Shards"])
            token = answer.get("NextToken")
            if not token:
                return tuple(shards)
            page = {"NextToken": token}  # the stream's name beside a token is refused

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        kinesis = await self._clients.kinesis()
        with aws_errors(f"find {start.kind.value} in {shard_id} of {self._stream}"):
            answer = await kinesis.get_shard_iterator(
                StreamName=self._stream, ShardId=shard_id, **_start(start)
            )
        return answer["ShardIterator"]

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        kinesis = await self._clients.kinesis()
        with aws_errors(f"read {self._stream}"):
            answer = await kinesis.get_records(
                ShardIterator=iterator, Limit=min(limit, _MOST_RECORDS)
            )
        return RecordBatch(
            records=tuple(shard_record(found) for found in answer["Records"]),
            next_iterator=answer.get("NextShardIterator") or None,
            behind_ms=answer.get("MillisBehindLatest", 0),
        )

    async def close(self) -> None:
        """The clients are shared: their owner closes them."""


def timestamp(start: StartAt) -> datetime:
    """Of AT_TIMESTAMP, as Kinesis wants it."""
    return datetime.fromtimestamp(int(start.value) / 1000, UTC)


def _start(start: StartAt) -> Any:
    kind = start.kind.name
    if start.kind is StartKind.AT_TIMESTAMP:
        return {"ShardIteratorType": kind, "Timestamp": timestamp(start)}
    if start.kind is StartKind.AFTER_SEQUENCE_NUMBER:
        return {"ShardIteratorType": kind, "StartingSequenceNumber": start.value}
    return {"ShardIteratorType": kind}


def _shard(found: ShardTypeDef) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    return Shard(
        shard_id=found["ShardId"],
        first_hash=int(found["HashKeyRange"]["StartingHashKey"]),
        last_hash=int(found["HashKeyRange"]["EndingHashKey"]),
        parent_ids=tuple(parent for parent in parents if parent),
    )


def shard_record(found: RecordTypeDef) -> ShardRecord:
    members: Any = found  # its type calls every member optional; Kinesis sends them all
    return ShardRecord(
        partition_key=members["PartitionKey"],
        sequence_number=members["SequenceNumber"],
        arrived_at_ms=round(members["ApproximateArrivalTimestamp"].timestamp() * 1000),
        data=members["Data"],
    )
