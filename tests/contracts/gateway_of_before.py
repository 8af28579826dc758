"""A gateway of an earlier version, which wrote streams of a session in another shape."""

from __future__ import annotations

from typing import Any, cast

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, error_code
from connectors.interfaces.session_tables import (
    ENDED,
)
from tests.settable_clock import T0_MS

_READ = ("sessionId", "speakerId", "sourceLanguage", "targetLanguages", "qualityTier", "status")
_READ_TOO = ("createdAt", "epoch", "durableSequence", "muted", "volume")
_KEEP_MS = 24 * 3600 * 1000


class GatewayOfBefore:
    """The updates of commit 9bc5d6e, expression for expression. ``now_ms``: when it ran."""

    _NOT_ENDED = "attribute_exists(sessionId) AND #status <> :ended"

    def __init__(
        self, clients: AwsClients, session_id: str, speaker: str = "ada", now_ms: int = T0_MS
    ) -> None:
        self._clients = clients
        self._session_id = session_id
        self._speaker = speaker
        self._now_ms = now_ms

    async def create(self) -> None:
        """A session, with no attribute that it did not know."""
        dynamodb = await self._clients.dynamodb()
        await dynamodb.put_item(
            TableName=self._clients.settings.names.sessions_table,
            Item={
                "sessionId": {"S": self._session_id},
                "speakerId": {"S": self._speaker},
                "sourceLanguage": {"S": "en"},
                "targetLanguages": {"L": [{"S": "es"}, {"S": "ca"}]},
                "qualityTier": {"S": "standard"},
                "status": {"S": "active"},
                "createdAt": {"N": str(self._now_ms)},
                "expiresAt": {"N": str(-(-(self._now_ms + _KEEP_MS) // 1000))},
                "epoch": {"N": "-1"},
                "durableSequence": {"N": "-1"},
                "muted": {"BOOL": False},
                "volume": {"N": "1.0"},
            },
            ConditionExpression="attribute_not_exists(sessionId)",
        )

    async def read(self) -> tuple[str, str]:
        """Status and source language, if it can read the row. KeyError: it cannot."""
        dynamodb = await self._clients.dynamodb()
        answer = await dynamodb.get_item(
            TableName=self._clients.settings.names.sessions_table,
            Key={"sessionId": {"S": self._session_id}},
            ConsistentRead=True,
        )
        item = cast("dict[str, Any]", answer)["Item"]
        read = {name: item[name] for name in (*_READ, *_READ_TOO)}
        return str(read["status"]["S"]), str(read["sourceLanguage"]["S"])

    async def open_stream(self, stream_id: str, connection_id: str) -> int:
        """The epoch."""
        values: dict[str, Any] = {
            ":speaker": {"S": self._speaker},
            ":stream": {"S": stream_id},
            ":connection": {"S": connection_id},
            ":now": {"N": str(self._now_ms)},
        }
        its_own = f"{self._NOT_ENDED} AND speakerId = :speaker"
        here = "speakerSeenAt = :now, speakerConnectionId = :connection"
        kept = await self._update(f"SET {here}", f"{its_own} AND streamId = :stream", values)
        if kept is None:
            kept = await self._update(
                f"SET streamId = :stream, {here}, durableSequence = :none"
                " ADD epoch :one REMOVE clockOffsetMs",
                f"{its_own} AND (attribute_not_exists(streamId) OR streamId <> :stream)",
                values | {":none": {"N": "-1"}, ":one": {"N": "1"}},
            )
        assert kept is not None
        return int(kept["epoch"]["N"])

    async def save_progress(self, epoch: int, durable_sequence: int) -> None:
        await self._update(
            "SET durableSequence = :durable, speakerSeenAt = :seen",
            f"{self._NOT_ENDED} AND epoch = :epoch AND durableSequence <= :durable",
            {
                ":epoch": {"N": str(epoch)},
                ":durable": {"N": str(durable_sequence)},
                ":seen": {"N": str(self._now_ms)},
            },
        )

    async def _update(
        self, update: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        dynamodb = await self._clients.dynamodb()
        try:
            answer = await dynamodb.update_item(
                TableName=self._clients.settings.names.sessions_table,
                Key={"sessionId": {"S": self._session_id}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values | {":ended": {"S": ENDED}},
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return None
        return cast("dict[str, Any]", answer["Attributes"])
