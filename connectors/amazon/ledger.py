"""The ledger as a DynamoDB table; attributes are named as in the protocol.

One conditional PutItem a commit, routes included, and one UpdateItem for each of its languages:
nothing is read before it is written, for a refusal carries the row that stands. DynamoDB charges a
write by each begun KB of the row, so that what is absent has no attribute: a sentence with its
outcomes in four languages stays below one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.layout import EXPIRES_AT
from connectors.interfaces.errors import (
    NoEntryError,
    PermanentError,
    RetryableError,
    UnreadableError,
)
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, LedgerHead, Release, Route

Item = dict[str, Any]
"""A row in DynamoDB's own notation: ``{"epoch": {"N": "3"}, ...}``."""

KEEP_S = 24 * 3600
"""A session lives 8 h at most; its transcript is kept until a day after each word, or as many days
as its room says. A job needs its rows for as long as it lives."""

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
_CONDITION_FAILED = "ConditionalCheckFailedException"

HEAD_NUMBER = -1
"""The sort key of a session's head. The code of 9bc5d6e asks for entries above -1 and for the
greatest number, so that it meets a head only where nothing else stands: when a session's entries
have expired, or when a head was saved before the first entry. Its ``last`` then raises
PermanentError, and its gateway shows no history, of which there is none."""


def _wall_clock_ms() -> int:
    return int(time.time() * 1000)


