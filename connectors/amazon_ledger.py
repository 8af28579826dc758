"""The ledger as a DynamoDB table; attributes are named as in the protocol.

One conditional PutItem a commit: about 333 a second at full load, so the loser's answer already
carries the winner's row and nothing is read before it is written.
"""

from __future__ import annotations

from typing import Any, cast

from botocore.exceptions import ClientError

from connectors.amazon_clients import AwsClients, aws_errors, error_code
from connectors.amazon_layout import EXPIRES_AT
from connectors.errors import PermanentError, RetryableError
from schemas.values import EntryKind, LedgerEntry, Route

Item = dict[str, Any]
"""A row in DynamoDB's own notation: ``{"epoch": {"N": "3"}, ...}``."""

KEEP_S = 24 * 3600
"""A session lives 8 h at most; its transcript is kept until a day after each word."""

_NUMBERS = {
    "sequenceNumber": "number",
    "epoch": "epoch",
    "firstSample": "first_sample",
    "endSample": "end_sample",
    "capturedAt": "captured_at_ms",
    "committedAt": "committed_at_ms",
    "resumeSample": "resume_sample",
    "resumeSequence": "resume_sequence",
    "resumeSequenceSample": "resume_sequence_sample",
}
_TEXTS = {
    "sessionId": "session_id",
    "text": "text",
    "language": "language",
    "writer": "writer",
}
_GAP_NUMBERS = {
    "gapFromSequence": "gap_from_sequence",
    "gapUntilSequence": "gap_until_sequence",
}


class AmazonLedger:
    """Single attempts: the caller's policy retries. That is safe: every write is conditional."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._table = clients.settings.names.utterances_table

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        try:
            return await self._put_unless_taken(entry)
        except RetryableError:
            # The answer was lost, the write perhaps not: see what stands there.
            stands = await self._find(entry.session_id, entry.number)
            if stands is None:
                raise
            return stands

    async def _put_unless_taken(self, entry: LedgerEntry) -> LedgerEntry:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("commit an entry"):
            try:
                await dynamodb.put_item(
                    TableName=self._table,
                    Item=to_item(entry),
                    ConditionExpression="attribute_not_exists(sessionId)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return from_item(cast("Item", error.response)["Item"])
        return entry

    async def set_routes(
        self, session_id: str, number: int, routes: tuple[Route, ...]
    ) -> tuple[Route, ...]:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("set the routes of an entry"):
            try:
                answer = await dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(session_id, number),
                    UpdateExpression="SET #routes = if_not_exists(#routes, :routes)",
                    ConditionExpression="attribute_exists(sessionId)",
                    ExpressionAttributeNames={"#routes": "routes"},
                    ExpressionAttributeValues={":routes": _routes_value(routes)},
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    raise PermanentError(f"no entry {session_id}/{number}") from None
                raise
        return from_item(answer["Attributes"]).routes or ()

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        dynamodb = await self._clients.dynamodb()
        entries: list[LedgerEntry] = []
        page: Item = {}
        while True:
            with aws_errors("read the ledger"):
                answer = await dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="sessionId = :session AND sequenceNumber > :number",
                    ExpressionAttributeValues={
                        ":session": {"S": session_id},
                        ":number": {"N": str(number)},
                    },
                    ConsistentRead=True,
                    **page,
                )
            entries.extend(from_item(item) for item in answer["Items"])
            last_key = answer.get("LastEvaluatedKey")
            if not last_key:
                return tuple(entries)
            page = {"ExclusiveStartKey": last_key}

    async def last(self, session_id: str) -> LedgerEntry | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("read the ledger's end"):
            answer = await dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="sessionId = :session",
                ExpressionAttributeValues={":session": {"S": session_id}},
                ConsistentRead=True,
                ScanIndexForward=False,
                Limit=1,
            )
        return from_item(answer["Items"][0]) if answer["Items"] else None

    async def _find(self, session_id: str, number: int) -> LedgerEntry | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("read an entry back"):
            answer = await dynamodb.get_item(
                TableName=self._table, Key=_key(session_id, number), ConsistentRead=True
            )
        item = answer.get("Item")
        return from_item(item) if item else None

    async def close(self) -> None:
        """The clients are shared: their owner closes them."""


def to_item(entry: LedgerEntry) -> Item:
    item: Item = {name: {"S": getattr(entry, field)} for name, field in _TEXTS.items()}
    item |= {name: {"N": str(getattr(entry, field))} for name, field in _NUMBERS.items()}
    item["kind"] = {"S": entry.kind.value}
    for name, field in _GAP_NUMBERS.items():
        value = getattr(entry, field)
        if value is not None:
            item[name] = {"N": str(value)}
    if entry.routes is not None:
        item["routes"] = _routes_value(entry.routes)
    item[EXPIRES_AT] = {"N": str(entry.committed_at_ms // 1000 + KEEP_S)}
    return item


def from_item(item: Item) -> LedgerEntry:
    """PermanentError: the row was not written by ``to_item``."""
    try:
        values: dict[str, Any] = {field: item[name]["S"] for name, field in _TEXTS.items()}
        values |= {field: int(item[name]["N"]) for name, field in _NUMBERS.items()}
        values |= {
            field: int(item[name]["N"]) for name, field in _GAP_NUMBERS.items() if name in item
        }
        routes = (
            tuple(_route(found["M"]) for found in item["routes"]["L"]) if "routes" in item else None
        )
        return LedgerEntry(kind=EntryKind(item["kind"]["S"]), routes=routes, **values)
    except (KeyError, ValueError) as error:
        raise PermanentError(f"a ledger row that cannot be read: {error}") from None


def _key(session_id: str, number: int) -> Item:
    return {"sessionId": {"S": session_id}, "sequenceNumber": {"N": str(number)}}


def _routes_value(routes: tuple[Route, ...]) -> Item:
    return {"L": [{"M": _route_value(route)} for route in routes]}


def _route_value(route: Route) -> Item:
    value: Item = {"language": {"S": route.language}}
    if route.previous_number is not None:
        value["previousSequenceNumber"] = {"N": str(route.previous_number)}
    return value


def _route(value: Item) -> Route:
    previous = value.get("previousSequenceNumber")
    return Route(value["language"]["S"], None if previous is None else int(previous["N"]))
