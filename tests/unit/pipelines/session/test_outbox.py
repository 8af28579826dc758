"""What a session owes its listeners, and up to where its head says that nothing is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session.commands import Command, SaveHead
from pipelines.session.coverage import Coverage
from pipelines.session.deliveries import SUMMARISE_EVERY_S
from pipelines.session.machine import Session
from pipelines.session.outbox import (
    DELIVER_AGAIN_S,
    Outbox,
    coverage_of,
    is_settled,
    owed,
)
from pipelines.session.records import Now
from pipelines.session.takeover import SessionSettings, TakenOver
from schemas.values import (
    EntryKind,
    FixedOutcome,
    LedgerEntry,
    LedgerHead,
    ListenerLanguages,
    Route,
)

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"


def entry(number: int, *languages: str, kind: EntryKind = EntryKind.SPEECH) -> LedgerEntry:
    return LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=0,
        kind=kind,
        first_sample=4_000 * number,
        end_sample=4_000 * (number + 1),
        text=f"words {number}",
        language="en",
        captured_at_ms=250 * number,
        committed_at_ms=9_000,
        writer="writer",
        resume_sample=4_000 * (number + 1),
        resume_sequence=number + 1,
        resume_sequence_sample=4_000 * (number + 1),
        routes=tuple(Route(each, None) for each in languages),
    )


def filled(*entries: LedgerEntry, base: Coverage | None = None) -> Outbox:
    outbox = Outbox(base or Coverage())
    for each in entries:
        outbox.add(each)
    return outbox


def head_of(entries: Sequence[LedgerEntry]) -> LedgerHead:
    coverage = coverage_of(Coverage(), entries)
    return LedgerHead(SESSION, coverage.last_number, coverage.to_text())


# What is owed -------------------------------------------------------------------------------------


def test_every_language_that_an_entry_is_routed_to_is_owed() -> None:
    outbox = Outbox(Coverage())
    assert outbox.is_empty
    assert outbox.add(entry(0, "es", "ca")) == entry(0, "es", "ca")
    assert not outbox.is_empty
    outbox.delivered(0, "es")
    assert outbox.owed_entry(0) == entry(0, "ca")
    outbox.delivered(0, "ca")
    assert outbox.owed_entry(0) is None
    assert outbox.is_empty


def test_an_outcome_after_the_head_is_owed_though_it_is_fixed() -> None:
    """Whether its listeners were told before the kill is not known."""
    fixed = FixedOutcome("es", "así es", None, 9_500)
    standing = replace(entry(0, "es", "ca"), outcomes=(fixed,))
    assert owed(standing) == standing.routes
    assert Outbox(Coverage()).add(standing) == standing


def test_what_was_written_before_there_were_outcomes_is_not_owed() -> None:
    old = replace(entry(0, "es"), version=1)
    outbox = Outbox(Coverage())
    assert outbox.add(old) is None
    assert outbox.is_empty
    assert outbox.head(SESSION) == head_of([old])


@pytest.mark.parametrize(
    "silent",
    [
        entry(0, kind=EntryKind.SILENCE),
        replace(entry(0), routes=None),
        replace(entry(0), takeover=3),
    ],
)
def test_an_entry_without_routes_owes_nothing(silent: LedgerEntry) -> None:
    outbox = Outbox(Coverage())
    assert outbox.add(silent) is None
    assert outbox.is_empty


def test_what_is_delivered_twice_or_was_never_owed_changes_nothing() -> None:
    outbox = filled(entry(0, "es"), entry(1, "es"))
    for number, language in ((0, "es"), (0, "es"), (1, "fr"), (7, "es")):
        outbox.delivered(number, language)
    assert outbox.owed_entry(0) is None
    assert outbox.owed_entry(1) == entry(1, "es")
    assert outbox.owed_entry(7) is None


# What could not be delivered ----------------------------------------------------------------------


def test_each_time_an_entry_is_not_delivered_it_waits_longer() -> None:
    outbox = filled(entry(0, "es", "ca"), entry(1, "es"))
    now_s, waits = 0.0, list[float]()
    for _ in range(6):
        outbox.not_delivered(0, now_s)
        outbox.not_delivered(0, now_s + 1)  # its other language
        due_s = next(at_s for at_s in count(now_s + 1) if list(outbox.due_again(at_s)))
        assert not list(outbox.due_again(due_s + 1_000)), "once, for both languages"
        waits.append(due_s - now_s)
        now_s = due_s
    assert waits == [30, 60, 120, 240, 300, 300]
    outbox.not_delivered(1, now_s)
    assert list(outbox.due_again(now_s + DELIVER_AGAIN_S)) == [entry(1, "es")], "each by itself"


def test_the_first_that_is_due_comes_first_however_late_it_was_noted() -> None:
    outbox = filled(entry(0, "es"), entry(1, "es"))
    outbox.not_delivered(0, 0)
    assert list(outbox.due_again(30))
    outbox.not_delivered(0, 30)  # due at 90
    outbox.not_delivered(1, 31)
    assert list(outbox.due_again(61)) == [entry(1, "es")]
    assert list(outbox.due_again(90)) == [entry(0, "es")]


def test_an_entry_is_tried_again_with_the_outcomes_that_stand_for_it() -> None:
    outbox = filled(entry(0, "es", "ca"))
    outcomes = FixedOutcome("ca", "així és", None, 1), FixedOutcome("es", "así es", "late", 2)
    for outcome in reversed(outcomes):
        outbox.not_delivered(0, 0, outcome)
    assert list(outbox.due_again(30)) == [replace(entry(0, "es", "ca"), outcomes=outcomes)]
    outbox.delivered(0, "es")
    assert outbox.owed_entry(0) == replace(entry(0, "ca"), outcomes=outcomes)


def test_what_is_not_owed_any_more_is_not_tried_again() -> None:
    outbox = filled(entry(0, "es"))
    outbox.not_delivered(0, 0)
    outbox.delivered(0, "es")
    outbox.not_delivered(0, 1)
    outbox.not_delivered(7, 1)
    assert not list(outbox.due_again(1_000))


# The head -----------------------------------------------------------------------------------------


def test_a_new_outbox_has_no_news() -> None:
    outbox = Outbox(coverage_of(Coverage(), [entry(0)]))
    assert not outbox.has_news
    assert outbox.head(SESSION) is None


def test_the_head_stops_in_front_of_the_first_entry_that_is_owed() -> None:
    entries = [entry(0), entry(1, "es"), entry(2), entry(3, "es")]
    outbox = filled(*entries)
    assert outbox.has_news
    assert outbox.head(SESSION) == head_of(entries[:1])
    outbox.delivered(3, "es")
    assert not outbox.has_news, "1 is owed still"
    assert outbox.head(SESSION) is None
    outbox.delivered(1, "es")
    assert outbox.has_news
    assert outbox.head(SESSION) == head_of(entries)


def test_a_head_is_told_once() -> None:
    outbox = filled(entry(0))
    assert outbox.head(SESSION) is not None
    assert not outbox.has_news
    assert outbox.head(SESSION) is None
    outbox.add(entry(1))
    assert outbox.head(SESSION) == head_of([entry(0), entry(1)])


def test_the_head_goes_on_from_the_one_that_stands() -> None:
    entries = [entry(number) for number in range(4)]
    outbox = filled(*entries[2:], base=coverage_of(Coverage(), entries[:2]))
    assert outbox.head(SESSION) == head_of(entries)


class Deliveries(RuleBasedStateMachine):
    """Entries are committed, delivered and summed up in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(Coverage())
        self.entries: list[LedgerEntry] = []
        self.open: set[tuple[int, str]] = set()
        self.head: LedgerHead | None = None

    @rule(languages=st.sets(st.sampled_from(["ca", "es", "fr"])))
    def commit(self, languages: set[str]) -> None:
        made = entry(len(self.entries), *sorted(languages))
        self.entries.append(made)
        self.open |= {(made.number, language) for language in languages}
        assert self.outbox.add(made) == (made if languages else None)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        number, language = data.draw(st.sampled_from(sorted(self.open)))
        self.open.remove((number, language))
        self.outbox.delivered(number, language)

    @rule()
    def summarise(self) -> None:
        settled = min((number for number, _ in self.open), default=len(self.entries))
        stands = -1 if self.head is None else self.head.number
        had_news = self.outbox.has_news
        head = self.outbox.head(SESSION)
        assert had_news == (head is not None) == (settled - 1 > stands)
        if head is not None:
            assert head == head_of(self.entries[:settled])
            self.head = head

    @invariant()
    def what_is_not_delivered_lies_after_the_head(self) -> None:
        stands = -1 if self.head is None else self.head.number
        assert all(number > stands for number, _ in self.open)
        assert self.outbox.is_empty == (not self.open)
        for made in self.entries:
            languages = [each.language for each in made.routes or ()]
            owes = [each for each in languages if (made.number, each) in self.open]
            expected = entry(made.number, *owes) if owes else None
            assert self.outbox.owed_entry(made.number) == expected


