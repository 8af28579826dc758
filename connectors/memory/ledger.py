"""A ledger in memory, for tests and bounded runs."""

from __future__ import annotations

from dataclasses import replace

from connectors.interfaces.errors import NoEntryError
from schemas.values import FixedOutcome, LedgerEntry, LedgerHead


class MemoryLedger:
    """Holds entries as long as the object lives; the last ``keep`` of each session when given."""

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._sessions: dict[str, dict[int, LedgerEntry]] = {}
        self._heads: dict[str, LedgerHead] = {}

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        entries = self._sessions.setdefault(entry.session_id, {})
        if entry.number in entries:
            return entries[entry.number]
        entries[entry.number] = replace(entry, outcomes=()) if entry.outcomes else entry
        if self._keep is not None and len(entries) > self._keep:
            del entries[next(iter(entries))]
        return entries.get(entry.number, entry)

    async def fix(self, session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        entry = self._entry(session_id, number)
        stands = entry.outcome(outcome.language)
        if stands is not None:
            return stands
        outcomes = sorted((*entry.outcomes, outcome), key=lambda each: each.language)
        self._sessions[session_id][number] = replace(entry, outcomes=tuple(outcomes))
        return outcome

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        entries = self._sessions.get(session_id, {})
        return tuple(entries[found] for found in sorted(entries) if found > number)

    async def last(self, session_id: str) -> LedgerEntry | None:
        entries = self._sessions.get(session_id)
        return entries[max(entries)] if entries else None

    async def head(self, session_id: str) -> LedgerHead | None:
        return self._heads.get(session_id)

    async def save_head(self, head: LedgerHead) -> None:
        self._heads[head.session_id] = head

    def rows(self) -> tuple[object, ...]:
        """All that is held, for tests that look for traces."""
        entries = (entry for rows in self._sessions.values() for entry in rows.values())
        return (*entries, *self._heads.values())

    def forget(self, session_id: str) -> int:
        """Remove all rows of a session, its head included; how many there were."""
        rows = self._sessions.pop(session_id, {})
        return len(rows) + int(self._heads.pop(session_id, None) is not None)

    async def close(self) -> None:
        """Nothing is held open."""

    def _entry(self, session_id: str, number: int) -> LedgerEntry:
        entry = self._sessions.get(session_id, {}).get(number)
        if entry is None:
            raise NoEntryError(f"no entry {session_id}/{number}")
        return entry
