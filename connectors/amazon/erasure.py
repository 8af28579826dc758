"""Removes what S3 and DynamoDB hold of a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.interfaces.dead_letters import letter_of
from connectors.interfaces.erasure import Erased
from schemas.names import DEAD_LETTERS, LISTENERS_INDEX, dead_letter_at_ms, session_prefix

_AT_ONCE = 16


class AmazonErasure:
    """Single attempts: the caller's policy retries."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._names = clients.settings.names
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def erase(self, session_id: str, since_ms: int) -> Erased:
        names = self._names
        objects = await self._erase_prefix(names.clip_bucket, session_prefix(session_id))
        objects += await self._erase_prefix(names.audio_bucket, session_prefix(session_id))
        objects += await self._erase_letters(session_id, since_ms)
        rows = await self._erase_rows(
            names.utterances_table,
            self._keys(names.utterances_table, ("sessionId", "sequenceNumber"), session_id),
        )
        rows += await self._erase_rows(
            names.connections_table,
            self._keys(names.connections_table, ("connectionId",), session_id, LISTENERS_INDEX),
        )
        key = {"sessionId": {"S": session_id}}
        rows += await self._erase_row(names.listener_counts_table, key)
        rows += await self._erase_row(names.sessions_table, key)
        return Erased(objects, rows)

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""

    async def _erase_prefix(self, bucket: str, prefix: str) -> int:
        keys = [key async for key in self._objects(bucket, prefix)]
        return await self._erase_objects(bucket, keys)

    async def _erase_letters(self, session_id: str, since_ms: int) -> int:
        """A letter's key does not tell whose it is: those of the time are read."""
        bucket = self._names.audio_bucket
        found = [
            key
            async for key in self._objects(bucket, DEAD_LETTERS)
            if dead_letter_at_ms(key) >= since_ms
        ]
        whose = await asyncio.gather(*(self._session_of_letter(bucket, key) for key in found))
        own = [key for key, name in zip(found, whose, strict=True) if name == session_id]
        return await self._erase_objects(bucket, own)

    async def _session_of_letter(self, bucket: str, key: str) -> str | None:
        s3 = await self._clients.s3()
        async with self._turn:
            with aws_errors("read a dead letter"):
                answer = await s3.get_object(Bucket=bucket, Key=key)
                async with answer["Body"] as body:
                    letter = letter_of(await body.read())
        return None if letter is None else letter.session_id

    async def _objects(self, bucket: str, prefix: str) -> AsyncIterator[str]:
        s3 = await self._clients.s3()
        page: dict[str, Any] = {}
        while True:
            with aws_errors(f"list what {bucket} holds"):
                answer = await s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **page)
            for one in answer.get("Contents", []):
                yield one.get("Key", "")
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer.get("NextContinuationToken", "")}

    async def _erase_objects(self, bucket: str, keys: Iterable[str]) -> int:
        s3 = await self._clients.s3()

        async def erase(key: str) -> None:
            async with self._turn:
                with aws_errors(f"erase an object of {bucket}"):
                    await s3.delete_object(Bucket=bucket, Key=key)

        return len(await asyncio.gather(*(erase(key) for key in keys)))

    async def _keys(
        self, table: str, key: tuple[str, ...], session_id: str, index: str | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The keys of the session's rows."""
        dynamodb = await self._clients.dynamodb()
        page: dict[str, Any] = {} if index is None else {"IndexName": index}
        while True:
            with aws_errors(f"list the rows of {table}"):
                answer = await dynamodb.query(
                    TableName=table,
                    KeyConditionExpression="sessionId = :session",
                    ExpressionAttributeValues={":session": {"S": session_id}},
                    ProjectionExpression=", ".join(key),
                    **page,
                )
            for item in answer["Items"]:
                yield {name: item[name] for name in key}
            if "LastEvaluatedKey" not in answer:
                return
            page |= {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def _erase_rows(self, table: str, keys: AsyncIterator[Mapping[str, Any]]) -> int:
        found = [key async for key in keys]
        return sum(await asyncio.gather(*(self._erase_row(table, key) for key in found)))

    async def _erase_row(self, table: str, key: Mapping[str, Any]) -> int:
        """How many: one, or none was there."""
        dynamodb = await self._clients.dynamodb()
        async with self._turn:
            with aws_errors(f"erase a row of {table}"):
                answer = await dynamodb.delete_item(
                    TableName=table, Key=key, ReturnValues="ALL_OLD"
                )
        return int(bool(answer.get("Attributes")))