TestDeliveries = Deliveries.TestCase


# When the head is saved ---------------------------------------------------------------------------


def now(s: float) -> Now:
    return Now(1_800_000_000_000 + round(s * 1000), s)


def taken_over(*entries: LedgerEntry) -> Session:
    """At second 100."""
    settings = SessionSettings(WindowSegmenter(), None, 0.1, "writer", 1)
    known = TakenOver(Coverage(), entries, ListenerLanguages((), 0), "en")
    session = Session(SESSION, settings, known)
    session.begin(now(100.0))
    return session


def heads(commands: list[Command]) -> list[LedgerHead]:
    return [each.head for each in commands if isinstance(each, SaveHead)]


def test_a_session_saves_its_head_every_three_seconds_when_something_was_settled() -> None:
    entries = [entry(0, "es"), entry(1, "es")]
    session = taken_over(*entries)
    assert not heads(session.time_passed(now(110.0))), "all is owed"
    assert not heads(session.delivered(0, "es"))
    assert heads(session.time_passed(now(110.1))) == [head_of(entries[:1])]
    assert not heads(session.delivered(1, "es"))
    assert not heads(session.time_passed(now(110.0 + SUMMARISE_EVERY_S)))
    assert heads(session.time_passed(now(110.1 + SUMMARISE_EVERY_S))) == [head_of(entries)]
    assert not heads(session.time_passed(now(200.0))), "nothing is new"