class AmazonLedger:
    """Single attempts: the caller's policy retries. That is safe: every write of an entry is
    conditional, and of heads any will do."""

    def __init__(self, clients: AwsClients, now_ms: Callable[[], int] = _wall_clock_ms) -> None:
        """``now_ms``: when a head is saved; an entry expires by its own time."""
        self._clients = clients
        self._now_ms = now_ms
        self._table = clients.settings.names.utterances_table

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        try:
            return await self._put_unless_taken(entry)
        except RetryableError:
            # The answer was lost, the write perhaps not: see what stands there.
            item = await self._get(entry.session_id, entry.number)
            if item is None:
                raise
            return from_item(item)

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
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return from_item(cast("Item", error.response)["Item"])
        return replace(entry, outcomes=()) if entry.outcomes else entry

    async def fix(self, session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        """One conditional write, whose refusal carries what stands; repeating it is safe. A row
        of version 1 has no map yet: its first outcome brings it."""
        for attempt in (self._fix_in_map, self._fix_with_map, self._fix_in_map):
            stands = await attempt(session_id, number, outcome)
            if stands is not None:
                return stands
        raise PermanentError(f"the outcomes of {session_id}/{number} come and go")

    async def _fix_in_map(
        self, session_id: str, number: int, outcome: FixedOutcome
    ) -> FixedOutcome | None:
        """None: the row has no map. NoEntryError: there is no row."""
        refused = await self._update(
            session_id,
            number,
            "SET outcomes.#language = :outcome",
            "attribute_exists(outcomes) AND attribute_not_exists(outcomes.#language)",
            names={"#language": outcome.language},
            values={":outcome": outcome_value(outcome)},
        )
        if refused is None:
            return outcome
        if not refused:
            raise NoEntryError(f"no entry {session_id}/{number}")
        standing = refused.get("outcomes", {"M": {}})["M"].get(outcome.language)
        return None if standing is None else _outcome(outcome.language, standing)

    async def _fix_with_map(
        self, session_id: str, number: int, outcome: FixedOutcome
    ) -> FixedOutcome | None:
        """None: another writer brought the map in the meantime."""
        refused = await self._update(
            session_id,
            number,
            "SET outcomes = :outcomes",
            "attribute_exists(sessionId) AND attribute_not_exists(outcomes)",
            values={":outcomes": {"M": {outcome.language: outcome_value(outcome)}}},
        )
        return outcome if refused is None else None

    async def _update(
        self,
        session_id: str,
        number: int,
        expression: str,
        condition: str,
        *,
        values: Item,
        names: Item | None = None,
    ) -> Item | None:
        """None: written. Otherwise the row that did not meet ``condition``, empty if there is
        none. The answer to a write carries nothing: at full load it would be parsed hundreds of
        times a second."""
        dynamodb = await self._clients.dynamodb()
        named: Item = {} if names is None else {"ExpressionAttributeNames": names}
        with aws_errors("update an entry"):
            try:
                await dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(session_id, number),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **named,
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return cast("Item", error.response).get("Item", {})
        return None

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
                        ":number": {"N": str(max(number, HEAD_NUMBER))},
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
                KeyConditionExpression="sessionId = :session AND sequenceNumber > :head",
                ExpressionAttributeValues={
                    ":session": {"S": session_id},
                    ":head": {"N": str(HEAD_NUMBER)},
                },
                ConsistentRead=True,
                ScanIndexForward=False,
                Limit=1,
            )
        return from_item(answer["Items"][0]) if answer["Items"] else None

    async def head(self, session_id: str) -> LedgerHead | None:
        item = await self._get(session_id, HEAD_NUMBER)
        if item is None:
            return None
        try:
            return LedgerHead(session_id, int(item["through"]["N"]), item["coverage"]["S"])
        except (KeyError, ValueError) as error:
            raise UnreadableError(f"a ledger head that cannot be read: {error}") from None

    async def save_head(self, head: LedgerHead) -> None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("save the ledger's head"):
            await dynamodb.put_item(TableName=self._table, Item=head_item(head, self._now_ms()))

    async def _get(self, session_id: str, number: int) -> Item | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("read a row of the ledger"):
            answer = await dynamodb.get_item(
                TableName=self._table, Key=_key(session_id, number), ConsistentRead=True
            )
        return answer.get("Item")

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
    if entry.sentence is not None:
        item["sentence"] = {"N": str(entry.sentence)}
    if entry.ends_sentence:
        item["endsSentence"] = {"BOOL": True}
    if entry.takeover:
        item["takeover"] = {"N": str(entry.takeover)}
    if entry.resume_record is not None:
        item["resumeRecord"] = {"S": entry.resume_record}
    if entry.version > 1:
        item |= {"version": {"N": str(entry.version)}, "outcomes": {"M": {}}}
    if entry.keep_days != 1:
        item["keepDays"] = {"N": str(entry.keep_days)}
    kept_s = KEEP_S * max(entry.keep_days, 1)
    item[EXPIRES_AT] = {"N": str(entry.committed_at_ms // 1000 + kept_s)}
    return item


def from_item(item: Item) -> LedgerEntry:
    """UnreadableError: the row was not written by ``to_item``."""
    try:
        values: dict[str, Any] = {field: item[name]["S"] for name, field in _TEXTS.items()}
        values |= {field: int(item[name]["N"]) for name, field in _NUMBERS.items()}
        values |= {
            field: int(item[name]["N"]) for name, field in _GAP_NUMBERS.items() if name in item
        }
        if "routes" in item:
            values["routes"] = tuple(_route(found["M"]) for found in item["routes"]["L"])
        if "resumeRecord" in item:
            values["resume_record"] = item["resumeRecord"]["S"]
        if "sentence" in item:
            values["sentence"] = int(item["sentence"]["N"])
        outcomes = item.get("outcomes", {"M": {}})["M"]
        return LedgerEntry(
            kind=EntryKind(item["kind"]["S"]),
            version=int(item.get("version", {"N": "1"})["N"]),
            takeover=int(item.get("takeover", {"N": "0"})["N"]),
            ends_sentence="endsSentence" in item,
            keep_days=int(item.get("keepDays", {"N": "1"})["N"]),
            outcomes=tuple(_outcome(language, outcomes[language]) for language in sorted(outcomes)),
            **values,
        )
    except (KeyError, ValueError) as error:
        raise UnreadableError(f"a ledger row that cannot be read: {error}") from None


def head_item(head: LedgerHead, saved_at_ms: int) -> Item:
    return {
        **_key(head.session_id, HEAD_NUMBER),
        "through": {"N": str(head.number)},
        "coverage": {"S": head.coverage},
        EXPIRES_AT: {"N": str(saved_at_ms // 1000 + KEEP_S)},
    }


def _key(session_id: str, number: int) -> Item:
    return {"sessionId": {"S": session_id}, "sequenceNumber": {"N": str(number)}}


def _routes_value(routes: tuple[Route, ...]) -> Item:
    return {"L": [{"M": _route_value(route)} for route in routes]}


def _route_value(route: Route) -> Item:
    value: Item = {"language": {"S": route.language}}
    if route.previous_number is not None:
        value["previousSequenceNumber"] = {"N": str(route.previous_number)}
    if not route.is_voiced:
        value["captionsOnly"] = {"BOOL": True}
    return value


def _route(value: Item) -> Route:
    previous = value.get("previousSequenceNumber")
    number = None if previous is None else int(previous["N"])
    return Route(value["language"]["S"], number, "captionsOnly" not in value)


def outcome_value(outcome: FixedOutcome) -> Item:
    value: Item = {"text": {"S": outcome.text}, "fixedAt": {"N": str(outcome.fixed_at_ms)}}
    if outcome.skipped is not None:
        value["skipped"] = {"S": outcome.skipped}
    if outcome.release is not None:
        value |= _release_value(outcome.release)
    return {"M": value}


def _release_value(release: Release) -> Item:
    """Flat, and nothing that is absent: an outcome is written for each step."""
    value: Item = {"sentence": {"N": str(release.sentence)}}
    if release.ends:
        value["ends"] = {"BOOL": True}
    if release.catches_up:
        value["catchesUp"] = {"BOOL": True}
    if release.phrase:
        value["phrase"] = {"S": release.phrase}
    value["from"] = {"N": str(release.from_number)}
    value["at"] = {"N": str(release.at_ms)}
    if release.previous_number is not None:
        value["previousSequenceNumber"] = {"N": str(release.previous_number)}
    return value


def _outcome(language: str, value: Item) -> FixedOutcome:
    fields = value["M"]
    return FixedOutcome(
        language,
        fields["text"]["S"],
        fields["skipped"]["S"] if "skipped" in fields else None,
        int(fields["fixedAt"]["N"]),
        _release(fields) if "sentence" in fields else None,
    )


def _release(fields: Item) -> Release:
    previous = fields.get("previousSequenceNumber")
    return Release(
        int(fields["sentence"]["N"]),
        "ends" in fields,
        fields.get("phrase", {"S": ""})["S"],
        int(fields["from"]["N"]),
        int(fields["at"]["N"]),
        None if previous is None else int(previous["N"]),
        "catchesUp" in fields,
    )
