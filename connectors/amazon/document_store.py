"""Documents in the table of connections: rows without sessionId, so its index never shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.layout import EXPIRES_AT
from connectors.interfaces.document_store import Document

_THERE = "attribute_exists(connectionId) AND expiresAtMs > :now"


class AmazonDocumentStore:
    """Single attempts. DynamoDB removes what has expired within days: expiry is checked here."""

    def __init__(self, clients: AwsClients, now_ms: Callable[[], int]) -> None:
        self._clients = clients
        self._now_ms = now_ms
        self._table = clients.settings.names.connections_table

    async def add(self, key: str, text: str, expires_at_ms: int) -> bool:
        return await self._put(
            key,
            Document(text, 0),
            expires_at_ms,
            "attribute_not_exists(connectionId) OR expiresAtMs <= :now",
            {},
        )

    async def get(self, key: str) -> Document | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("read a document"):
            answer = await dynamodb.get_item(
                TableName=self._table, Key={"connectionId": {"S": key}}, ConsistentRead=True
            )
        return self._document(answer.get("Item"))

    async def replace(self, key: str, version: int, text: str, expires_at_ms: int) -> bool:
        return await self._put(
            key,
            Document(text, version + 1),
            expires_at_ms,
            f"{_THERE} AND version = :version",
            {":version": {"N": str(version)}},
        )

    async def take(self, key: str) -> Document | None:
        dynamodb = await self._clients.dynamodb()
        with aws_errors("take a document"):
            answer = await dynamodb.delete_item(
                TableName=self._table, Key={"connectionId": {"S": key}}, ReturnValues="ALL_OLD"
            )
        return self._document(answer.get("Attributes"))

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""

    async def _put(
        self,
        key: str,
        document: Document,
        expires_at_ms: int,
        condition: str,
        values: dict[str, Any],
    ) -> bool:
        """Whether the condition held."""
        dynamodb = await self._clients.dynamodb()
        with aws_errors("write a document"):
            try:
                await dynamodb.put_item(
                    TableName=self._table,
                    Item={
                        "connectionId": {"S": key},
                        "document": {"S": document.text},
                        "version": {"N": str(document.version)},
                        "expiresAtMs": {"N": str(expires_at_ms)},
                        EXPIRES_AT: {"N": str(-(-expires_at_ms // 1000))},
                    },
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":now": {"N": str(self._now_ms())}, **values},
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def _document(self, item: Mapping[str, Any] | None) -> Document | None:
        if not item or int(item["expiresAtMs"]["N"]) <= self._now_ms():
            return None
        return Document(item["document"]["S"], int(item["version"]["N"]))
