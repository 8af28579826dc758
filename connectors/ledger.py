"""The ledger of utterances: (session, number) is written once; the first write wins."""

from __future__ import annotations

from typing import Protocol

from schemas.values import LedgerEntry, Route


class Ledger(Protocol):
    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        """Write ``entry`` if (session_id, number) is free; return what stands there now.

        The caller won when the answer's ``writer`` is its own. A write whose answer was lost is
        read back, so that a retry never turns the own entry into somebody else's.
        """
        ...

    async def set_routes(
        self, session_id: str, number: int, routes: tuple[Route, ...]
    ) -> tuple[Route, ...]:
        """Record the languages an utterance goes to; the first write wins and is returned.

        PermanentError: there is no such entry.
        """
        ...

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        """All entries with a greater number, in order; strongly consistent. -1: all."""
        ...

    async def last(self, session_id: str) -> LedgerEntry | None:
        """The entry with the greatest number; strongly consistent."""
        ...

    async def close(self) -> None: ...
