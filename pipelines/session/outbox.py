"""What a session owes its listeners: entries whose outcomes are not all marked as delivered.

It also keeps the summary that the ledger's head is made of: the coverage of all entries in front of
the first that is owed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from pipelines.session.coverage import Coverage
from schemas.values import LEDGER_VERSION, LedgerEntry, LedgerHead, Route

SUMMARISE_EVERY = 50
"""Entries that a takeover reads one by one at most, beyond those that are owed."""


class Outbox:
    """``base`` is the coverage of the head that stands in the ledger."""

    def __init__(self, base: Coverage) -> None:
        self._base = base
        self._summarised = base.last_number
        self._entries: deque[LedgerEntry] = deque()
        self._owed: dict[int, set[str]] = {}

    @property
    def is_empty(self) -> bool:
        return not self._owed

    @property
    def has_news(self) -> bool:
        """Whether entries were settled since the last head."""
        return bool(self._entries)

    def add(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Note an entry that stands in the ledger; returns it with the routes that are owed."""
        self._entries.append(entry)
        routes = owed(entry)
        if not routes:
            return None
        self._owed[entry.number] = {route.language for route in routes}
        return replace(entry, routes=routes)

    def delivered(self, number: int, language: str) -> None:
        languages = self._owed.get(number)
        if languages is not None:
            languages.discard(language)
            if not languages:
                del self._owed[number]

    def owed_entry(self, number: int) -> LedgerEntry | None:
        """The entry with the routes that are still owed; None when none are."""
        languages = self._owed.get(number)
        entry = next((each for each in self._entries if each.number == number), None)
        if not languages or entry is None:
            return None
        routes = tuple(route for route in entry.routes or () if route.language in languages)
        return replace(entry, routes=routes)

    def head(self, session_id: str, *, at_once: bool = False) -> LedgerHead | None:
        """A new summary when there is enough to tell (``at_once``: anything)."""
        first_owed = min(self._owed, default=None)
        while self._entries and (first_owed is None or self._entries[0].number < first_owed):
            self._base = self._base.with_entry(self._entries.popleft())
        news = self._base.last_number - self._summarised
        if news < (1 if at_once else SUMMARISE_EVERY):
            return None
        self._summarised = self._base.last_number
        return LedgerHead(session_id, self._base.last_number, self._base.to_text())


def owed(entry: LedgerEntry) -> tuple[Route, ...]:
    """The routes of an entry that are not delivered. What was written before there were outcomes
    counts as delivered."""
    if entry.version < LEDGER_VERSION:
        return ()
    return tuple(
        route
        for route in entry.routes or ()
        if (outcome := entry.outcome(route.language)) is None or not outcome.delivered
    )


def coverage_of(base: Coverage, entries: Iterable[LedgerEntry]) -> Coverage:
    for entry in entries:
        base = base.with_entry(entry)
    return base
