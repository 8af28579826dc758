"""Create every table, stream and bucket of a stage, for local clouds and tests.

On AWS the CDK app does this; both take names from ``schemas.names`` and shapes from
``amazon_layout``. Repeating it changes nothing, so a demo can always call it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors, error_code
from connectors.amazon.layout import (
    EXPIRES_AT,
    KEEP_TAG,
    STORED_DAYS,
    Key,
    Table,
    clip_expiry_days,
    tables,
)

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_EXISTS = frozenset(
    {
        "BucketAlreadyOwnedByYou",
        "BucketAlreadyExists",
        "ResourceInUseException",
    }
)
_READY_POLL_S = 0.2
_READY_TIMEOUT_S = 60


async def create_resources(settings: AwsSettings, *, shards: int = 2) -> None:
    """Create what is missing and wait until it can be used. ``shards``: of the audio stream."""
    clients = AwsClients(settings)
    try:
        await create_resources_of(clients, shards=shards)
    finally:
        await clients.close()


async def create_resources_of(
    clients: AwsClients, *, shards: int = 2, only: Collection[str] | None = None
) -> None:
    """As ``create_resources``, by clients that stay open. ``only``: the names of those to create;
    None: all."""
    names = clients.settings.names
    creating: dict[str, Callable[[], Coroutine[None, None, None]]] = {
        table.name: partial(_create_table, clients, table) for table in tables(names)
    }
    creating |= {
        names.audio_stream: partial(_create_stream, clients, names.audio_stream, shards),
        names.dead_letter_stream: partial(_create_stream, clients, names.dead_letter_stream, 1),
        names.clip_bucket: partial(_create_clip_bucket, clients),
        names.audio_bucket: partial(
            _create_bucket, clients, names.audio_bucket, {None: STORED_DAYS}
        ),
    }
    wanted = creating if only is None else only
    await asyncio.gather(*(creating[name]() for name in wanted))


async def _unless_there(action: str, creating: Awaitable[Any]) -> None:
    with aws_errors(action):
        try:
            await creating
        except ClientError as error:
            if error_code(error) not in _EXISTS:
                raise


async def _create_table(clients: AwsClients, table: Table) -> None:
    dynamodb = await clients.dynamodb()
    request = _table_request(table)
    await _unless_there(f"create table {table.name}", dynamodb.create_table(**request))

    async def is_active() -> bool:
        with aws_errors(f"describe table {table.name}"):
            described = await dynamodb.describe_table(TableName=table.name)
        return described["Table"].get("TableStatus") == "ACTIVE"

    await _until(is_active)
    with aws_errors(f"set the TTL of {table.name}"):
        described = await dynamodb.describe_time_to_live(TableName=table.name)
        status = described["TimeToLiveDescription"].get("TimeToLiveStatus", "DISABLED")
        if status == "DISABLED":
            await dynamodb.update_time_to_live(
                TableName=table.name,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES_AT},
            )


def _table_request(table: Table) -> Any:
    keys = [key for key in (table.partition, table.sort) if key is not None]
    indexed = [key for pair in table.indexes.values() for key in pair]
    attributes = {key.name: key.type for key in (*keys, *indexed)}
    request: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
        ],
        "KeySchema": _key_schema(keys),
    }
    if table.indexes:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": name,
                "KeySchema": _key_schema(list(pair)),
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, pair in table.indexes.items()
        ]
    return request


def _key_schema(keys: list[Key]) -> list[dict[str, str]]:
    roles = ("HASH", "RANGE")
    return [
        {"AttributeName": key.name, "KeyType": role} for key, role in zip(keys, roles, strict=False)
    ]


async def _create_stream(clients: AwsClients, name: str, shards: int) -> None:
    kinesis = await clients.kinesis()
    creating = kinesis.create_stream(StreamName=name, ShardCount=shards)
    await _unless_there(f"create stream {name}", creating)

    async def is_active() -> bool:
        with aws_errors(f"describe stream {name}"):
            described = await kinesis.describe_stream_summary(StreamName=name)
        return described["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"

    await _until(is_active)


async def _until(ready: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_READY_TIMEOUT_S):
        while True:
            if await ready():
                return
            await asyncio.sleep(_READY_POLL_S)


async def _create_clip_bucket(clients: AwsClients) -> None:
    name = clients.settings.names.clip_bucket
    await _create_bucket(clients, name, clip_expiry_days())
    await _let_pages_fetch(await clients.s3(), name)


async def _create_bucket(
    clients: AwsClients, name: str, days_by_tag: Mapping[int | None, int]
) -> None:
    s3, region = await clients.s3(), clients.settings.region
    location: dict[str, Any] = {}
    if region != "us-east-1":  # the one region that refuses to be named
        location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    await _unless_there(f"create bucket {name}", s3.create_bucket(Bucket=name, **location))
    with aws_errors(f"configure bucket {name}"):
        await s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        await s3.put_bucket_lifecycle_configuration(
            Bucket=name,
            LifecycleConfiguration={
                "Rules": [_expiry(tag, days) for tag, days in days_by_tag.items()]
            },
        )
        await s3.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )


def _expiry(tag: int | None, days: int) -> Any:
    by_tag = {"Tag": {"Key": KEEP_TAG, "Value": str(tag)}}
    return {
        "ID": "expire" if tag is None else f"expire-{KEEP_TAG}-{tag}",
        "Status": "Enabled",
        "Filter": {"Prefix": ""} if tag is None else by_tag,
        "Expiration": {"Days": days},
    }


async def _let_pages_fetch(s3: S3Client, bucket: str) -> None:
    """Pages decode clips themselves, so they must be let read them. What may be fetched is still
    only what a signed link leads to."""
    with aws_errors(f"let pages fetch from {bucket}"):
        await s3.put_bucket_cors(
            Bucket=bucket,
            CORSConfiguration={
                "CORSRules": [
                    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 3600}
                ]
            },
        )
