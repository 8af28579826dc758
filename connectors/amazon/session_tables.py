"""Session tables on DynamoDB; attributes are named as in the protocol.

Every update is one conditional or atomic call; what a condition cannot tell (which epoch a stream
gets) is read, and written if the row is still the same. The counter of a session's listeners is one
row, ``listeners#es`` = 3, ``partials#es`` = 1 and so on beside ``revision``, so that counts and
revision change together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from botocore.exceptions import ClientError

from connectors.amazon import session_items as items
from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.session_items import Item
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.session_tables import (
    ENDED,
    SETTLED_AFTER_MS,
    ConnectionRow,
    CountChange,
    ListenerCounts,
    Progress,
    SessionChange,
    SessionRow,
    agree,
    counted,
)
from schemas.names import LISTENERS_INDEX
from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages

_NOT_ENDED = "attribute_exists(sessionId) AND #status <> :ended"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_ATTEMPTS = 20
"""Of a conditional write; each time one of the others succeeds."""


class AmazonSessionTables:
    """Single attempts: the caller's policy retries. ``count_listeners`` alone is not safe to
    repeat; a count that went wrong that way is mended by ``listeners``."""

    def __init__(self, clients: AwsClients, now_ms: Callable[[], int]) -> None:
        self._clients = clients
        self._now_ms = now_ms
        self._names = clients.settings.names

    async def find(self, session_id: str) -> SessionInfo | None:
        row = await self.get(session_id)
        return None if row is None else row.info

    async def create(self, row: SessionRow) -> bool:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("create a session"):
            try:
                await dynamodb.put_item(
                    TableName=self._names.sessions_table,
                    Item=items.session_item(
                        row, expires_at_ms=items.session_expires_at_ms(row.info)
                    ),
                    ConditionExpression="attribute_not_exists(sessionId)",
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return False
        return True

    async def get(self, session_id: str) -> SessionRow | None:
        item = await self._get(self._names.sessions_table, session_id)
        return None if item is None else items.session_row(item)

    async def open_stream(
        self, session_id: str, speaker_id: str, stream_id: str, connection_id: str, now_ms: int
    ) -> SessionRow | None:
        for _ in range(_ATTEMPTS):
            item = await self._get(self._names.sessions_table, session_id)
            row = None if item is None else items.session_row(item)
            if item is None or row is None or row.info.status == ENDED:
                return None
            if row.info.speaker_id != speaker_id:
                return None
            opened = row.opened(stream_id, connection_id, now_ms)
            if await self._replace_streams(item, opened):
                return opened
        raise RetryableError("open a stream: the session's row changes too fast")

    async def save_progress(self, progress: Progress) -> SessionRow | None:
        values = {
            ":epoch": items.number(progress.epoch),
            ":durable": items.number(progress.durable_sequence),
            ":seen": items.number(progress.speaker_seen_at_ms),
        }
        changes = ["durableSequence = :durable", "speakerSeenAt = :seen"]
        if progress.speaker_lost_at_ms is not None:
            values[":lost"] = items.number(progress.speaker_lost_at_ms)
        if progress.clock_offset_ms is not None:
            changes.append("clockOffsetMs = :offset")
            values[":offset"] = items.number(progress.clock_offset_ms)
        if progress.generation:
            changes.append("opening.#durable = :durable")
            values[":generation"] = items.number(progress.generation)
        saved = await self._update_session(
            progress.session_id,
            items.with_lost(changes, values),
            f"{_NOT_ENDED} AND {items.owned_by(progress.generation)}"
            " AND epoch = :epoch AND durableSequence <= :durable",
            values,
            {"#durable": "durable"} if progress.generation else {},
        )
        if saved is not None:
            return saved
        row = await self.get(progress.session_id)
        if row is None or row.info.status == ENDED or row.generation != progress.generation:
            return None
        if row.newest is not None and row.epoch < row.newest.epoch:
            return await self._save_earlier(progress, values) or row
        return row

    async def _save_earlier(self, progress: Progress, values: dict[str, Item]) -> SessionRow | None:
        """Progress of a stream that was opened last and is not the newest."""
        changes = ["speakerSeenAt = :seen", "opening.#durable = :durable"]
        names = {"#durable": "durable", "#epoch": "epoch"}
        if ":offset" in values:
            changes.append("opening.#clock = :offset")
            names["#clock"] = "clock"
        return await self._update_session(
            progress.session_id,
            items.with_lost(changes, values),
            f"{_NOT_ENDED} AND {items.owned_by(progress.generation)}"
            " AND opening.#epoch = :epoch AND opening.#durable <= :durable",
            values,
            names,
        )

    async def declare_gap(
        self, session_id: str, generation: int, epoch: int, until_sequence: int
    ) -> bool:
        for _ in range(_ATTEMPTS):
            item = await self._get(self._names.sessions_table, session_id)
            row = None if item is None else items.session_row(item)
            if item is None or row is None or row.generation != generation:
                return False
            settled = row.settled(epoch, until_sequence)
            if row.info.status == ENDED or settled == row:
                return True
            if await self._replace_streams(item, settled):
                return True
        raise RetryableError("declare a gap: the session's row changes too fast")

    async def change(self, session_id: str, change: SessionChange) -> SessionRow | None:
        wanted: dict[str, tuple[str, Item | None]] = {
            ":status": ("#status", None if change.status is None else items.text(change.status)),
            ":muted": ("muted", None if change.muted is None else {"BOOL": change.muted}),
            ":volume": ("volume", None if change.volume is None else items.number(change.volume)),
            ":targets": (
                "targetLanguages",
                None if change.target_languages is None else items.texts(change.target_languages),
            ),
        }
        given = {key: pair for key, pair in wanted.items() if pair[1] is not None}
        names: dict[str, str] = {}
        for at, (name, value) in enumerate((change.extra or {}).items()):
            names[f"#e{at}"] = name
            given[f":e{at}"] = (f"#e{at}", items.text(value))
        if not given:
            row = await self.get(session_id)
            return None if row is None or row.info.status == ENDED else row
        changes = ", ".join(f"{name} = {key}" for key, (name, _) in given.items())
        values = {key: value for key, (_, value) in given.items()}
        return await self._update_session(session_id, f"SET {changes}", _NOT_ENDED, values, names)

    async def end(self, session_id: str, now_ms: int) -> SessionRow | None:
        return await self._update_session(
            session_id,
            "SET #status = :ended, endedAt = :now",
            _NOT_ENDED,
            {":now": items.number(now_ms)},
        )

    async def live_sessions(self) -> tuple[SessionRow, ...]:
        found = await self._scan(
            self._names.sessions_table,
            FilterExpression="#status <> :ended",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":ended": items.text(ENDED)},
        )
        return tuple(items.session_row(item) for item in found)

    async def add_connection(self, row: ConnectionRow) -> None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("add a connection"):
            await dynamodb.put_item(
                TableName=self._names.connections_table, Item=items.connection_item(row)
            )

    async def remove_connection(self, connection_id: str) -> ConnectionRow | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("remove a connection"):
            removed = await dynamodb.delete_item(
                TableName=self._names.connections_table,
                Key={"connectionId": items.text(connection_id)},
                ReturnValues="ALL_OLD",
            )
        item = removed.get("Attributes")
        return items.connection_row(cast("Item", item)) if item else None

    async def lose_connection(self, connection_id: str, expires_at_ms: int) -> None:
        await self._expire(connection_id, expires_at_ms, "expiresAtMs > :ms")

    async def keep_connection(self, connection_id: str, expires_at_ms: int) -> bool:
        return await self._expire(connection_id, expires_at_ms, "attribute_exists(connectionId)")

    async def _expire(self, connection_id: str, at_ms: int, condition: str) -> bool:
        updated = await self._update(
            self._names.connections_table,
            {"connectionId": items.text(connection_id)},
            UpdateExpression="SET expiresAtMs = :ms, expiresAt = :s",
            ConditionExpression=condition,
            ExpressionAttributeValues={
                ":ms": items.number(at_ms),
                ":s": items.seconds(at_ms),
            },
        )
        return updated is not None

    async def connections(self, session_id: str, now_ms: int) -> tuple[ConnectionRow, ...]:
        dynamodb = await self._clients.dynamodb()
        rows: list[ConnectionRow] = []
        page: dict[str, Any] = {}
        while True:
            with aws_errors("list a session's connections"):
                answer = await dynamodb.query(
                    TableName=self._names.connections_table,
                    IndexName=LISTENERS_INDEX,
                    KeyConditionExpression="sessionId = :session",
                    ExpressionAttributeValues={":session": items.text(session_id)},
                    **page,
                )
            rows.extend(items.connection_row(cast("Item", item)) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return tuple(row for row in rows if row.expires_at_ms > now_ms)
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def connections_of_gateway(self, gateway_id: str) -> tuple[ConnectionRow, ...]:
        found = await self._scan(
            self._names.connections_table,
            FilterExpression="gatewayId = :gateway",
            ExpressionAttributeValues={":gateway": items.text(gateway_id)},
        )
        return tuple(items.connection_row(item) for item in found)

    async def count_listeners(
        self, session_id: str, change: CountChange, now_ms: int
    ) -> ListenerCounts:
        changes = items.count_attributes(change)
        names = {f"#l{at}": name for at, name in enumerate(changes)}
        values = {f":l{at}": items.number(step) for at, step in enumerate(changes.values())}
        adding = "".join(f"#l{at} :l{at}, " for at in range(len(changes)))
        updated = await self._update(
            self._names.listener_counts_table,
            {"sessionId": items.text(session_id)},
            UpdateExpression=f"ADD {adding}revision :one SET changedAt = :now, expiresAt = :end",
            ExpressionAttributeValues=values | self._counted(now_ms),
            **({"ExpressionAttributeNames": names} if names else {}),
        )
        return items.listener_counts(updated or {})

    async def listener_counts(self, session_id: str) -> ListenerCounts:
        return items.listener_counts(await self._count_row(session_id))

    async def mend_listener_counts(
        self, session_id: str, seen: ListenerCounts, mended: ListenerCounts, now_ms: int
    ) -> ListenerCounts | None:
        # What was said of hearing is no count of connections: it stays.
        nobody = dict.fromkeys(items.count_attributes(replace(seen, feedback={})), 0)
        counts = nobody | items.count_attributes(replace(mended, feedback={}))
        names = {f"#l{at}": name for at, name in enumerate(counts)}
        values = {f":l{at}": items.number(count) for at, count in enumerate(counts.values())}
        setting = "".join(f", #l{at} = :l{at}" for at in range(len(counts)))
        # The first revision of a row is 1 and counts as 0: see items.listener_counts.
        unchanged = "revision = :seen" if seen.revision >= 0 else "attribute_not_exists(revision)"
        seen_value = {":seen": items.number(seen.revision + 1)} if seen.revision >= 0 else {}
        updated = await self._update(
            self._names.listener_counts_table,
            {"sessionId": items.text(session_id)},
            UpdateExpression=(f"SET changedAt = :now, expiresAt = :end{setting} ADD revision :one"),
            ConditionExpression=unchanged,
            ExpressionAttributeValues=values | seen_value | self._counted(now_ms),
            **({"ExpressionAttributeNames": names} if names else {}),
        )
        return None if updated is None else items.listener_counts(updated)

    async def listeners(self, session_id: str) -> ListenerLanguages:
        now_ms = self._now_ms()
        row = await self._count_row(session_id)
        counts = items.listener_counts(row)
        if now_ms < items.changed_at_ms(row, default=now_ms) + SETTLED_AFTER_MS:
            return counts.listener_languages()
        here = counted(await self.connections(session_id, now_ms))
        if agree(here, counts):
            return counts.listener_languages()
        mended = await self.mend_listener_counts(session_id, counts, here, now_ms)
        return (mended or await self.listener_counts(session_id)).listener_languages()

    async def count_request(self, limit_key: str, expires_at_ms: int) -> int:
        updated = await self._update(
            self._names.rate_limits_table,
            {"limitKey": items.text(limit_key)},
            UpdateExpression="ADD requests :one SET expiresAt = :end",
            ExpressionAttributeValues={
                ":one": items.number(1),
                ":end": items.seconds(expires_at_ms),
            },
        )
        return int((updated or {})["requests"]["N"])

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""

    def _counted(self, now_ms: int) -> dict[str, Item]:
        return {
            ":one": items.number(1),
            ":now": items.number(now_ms),
            ":end": items.seconds(now_ms + items.KEEP_MS),
        }

    async def _count_row(self, session_id: str) -> Item:
        return await self._get(self._names.listener_counts_table, session_id) or {}

    async def _get(self, table: str, session_id: str) -> Item | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors(f"read {table}"):
            answer = await dynamodb.get_item(
                TableName=table, Key={"sessionId": items.text(session_id)}, ConsistentRead=True
            )
        return cast("Item | None", answer.get("Item"))

    async def _replace_streams(self, before: Item, row: SessionRow) -> bool:
        """Write what the row says of its streams and its speaker, if it is still as ``before``."""
        change = items.streams_change(before, row)
        condition = f"{_NOT_ENDED} AND {change.condition}"
        return (
            await self._update_session(row.session_id, change.update, condition, change.values)
            is not None
        )

    async def _update_session(
        self,
        session_id: str,
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> SessionRow | None:
        """The row after it; None when the condition does not hold."""
        aliases = {"#status": "status", **(names or {})}
        for alias in ("generation", "connection"):
            if f"#{alias}" in condition:
                aliases[f"#{alias}"] = alias
        updated = await self._update(
            self._names.sessions_table,
            {"sessionId": items.text(session_id)},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=aliases,
            ExpressionAttributeValues={**values, ":ended": items.text(ENDED)},
        )
        return None if updated is None else items.session_row(updated)

    async def _update(self, table: str, key: Item, **request: Any) -> Item | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors(f"update {table}"):
            try:
                answer = await dynamodb.update_item(
                    TableName=table, Key=key, ReturnValues="ALL_NEW", **request
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return None
        return cast("Item", answer["Attributes"])

    async def _scan(self, table: str, **request: Any) -> list[Item]:
        dynamodb = await self._clients.dynamodb()
        found: list[Item] = []
        while True:
            with aws_errors(f"scan {table}"):
                answer = await dynamodb.scan(TableName=table, ConsistentRead=True, **request)
            found.extend(cast("list[Item]", answer["Items"]))
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
