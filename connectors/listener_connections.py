"""Whose connections a message goes to, and how one that has gone is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connectors.session_tables import SessionTables


class ListenerConnections(Protocol):
    async def connections(self, session_id: str, language: str) -> tuple[str, ...]:
        """The ids of all connections that listen to ``language`` now."""
        ...

    async def remove(self, session_id: str, language: str, connection_id: str) -> None:
        """Forget a connection and count its session's listeners right. May be repeated."""
        ...


class TableListenerConnections:
    """As the gateway's tables know them.

    Of two that remove the same row, the gateway that lost the connection and a job that met a
    410, only the one that found it counts down.
    """

    def __init__(self, tables: SessionTables, now_ms: Callable[[], int]) -> None:
        self._tables = tables
        self._now_ms = now_ms

    async def connections(self, session_id: str, language: str) -> tuple[str, ...]:
        rows = await self._tables.connections(session_id, self._now_ms())
        return tuple(row.connection_id for row in rows if row.language == language)

    async def remove(self, session_id: str, language: str, connection_id: str) -> None:
        if await self._tables.remove_connection(connection_id):
            await self._tables.count_listeners(session_id, {language: -1}, self._now_ms())
