"""Whose connections a message goes to, and how one that is lost is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors.interfaces.session_tables import SessionTables
from schemas.session_info import LOST_LISTENER_MS


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

    async def lose(self, connection_id: str) -> None:
        """A post met no connection: forget the listener, unless it is back before long. May be
        repeated."""
        ...


class TableListenerConnections:
    """As the gateway's tables know them.

    A 410 may be the answer of a gateway that does not have the connection while another has, or
    had it until a moment ago: the row expires a little later. A gateway that counts listeners then
    leaves it out, and a gateway that does have it keeps it.
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

    async def lose(self, connection_id: str) -> None:
        await self._tables.lose_connection(connection_id, self._now_ms() + LOST_LISTENER_MS)
