"""Whose connections a message goes to, and how one that has gone is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors.interfaces.session_tables import SessionTables, count_change
from schemas.session_info import LOST_LISTENER_MS

_CLOCKS_DIFFER_MS = 10_000
"""The job's and the gateways'; rows of connections that are there have a minute and more."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A connection that listens, and the capabilities it joined with."""

    connection_id: str
    capabilities: frozenset[str] = frozenset()


class ListenerConnections(Protocol):
    async def connections(self, session_id: str, language: str) -> tuple[Listener, ...]:
        """All that listen to ``language`` now."""
        ...

    async def speaker(self, session_id: str) -> str | None:
        """The connection that spoke last, which may have gone; None: nobody has spoken yet."""
        ...

    async def remove(self, session_id: str, connection_id: str) -> None:
        """Forget a listener and count its session's listeners right. May be repeated."""
        ...


class TableListenerConnections:
    """As the gateway's tables know them.

    Of two that remove the same row, a gateway that was left and a job that met a 410, only the one
    that found it counts down. The row of a connection that a gateway has lost expires by itself:
    its listener may come back, and stays counted.
    """

    def __init__(self, tables: SessionTables, now_ms: Callable[[], int]) -> None:
        self._tables = tables
        self._now_ms = now_ms

    async def connections(self, session_id: str, language: str) -> tuple[Listener, ...]:
        rows = await self._tables.connections(session_id, self._now_ms())
        return tuple(
            Listener(row.connection_id, frozenset(row.capabilities))
            for row in rows
            if row.language == language
        )

    async def speaker(self, session_id: str) -> str | None:
        row = await self._tables.get(session_id)
        return None if row is None else row.speaker_connection_id

    async def remove(self, session_id: str, connection_id: str) -> None:
        lost_until_ms = self._now_ms() + LOST_LISTENER_MS + _CLOCKS_DIFFER_MS
        removed = await self._tables.remove_connection(
            connection_id, expiring_after_ms=lost_until_ms
        )
        if removed is not None:
            change = count_change(removed, None)
            await self._tables.count_listeners(session_id, change, self._now_ms())
