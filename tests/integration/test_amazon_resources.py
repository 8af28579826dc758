"""Creating a stage's resources: complete, repeatable, private."""

from __future__ import annotations

import httpx
import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.layout import tables
from connectors.amazon.resources import create_resources
from schemas.names import LISTENERS_INDEX

pytestmark = pytest.mark.integration


async def test_every_table_has_its_keys_and_expires_rows(aws_clients: AwsClients) -> None:
    dynamodb = await aws_clients.dynamodb()
    for table in tables(aws_clients.settings.names):
        described = (await dynamodb.describe_table(TableName=table.name))["Table"]
        keys = [(key["AttributeName"], key["KeyType"]) for key in described.get("KeySchema", [])]
        expected = [(table.partition.name, "HASH")]
        if table.sort is not None:
            expected.append((table.sort.name, "RANGE"))
        assert keys == expected
        ttl = (await dynamodb.describe_time_to_live(TableName=table.name))["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}


async def test_listeners_are_indexed_by_session_and_language(aws_clients: AwsClients) -> None:
    dynamodb = await aws_clients.dynamodb()
    name = aws_clients.settings.names.connections_table
    table = (await dynamodb.describe_table(TableName=name))["Table"]
    indexes = {
        index.get("IndexName"): [key["AttributeName"] for key in index.get("KeySchema", [])]
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    assert indexes == {LISTENERS_INDEX: ["sessionId", "targetLanguage"]}


async def test_buckets_are_private_and_forget_after_a_day_or_what_a_room_says(
    aws_clients: AwsClients,
) -> None:
    """Clips that carry no days of a room's go when the longest are over."""
    s3, names = await aws_clients.s3(), aws_clients.settings.names
    days = {names.clip_bucket: [1, 1, 7, 30, 31], names.audio_bucket: [1]}
    for bucket in days:
        rules = (await s3.get_bucket_lifecycle_configuration(Bucket=bucket)).get("Rules", [])
        assert [rule.get("Expiration", {}).get("Days") for rule in rules] == days[bucket]
        block = (await s3.get_public_access_block(Bucket=bucket))["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
        assert len(block) == 4


async def test_pages_of_any_address_may_fetch_a_clip(aws_clients: AwsClients) -> None:
    clips = AmazonClipStore(aws_clients)
    await clips.put("a.mp3", b"mp3", content_type="audio/mpeg", metadata={})
    link = await clips.presign("a.mp3", expires_s=60)
    page = {"origin": "https://talks.example"}
    async with httpx.AsyncClient() as http:
        answer = await http.get(link, headers=page)
    assert (answer.content, answer.headers["access-control-allow-origin"]) == (b"mp3", "*")


async def test_creating_again_keeps_data_and_shards(aws_clients: AwsClients) -> None:
    settings = aws_clients.settings
    dynamodb = await aws_clients.dynamodb()
    row = {"sessionId": {"S": "kept-river-1"}}
    await dynamodb.put_item(TableName=settings.names.sessions_table, Item=row)

    await create_resources(settings, shards=5)

    found = await dynamodb.get_item(TableName=settings.names.sessions_table, Key=row)
    assert found.get("Item") == row
    kinesis = await aws_clients.kinesis()
    shards = await kinesis.list_shards(StreamName=settings.names.audio_stream)
    assert len(shards["Shards"]) == 2
