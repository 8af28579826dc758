"""Positions in a DynamoDB table, one row a shard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from connectors.amazon_clients import AwsClients, aws_errors
from connectors.amazon_layout import EXPIRES_AT
from connectors.positions import ShardPosition

KEEP_S = 8 * 24 * 3600
"""Kinesis keeps records for a day unless told otherwise, a week at the usual most."""


class AmazonPositions:
    """Single attempts: the next save comes in seconds and says more than a repeat."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._table = clients.settings.names.positions_table

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
                positions[position.shard_id] = position
            last_key = answer.get("LastEvaluatedKey")
            if not last_key:
                return positions
            page = {"ExclusiveStartKey": last_key}

    async def save(self, job_name: str, positions: tuple[ShardPosition, ...]) -> None:
        """Rows of their own, so that a failure leaves the others written."""
        dynamodb = await self._clients.dynamodb()

        async def put(position: ShardPosition) -> None:
            with aws_errors("save a position"):
                await dynamodb.put_item(TableName=self._table, Item=_item(job_name, position))

        await asyncio.gather(*(put(position) for position in positions))

    async def close(self) -> None:
        """The clients are shared: their owner closes them."""


def _item(job_name: str, position: ShardPosition) -> dict[str, Any]:
    return {
        "jobName": {"S": job_name},
        "shardId": {"S": position.shard_id},
        "sequenceNumber": {"S": position.sequence_number},
        "readThrough": {"N": str(position.read_through_ms)},
        EXPIRES_AT: {"N": str(position.read_through_ms // 1000 + KEEP_S)},
    }


def _position(item: Mapping[str, Any]) -> ShardPosition:
    return ShardPosition(
        shard_id=item["shardId"]["S"],
        sequence_number=item["sequenceNumber"]["S"],
        read_through_ms=int(item["readThrough"]["N"]),
    )