def test_a_session_that_is_forgotten_saves_its_head_at_once() -> None:
    session = taken_over(entry(0))
    assert heads(session.close()) == [head_of([entry(0)])]
    assert not heads(session.close())


def test_a_session_that_was_lost_saves_no_head() -> None:
    session = taken_over(entry(0))
    session.is_lost = True
    assert not heads(session.close())


def test_a_head_that_was_not_saved_is_saved_with_the_next_one_or_alone() -> None:
    session = taken_over(entry(0))
    assert heads(session.time_passed(now(103.0))) == [head_of([entry(0)])]
    assert not heads(session.head_not_saved())
    assert not session.is_over(now(10_000.0)), "nobody else would save it"
    assert heads(session.time_passed(now(103.0 + SUMMARISE_EVERY_S))) == [head_of([entry(0)])]
    assert not heads(session.time_passed(now(200.0)))
    assert session.is_over(now(10_000.0))


def test_a_head_that_was_not_saved_is_saved_when_the_session_is_forgotten() -> None:
    session = taken_over(entry(0))
    session.time_passed(now(103.0))
    session.head_not_saved()
    assert heads(session.close()) == [head_of([entry(0)])]


@pytest.mark.parametrize(
    ("entries", "settled"),
    [
        ([], True),
        ([entry(0)], True),
        ([entry(0, "es")], False),
        ([replace(entry(0, "es"), version=1)], True),
        ([replace(entry(0), sentence=0)], False),
        ([replace(entry(0), sentence=0), entry(1, kind=EntryKind.SILENCE)], False),
        ([replace(entry(0), sentence=0), replace(entry(1), sentence=0, ends_sentence=True)], True),
        ([replace(entry(0), takeover=3)], True),
    ],
)
def test_a_session_is_settled_when_it_owes_nothing_and_no_sentence_is_open(
    entries: list[LedgerEntry], *, settled: bool
) -> None:
    assert is_settled(entries) == settled
