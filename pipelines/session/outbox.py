"""What a session owes its listeners: entries of which some route is not delivered yet.

What could not be brought to its listeners is tried again after a while, later each time, and with
the outcome that stands for it by then: nothing is translated twice. The outbox also keeps the
summary that the ledger's head is made of: the coverage of all entries in front of the first that is
owed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipelines.session.coverage import Coverage
from schemas.values import LEDGER_VERSION, FixedOutcome, LedgerEntry, LedgerHead, Route

DELIVER_AGAIN_S = 30.0
LONGEST_AGAIN_S = 300.0
"""Each time an entry is not delivered it waits twice as long, up to this. A session that is taken
over begins anew: what is owed is delivered at once."""


class Outbox:
    """``base`` is the coverage of the head that stands in the ledger. The head never passes an open
    sentence: an engine that takes the session over needs its entries. ``is_unsaved``: the last head
    did not reach the ledger."""

    def __init__(self, base: Coverage) -> None:
        self._base = base
        self._told: dict[int, set[str]] = {}
        self._entries: deque[LedgerEntry] = deque()
        self._owed: dict[int, set[str]] = {}
        self._fixed: dict[int, dict[str, FixedOutcome]] = {}
        self._waits_s: dict[int, float] = {}
        """Of entries that were not delivered: how long they waited last."""
        self._again: list[tuple[float, int]] = []
        """A heap of when each is due."""
        self.is_unsaved = False

    @property
    def is_empty(self) -> bool:
        return not self._owed

    @property
    def has_news(self) -> bool:
        """Whether a head now would say more than the last one."""
        return self.is_unsaved or self._passable() > 0

    def add(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Note an entry that stands in the ledger; returns it with the routes that are owed."""
        self._entries.append(entry)
        if entry.sentence is not None:
            self._told[entry.number] = {
                each.language for each in entry.outcomes if each.is_announced
            }
        routes = owed(entry)
        if not routes:
            return None
        self._owed[entry.number] = {route.language for route in routes}
        return replace(entry, routes=routes)

    def delivered(self, number: int, language: str, *, is_announced: bool = True) -> None:
        """``is_announced``: listeners got something under the number."""
        if is_announced and number in self._told:
            self._told[number].add(language)
        languages = self._owed.get(number)
        if languages is not None:
            languages.discard(language)
            if not languages:
                del self._owed[number]
                self._fixed.pop(number, None)
                self._waits_s.pop(number, None)

    def not_delivered(self, number: int, now_s: float, stands: FixedOutcome | None = None) -> None:
        """Some route of the entry could not be delivered: it is ``due_again`` after a while, with
        the outcome that ``stands`` in the ledger for it, if that is known."""
        if number not in self._owed:
            return
        if stands is not None:
            self._fixed.setdefault(number, {})[stands.language] = stands
        if any(waiting == number for _, waiting in self._again):
            return
        wait_s = min(2 * self._waits_s.get(number, DELIVER_AGAIN_S / 2), LONGEST_AGAIN_S)
        self._waits_s[number] = wait_s
        heapq.heappush(self._again, (now_s + wait_s, number))

    def due_again(self, now_s: float) -> Iterator[LedgerEntry]:
        """What is to be tried again now, with the routes that are still owed."""
        while self._again and self._again[0][0] <= now_s:
            entry = self.owed_entry(heapq.heappop(self._again)[1])
            if entry is not None:
                yield entry

    def owed_entries(self) -> Iterator[LedgerEntry]:
        """All that is owed, in the entries' order."""
        return (self._with_owed(entry) for entry in self._entries if entry.number in self._owed)

    def owed_entry(self, number: int) -> LedgerEntry | None:
        """The entry with the routes that are still owed; None when none are."""
        if number not in self._owed:
            return None
        entry = next((each for each in self._entries if each.number == number), None)
        return None if entry is None else self._with_owed(entry)

    def _with_owed(self, entry: LedgerEntry) -> LedgerEntry:
        languages = self._owed[entry.number]
        routes = tuple(route for route in entry.routes or () if route.language in languages)
        known = {each.language: each for each in entry.outcomes} | self._fixed.get(entry.number, {})
        outcomes = tuple(known[language] for language in sorted(known))
        return replace(entry, routes=routes, outcomes=outcomes)

    def head(self, session_id: str) -> LedgerHead | None:
        """A new summary; None when it would say no more than the last one."""
        passable = self._passable()
        if not passable and not self.is_unsaved:
            return None
        self.is_unsaved = False
        for _ in range(passable):
            entry = self._entries.popleft()
            self._base = self._base.with_entry(entry, self._told.pop(entry.number, ()))
        return LedgerHead(session_id, self._base.last_number, self._base.to_text())

    def head_not_saved(self) -> None:
        """The next head is news, whatever it says."""
        self.is_unsaved = True

    def _passable(self) -> int:
        """How many entries are delivered, up to where no sentence is open."""
        passable = 0
        is_open = False
        for count, entry in enumerate(self._entries, 1):
            if entry.number in self._owed:
                break
            if entry.sentence is not None:
                is_open = not entry.ends_sentence
            if not is_open:
                passable = count
        return passable


def owed(entry: LedgerEntry) -> tuple[Route, ...]:
    """The routes of an entry after the head: none of them is known to be delivered. What was
    written before there were outcomes counts as delivered."""
    return (entry.routes or ()) if entry.version >= LEDGER_VERSION else ()


def is_settled(entries: Iterable[LedgerEntry]) -> bool:
    """Whether nobody needs to take over a session with these entries after its head: none is owed,
    and no sentence is open."""
    is_open = False
    for entry in entries:
        if owed(entry):
            return False
        if entry.sentence is not None:
            is_open = not entry.ends_sentence
    return not is_open


def coverage_of(base: Coverage, entries: Iterable[LedgerEntry]) -> Coverage:
    for entry in entries:
        base = base.with_entry(entry)
    return base
