"""Two writers at one ledger, in any order: what was said once is never said differently."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors.interfaces.errors import NoEntryError
from connectors.memory.ledger import MemoryLedger
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, LedgerHead

pytestmark = pytest.mark.unit

T = TypeVar("T")
SESSION = "joyful-mountain-789"
WRITERS = st.sampled_from(["first", "second"])
NUMBERS = st.integers(0, 3)
LANGUAGES = st.sampled_from(["ca", "es", "fr"])
SKIPPED = st.sampled_from([None, "late", "failed"])


def entry(number: int, writer: str, version: int) -> LedgerEntry:
    return LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=48_000 * number,
        end_sample=48_000 * (number + 1),
        text=f"{number} by {writer}",
        language="en",
        captured_at_ms=3_000 * number,
        committed_at_ms=3_000 * number + 4_000,
        writer=writer,
        resume_sample=48_000 * (number + 1),
        resume_sequence=12 * number,
        resume_sequence_sample=48_000 * number,
        version=version,
    )


class Writers(RuleBasedStateMachine):
    """What the ledger answered is remembered, and nothing it says later may contradict it."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.runner = asyncio.Runner()
        self.entries: dict[int, LedgerEntry] = {}
        self.fixed: dict[tuple[int, str], FixedOutcome] = {}
        self.calls = 0

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        self.calls += 1
        return self.runner.run(call)

    def teardown(self) -> None:
        self.runner.close()

    @rule(number=NUMBERS, writer=WRITERS, version=st.sampled_from([1, 2]))
    def commit(self, number: int, writer: str, version: int) -> None:
        mine = entry(number, writer, version)
        stands = self.run(self.ledger.commit(mine))
        first = self.entries.setdefault(number, mine)
        assert replace(stands, outcomes=()) == first

    @rule(number=NUMBERS, writer=WRITERS, language=LANGUAGES, skipped=SKIPPED)
    def fix(self, number: int, writer: str, language: str, skipped: str | None) -> None:
        mine = FixedOutcome(language, f"call {self.calls} of {writer}", skipped, self.calls)
        if number not in self.entries:
            with pytest.raises(NoEntryError):
                self.run(self.ledger.fix(SESSION, number, mine))
            return
        stands = self.run(self.ledger.fix(SESSION, number, mine))
        self.fixed.setdefault((number, language), mine)
        assert stands == self.fixed[number, language]

    @rule(number=NUMBERS)
    def save_head(self, number: int) -> None:
        head = LedgerHead(SESSION, number, f"call {self.calls}")
        self.run(self.ledger.save_head(head))
        assert self.run(self.ledger.head(SESSION)) == head

    @invariant()
    def every_entry_has_its_first_words_and_outcomes(self) -> None:
        found = self.run(self.ledger.after(SESSION, -1))
        assert [each.number for each in found] == sorted(self.entries)
        for each in found:
            assert replace(each, outcomes=()) == self.entries[each.number]
            assert list(each.outcomes) == [
                self.fixed[key] for key in sorted(self.fixed) if key[0] == each.number
            ]

    @invariant()
    def the_last_entry_is_the_one_with_the_greatest_number(self) -> None:
        last = self.run(self.ledger.last(SESSION))
        assert (last.number if last else None) == max(self.entries, default=None)


TestWriters = Writers.TestCase
