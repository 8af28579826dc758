"""Amazon Kinesis Data Streams as a ShardSource."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.amazon.shard_aggregate import MalformedAggregateError, deaggregated, key_within
from connectors.interfaces.shard_source import (
    MAX_HASH_KEY,
    RecordBatch,
    Shard,
    ShardRecord,
    StartAt,
    StartKind,
)

if TYPE_CHECKING:
    from types_aiobotocore_kinesis.type_defs import RecordTypeDef, ShardTypeDef

_log = logging.getLogger(__name__)

READ_EVERY_S = 0.2
"""Kinesis serves five reads a second and shard, to all readers together."""
_MOST_RECORDS = 10_000
_IN_SHARD = "|"
"""Between a shard's id and Kinesis' iterator, which has no such character."""


class AmazonShardSource:
    """Reads one stream. Single attempts: the poller decides when to ask again.

    An aggregate of KPL counts as one record in a read's limit, and comes as the records in it.
    """

    def __init__(self, clients: AwsClients, stream_name: str | None = None) -> None:
        self._clients = clients
        self._stream = stream_name or clients.settings.names.audio_stream
        self._listed: dict[str, Shard] = {}

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
                self._listed = {shard.shard_id: shard for shard in shards}
                return tuple(shards)
            page = {"NextToken": token}  # the stream's name beside a token is refused

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        kinesis = await self._clients.kinesis()
        with aws_errors(f"find {start.kind.value} in {shard_id} of {self._stream}"):
            answer = await kinesis.get_shard_iterator(
                StreamName=self._stream, ShardId=shard_id, **_start(start)
            )
        return f"{shard_id}{_IN_SHARD}{answer['ShardIterator']}"

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        kinesis = await self._clients.kinesis()
        shard_id, _, of_kinesis = iterator.rpartition(_IN_SHARD)
        with aws_errors(f"read {self._stream}"):
            answer = await kinesis.get_records(
                ShardIterator=of_kinesis, Limit=min(limit, _MOST_RECORDS)
            )
        behind = answer.get("NextShardIterator")
        return RecordBatch(
            records=await self.unpacked(shard_id, map(shard_record, answer["Records"])),
            next_iterator=f"{shard_id}{_IN_SHARD}{behind}" if behind else None,
            behind_ms=answer.get("MillisBehindLatest", 0),
        )

    async def oldest(self, shard_id: str) -> str | None:
        """Kinesis may answer with nothing though there is more: only at the tip there is none."""
        iterator: str | None = await self.iterator(shard_id, StartAt(StartKind.TRIM_HORIZON))
        while iterator is not None:
            batch = await self.read(iterator, 1)
            if batch.records:
                return batch.records[0].sequence_number
            if not batch.behind_ms:
                return None
            iterator = batch.next_iterator
            await asyncio.sleep(READ_EVERY_S)
        return None

    async def unpacked(
        self, shard_id: str, records: Iterable[ShardRecord]
    ) -> tuple[ShardRecord, ...]:
        """Every record that was packed into others. What cannot be taken apart stays whole, under
        a key of its shard: its reader refuses it, and it becomes a dead letter."""
        whole: list[ShardRecord] = []
        for record in records:
            try:
                whole += deaggregated(record)
            except MalformedAggregateError as error:
                _log.warning("record %s of %s: %s", record.sequence_number, shard_id, error)
                whole.append(replace(record, partition_key=await self._key_within(shard_id)))
        return tuple(whole)

    async def _key_within(self, shard_id: str) -> str:
        if shard_id not in self._listed:
            await self.list_shards()
        return key_within(self._listed.get(shard_id) or Shard(shard_id, 0, MAX_HASH_KEY))

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
