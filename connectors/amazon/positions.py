"""Positions in a DynamoDB table: one row a shard and reader, and a row that counts generations."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.layout import EXPIRES_AT
from connectors.interfaces.positions import ShardPosition, SupersededError

KEEP_S = 8 * 24 * 3600
"""Kinesis keeps records for a day unless told otherwise, a week at the usual most."""

COUNTER = "generation"
"""The key of the row that counts; no shard is named so. It never expires: a counter that began anew
would hand out generations that saved rows refuse. The job of 9bc5d6e reads every row of a job and
needs a position and a time on each; it then looks rows up by shard and by ``/reader`` at a key's
end, where it never meets this one."""


class AmazonPositions:
    """Single attempts: the next save comes in seconds and says more than a repeat."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._table = clients.settings.names.positions_table

    async def claim(self, job_name: str) -> int:
        """Count up by one. A claim whose answer was lost and is repeated leaves a number out."""
        dynamodb = await self._clients.dynamodb()
        with aws_errors("claim a generation"):
            answer = await dynamodb.update_item(
                TableName=self._table,
                Key=_key(job_name, COUNTER),
                UpdateExpression="SET sequenceNumber = :none, readThrough = :zero"
                " ADD generation :one",
                ExpressionAttributeValues={
                    ":none": {"S": ""},
                    ":zero": {"N": "0"},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        return int(answer["Attributes"]["generation"]["N"])  # pyright: ignore[reportTypedDictNotRequiredAccess] # a counter has one

    async def load(self, job_name: str) -> dict[str, ShardPosition]:
        dynamodb = await self._clients.dynamodb()
        positions: dict[str, ShardPosition] = {}
        page: Any = {}
        while True:
            with aws_errors("load positions"):
                answer = await dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="jobName = :job",
                    ExpressionAttributeValues={":job": {"S": job_name}},
                    ConsistentRead=True,
                    **page,
                )
            for item in answer["Items"]:
                position = _position(item)
                if position.shard_id != COUNTER:
                    positions[position.shard_id] = position
            last_key = answer.get("LastEvaluatedKey")
            if not last_key:
                return positions
            page = {"ExclusiveStartKey": last_key}

    async def save(
        self, job_name: str, positions: tuple[ShardPosition, ...], generation: int
    ) -> None:
        """Rows of their own, so that a failure leaves the others written."""
        await _all(self._put(job_name, position, generation) for position in positions)

    async def _put(self, job_name: str, position: ShardPosition, generation: int) -> None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("save a position"):
            try:
                await dynamodb.put_item(
                    TableName=self._table,
                    Item=_item(job_name, position, generation),
                    ConditionExpression="attribute_not_exists(generation)"
                    " OR generation <= :generation",
                    ExpressionAttributeValues={":generation": {"N": str(generation)}},
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                raise SupersededError(
                    f"generation {generation} is not the newest of {position.shard_id}"
                ) from None

    async def forget(self, job_name: str, shard_ids: tuple[str, ...]) -> None:
        await _all(self._delete(job_name, shard_id) for shard_id in shard_ids)

    async def _delete(self, job_name: str, shard_id: str) -> None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("forget a position"):
            await dynamodb.delete_item(TableName=self._table, Key=_key(job_name, shard_id))

    async def close(self) -> None:
        """The clients are shared: their owner closes them."""


async def _all(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for every call, whatever becomes of the others; being superseded is the worst."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    errors = [outcome for outcome in outcomes if outcome is not None]
    superseded = [error for error in errors if isinstance(error, SupersededError)]
    if errors:
        raise (superseded or errors)[0]


def _key(job_name: str, shard_id: str) -> dict[str, Any]:
    return {"jobName": {"S": job_name}, "shardId": {"S": shard_id}}


def _item(job_name: str, position: ShardPosition, generation: int) -> dict[str, Any]:
    return {
        **_key(job_name, position.shard_id),
        "sequenceNumber": {"S": position.sequence_number},
        "readThrough": {"N": str(position.read_through_ms)},
        "generation": {"N": str(generation)},
        EXPIRES_AT: {"N": str(position.read_through_ms // 1000 + KEEP_S)},
    }


def _position(item: Mapping[str, Any]) -> ShardPosition:
    return ShardPosition(
        shard_id=item["shardId"]["S"],
        sequence_number=item["sequenceNumber"]["S"],
        read_through_ms=int(item["readThrough"]["N"]),
    )
