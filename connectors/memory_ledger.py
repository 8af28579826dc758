"""A ledger in memory, for tests and bounded runs."""

from __future__ import annotations

from dataclasses import replace

from connectors.errors import PermanentError
from schemas.values import LedgerEntry, Route


class MemoryLedger:
    """Holds entries as long as the object lives."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[int, LedgerEntry]] = {}

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        return self._sessions.setdefault(entry.session_id, {}).setdefault(entry.number, entry)

    async def set_routes(
        self, session_id: str, number: int, routes: tuple[Route, ...]
    ) -> tuple[Route, ...]:
        entries = self._sessions.get(session_id, {})
        if number not in entries:
            raise PermanentError(f"no entry {session_id}/{number}")
        stands = entries[number].routes
        if stands is not None:
            return stands
        entries[number] = replace(entries[number], routes=routes)
        return routes

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        entries = self._sessions.get(session_id, {})
        return tuple(entries[found] for found in sorted(entries) if found > number)

    async def last(self, session_id: str) -> LedgerEntry | None:
        entries = self._sessions.get(session_id)
        return entries[max(entries)] if entries else None

    async def close(self) -> None:
        """Nothing is held open."""
