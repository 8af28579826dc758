"""Events, rooms and talks in one DynamoDB table, each row a document under a version.

``scope`` and ``item`` are its key: an owner's events are ``owner#ada`` and ``event#...``; a room is
``room#...`` and ``room``, and its talks stand beside it as ``talk#...``, so that one query reads
all that is told to listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.layout import EXPIRES_AT
from connectors.interfaces.room_tables import KEEP_DAYS_UNUSED
from schemas.rooms import Deletion, Event, Room, Talk

_ROOM = "room"
_EVENT = "event#"
_TALK = "talk#"
_DELETIONS = "deletions"
_IS_NEW = "attribute_not_exists(#scope)"
_IS_OF_VERSION = "attribute_exists(#scope) AND version = :version"

Value = TypeVar("Value", Event, Room, Talk)
Key = tuple[str, str]


class _ConditionError(Exception):
    """The row is not as the writer thought."""


class AmazonRoomTables:
    """Single attempts: the caller's policy retries. A replacement whose answer was lost looks like
    one that came too late: who repeats it reads the row first."""

    def __init__(self, clients: AwsClients, now_ms: Callable[[], int]) -> None:
        self._clients = clients
        self._now_ms = now_ms
        self._table = clients.settings.names.rooms_table

    async def add_event(self, event: Event) -> bool:
        return await self._put(_event_key(event.owner, event.event_id), event, _IS_NEW)

    async def event(self, owner: str, event_id: str) -> Event | None:
        return await self._get(_event_key(owner, event_id), Event)

    async def events(self, owner: str) -> tuple[Event, ...]:
        rows = await self._rows(f"owner#{owner}")
        return tuple(_value(row, Event) for row in rows)

    async def replace_event(self, event: Event) -> Event | None:
        return await self._replace(_event_key(event.owner, event.event_id), event)

    async def remove_event(self, owner: str, event_id: str) -> None:
        await self._remove(_event_key(owner, event_id))

    async def add_room(self, room: Room) -> bool:
        return await self._put(_room_key(room.room_id), room, _IS_NEW)

    async def room(self, room_id: str) -> Room | None:
        return await self._get(_room_key(room_id), Room)

    async def room_and_talks(self, room_id: str) -> tuple[Room, tuple[Talk, ...]] | None:
        rows = {row["item"]["S"]: row for row in await self._rows(f"room#{room_id}")}
        room = rows.pop(_ROOM, None)
        if room is None:
            return None
        return _value(room, Room), tuple(_value(row, Talk) for row in rows.values())

    async def replace_room(self, room: Room) -> Room | None:
        return await self._replace(_room_key(room.room_id), room)

    async def remove_room(self, room_id: str) -> None:
        await self._remove(_room_key(room_id))

    async def add_talk(self, talk: Talk) -> bool:
        return await self._put(_talk_key(talk.room_id, talk.talk_id), talk, _IS_NEW)

    async def talk(self, room_id: str, talk_id: str) -> Talk | None:
        return await self._get(_talk_key(room_id, talk_id), Talk)

    async def replace_talk(self, talk: Talk) -> Talk | None:
        return await self._replace(_talk_key(talk.room_id, talk.talk_id), talk)

    async def remove_talk(self, room_id: str, talk_id: str) -> None:
        await self._remove(_talk_key(room_id, talk_id))

    async def put_deletion(self, deletion: Deletion) -> None:
        await self._write((_DELETIONS, deletion.session_id), msgspec.json.encode(deletion), 0, None)

    async def deletions(self) -> tuple[Deletion, ...]:
        rows = await self._rows(_DELETIONS)
        return tuple(msgspec.json.decode(row["document"]["S"], type=Deletion) for row in rows)

    async def remove_deletion(self, session_id: str) -> None:
        await self._remove((_DELETIONS, session_id))

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""

    async def _get(self, key: Key, kind: type[Value]) -> Value | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("read a room"):
            answer = await dynamodb.get_item(
                TableName=self._table, Key=_attributes(key), ConsistentRead=True
            )
        item = answer.get("Item")
        return None if item is None else _value(item, kind)

    async def _rows(self, scope: str) -> list[Mapping[str, Any]]:
        dynamodb = await self._clients.dynamodb()
        rows: list[Mapping[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            with aws_errors("read rooms"):
                answer = await dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="#scope = :scope",
                    ExpressionAttributeNames={"#scope": "scope"},
                    ExpressionAttributeValues={":scope": {"S": scope}},
                    ConsistentRead=True,
                    **page,
                )
            rows.extend(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return rows
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def _replace(self, key: Key, value: Value) -> Value | None:
        after = replace(value, version=value.version + 1)
        was = {":version": {"N": str(value.version)}}
        return after if await self._put(key, after, _IS_OF_VERSION, was) else None

    async def _put(
        self,
        key: Key,
        value: Event | Room | Talk,
        condition: str,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether the condition held."""
        request = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#scope": "scope"},
            **({"ExpressionAttributeValues": values} if values else {}),
        }
        try:
            await self._write(key, msgspec.json.encode(value), value.version, request)
        except _ConditionError:
            return False
        return True

    async def _write(
        self, key: Key, document: bytes, version: int, request: Mapping[str, Any] | None
    ) -> None:
        """Raises _ConditionError: the condition of ``request`` does not hold."""
        dynamodb = await self._clients.dynamodb()
        expires_at_s = self._now_ms() // 1000 + KEEP_DAYS_UNUSED * 86_400
        item = {
            **_attributes(key),
            "document": {"S": document.decode()},
            "version": {"N": str(version)},
            EXPIRES_AT: {"N": str(expires_at_s)},
        }
        with aws_errors("write a room"):
            try:
                await dynamodb.put_item(TableName=self._table, Item=item, **(request or {}))
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                raise _ConditionError from None

    async def _remove(self, key: Key) -> None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("remove a room"):
            await dynamodb.delete_item(TableName=self._table, Key=_attributes(key))


def _event_key(owner: str, event_id: str) -> Key:
    return f"owner#{owner}", _EVENT + event_id


def _room_key(room_id: str) -> Key:
    return f"room#{room_id}", _ROOM


def _talk_key(room_id: str, talk_id: str) -> Key:
    return f"room#{room_id}", _TALK + talk_id


def _attributes(key: Key) -> dict[str, Any]:
    scope, item = key
    return {"scope": {"S": scope}, "item": {"S": item}}


def _value(item: Mapping[str, Any], kind: type[Value]) -> Value:
    return msgspec.json.decode(item["document"]["S"], type=kind)
