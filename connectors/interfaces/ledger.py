"""The ledger: what was said in each session, and what became of it in each language.

It is an outbox. A row (session, number) is written once and the first write wins; so is the outcome
of a row in a language, before any listener is told. The head says up to which number everything is
delivered: outcomes after the head are told again after a restart, the same to the letter.
"""

from __future__ import annotations

from typing import Protocol

from schemas.values import FixedOutcome, LedgerEntry, LedgerHead


class Ledger(Protocol):
    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        """Write ``entry`` if (session_id, number) is free; return what stands there now.

        The caller won when the answer's ``writer`` is its own. A write whose answer was lost is
        read back, so that a retry never turns the own entry into another writer's. ``outcomes`` of
        the entry given are not written: ``fix`` does that.
        """
        ...

    async def fix(self, session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        """Fix the outcome of an entry in ``outcome.language``; return what stands there now.

        NoEntryError: there is no such entry (any more): nothing is written, nothing is owed. An
        entry of version 1 takes an outcome too.
        """
        ...

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        """All entries with a greater number, in order, with their outcomes; strongly consistent.
        -1: all. The head is no entry."""
        ...

    async def last(self, session_id: str) -> LedgerEntry | None:
        """The entry with the greatest number; strongly consistent."""
        ...

    async def head(self, session_id: str) -> LedgerHead | None:
        """The summary that was saved last; strongly consistent."""
        ...

    async def save_head(self, head: LedgerHead) -> None: ...

    async def close(self) -> None: ...
