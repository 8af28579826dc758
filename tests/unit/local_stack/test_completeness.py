from __future__ import annotations

from dataclasses import replace

import pytest

from local_stack.completeness import (
    Acknowledged,
    MissingOutcome,
    SampleFault,
    judge,
    outcome_faults,
    sample_faults,
)
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Release, Route

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"


def entry(
    number: int,
    first_sample: int,
    end_sample: int,
    languages: tuple[str, ...] | None = (),
    kind: EntryKind = EntryKind.SPEECH,
    epoch: int = 0,
) -> LedgerEntry:
    """All that is due is fixed."""
    is_told = kind in (EntryKind.SPEECH, EntryKind.FAILED)
    routes = None if languages is None else tuple(Route(one, None) for one in languages)
    return LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=epoch,
        kind=kind,
        first_sample=first_sample,
        end_sample=end_sample,
        text="",
        language="en",
        captured_at_ms=0,
        committed_at_ms=0,
        writer="w",
        resume_sample=end_sample,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=routes,
        outcomes=tuple(outcome(one) for one in languages or () if is_told),
    )


def outcome(language: str) -> FixedOutcome:
    return FixedOutcome(language, f"text in {language}", None, 1_000)


def fence(number: int, at_sample: int) -> LedgerEntry:
    silent = entry(number, at_sample, at_sample, (), EntryKind.SILENCE)
    return replace(silent, takeover=3)


def test_a_talk_that_reached_everybody_is_complete() -> None:
    entries = (
        entry(0, 0, 100, ("ca", "es")),
        entry(1, 100, 150, kind=EntryKind.SILENCE, languages=None),
        entry(2, 150, 300, ("ca", "es", "fr")),
    )
    reached = {(0, "ca"), (0, "es"), (2, "ca"), (2, "es"), (2, "fr")}

    verdict = judge(SESSION, entries, [Acknowledged(0, 300)], reached)

    assert verdict.is_complete
    assert verdict.expected == 5


def test_a_clip_that_did_not_arrive_is_named() -> None:
    entries = (entry(0, 0, 100, ("ca", "es")),)

    verdict = judge(SESSION, entries, [Acknowledged(0, 100)], {(0, "es")})

    assert verdict.missing == (MissingOutcome(0, "ca"),)
    assert verdict.faults == ("utterance 0 in ca",)


def test_an_utterance_that_was_never_routed_is_missing_although_no_clip_was_due() -> None:
    verdict = judge(SESSION, (entry(0, 0, 100, None),), [Acknowledged(0, 100)], set())

    assert verdict.faults == ("utterance 0 was never given its languages",)


def test_audio_that_could_not_be_recognised_must_reach_its_listeners_too() -> None:
    entries = (entry(0, 0, 100, ("es",), kind=EntryKind.FAILED),)

    verdict = judge(SESSION, entries, [Acknowledged(0, 100)], set())

    assert verdict.missing == (MissingOutcome(0, "es"),)


def test_an_utterance_nobody_listened_to_needs_no_clip() -> None:
    assert judge(SESSION, (entry(0, 0, 100, ()),), [Acknowledged(0, 100)], set()).is_complete


def test_samples_between_entries_are_in_none() -> None:
    entries = (entry(0, 0, 100), entry(1, 130, 200))

    assert sample_faults(entries, Acknowledged(0, 200)) == (SampleFault(0, 100, 130, 0),)


def test_samples_behind_the_last_entry_are_in_none() -> None:
    assert sample_faults((entry(0, 0, 100),), Acknowledged(0, 250)) == (
        SampleFault(0, 100, 250, 0),
    )


def test_samples_of_an_empty_ledger_are_in_none() -> None:
    assert sample_faults((), Acknowledged(0, 50)) == (SampleFault(0, 0, 50, 0),)


def test_samples_in_two_entries_are_a_fault() -> None:
    entries = (entry(0, 0, 100), entry(1, 80, 200))

    assert sample_faults(entries, Acknowledged(0, 200)) == (SampleFault(0, 80, 100, 2),)


def test_one_hole_is_one_fault_although_an_empty_entry_lies_in_it() -> None:
    entries = (entry(0, 0, 100), entry(1, 120, 120), entry(2, 150, 200))

    assert sample_faults(entries, Acknowledged(0, 200)) == (SampleFault(0, 100, 150, 0),)


def test_a_gap_covers_no_sample() -> None:
    entries = (entry(0, 0, 100), entry(1, 100, 200, kind=EntryKind.GAP))

    assert sample_faults(entries, Acknowledged(0, 200)) == (SampleFault(0, 100, 200, 0),)


def test_chunks_that_were_acknowledged_are_no_gap() -> None:
    gap = replace(entry(1, 100, 100, kind=EntryKind.GAP), gap_from_sequence=3, gap_until_sequence=9)
    entries = (entry(0, 0, 100), gap, entry(2, 100, 200))

    lost = judge(SESSION, entries, [Acknowledged(0, 200, last_sequence=5)], set())
    declared = judge(SESSION, entries, [Acknowledged(0, 200, last_sequence=2)], set())

    assert lost.faults == ("chunks 3-5 of epoch 0 were acknowledged and are passed over as a gap",)
    assert declared.is_complete


def test_audio_behind_the_acknowledged_samples_is_nobodys_fault() -> None:
    assert sample_faults((entry(0, 0, 400),), Acknowledged(0, 250)) == ()


def test_each_epoch_is_counted_by_itself() -> None:
    entries = (entry(0, 0, 100), entry(1, 0, 60, epoch=1))
    acknowledged = [Acknowledged(0, 100), Acknowledged(1, 80)]

    verdict = judge(SESSION, entries, acknowledged, set())

    assert verdict.sample_faults == (SampleFault(1, 60, 80, 0),)


def test_a_number_that_is_skipped_is_a_fault() -> None:
    entries = (entry(0, 0, 100), replace(entry(1, 100, 200), number=2))

    verdict = judge(SESSION, entries, [Acknowledged(0, 200)], set())

    assert verdict.faults == ("entry 1 is not in the ledger, 2 stands there",)


def test_an_utterance_without_an_outcome_is_named_although_it_arrived() -> None:
    untold = replace(entry(0, 0, 100, ("ca", "es")), outcomes=(outcome("ca"),))

    verdict = judge(SESSION, (untold,), [Acknowledged(0, 100)], {(0, "ca"), (0, "es")})

    assert verdict.faults == ("entry 0 has 0 outcomes in es",)


def test_two_outcomes_in_a_language_are_a_fault() -> None:
    twice = replace(entry(0, 0, 100, ("es",)), outcomes=(outcome("es"), outcome("es")))

    assert outcome_faults([twice]) == ("entry 0 has 2 outcomes in es",)


def test_an_outcome_in_a_language_of_no_route_is_a_fault() -> None:
    odd = replace(entry(0, 0, 100, ("es",)), outcomes=(outcome("es"), outcome("fr")))

    assert outcome_faults([odd]) == ("entry 0 has an outcome in fr, which is none of its",)


def test_audio_that_could_not_be_recognised_has_outcomes_and_silence_has_none() -> None:
    failed = replace(entry(0, 0, 100, ("es",), EntryKind.FAILED), outcomes=())
    silent = entry(1, 100, 150, ("es",), EntryKind.SILENCE)

    assert outcome_faults([failed, silent]) == ("entry 0 has 0 outcomes in es",)


def test_the_end_of_a_sentence_has_outcomes_and_must_arrive_if_it_says_something() -> None:
    says = FixedOutcome("es", "el fin", None, 1_000, Release(0, True, "el fin", 0, 0, None))
    quiet = FixedOutcome("ca", "", None, 1_000, Release(0, True, "", 0, 0, None))
    end = replace(entry(0, 0, 0, ("ca", "es"), EntryKind.SILENCE), sentence=0, ends_sentence=True)
    both = replace(end, outcomes=(quiet, says))

    assert judge(SESSION, [both], [], {(0, "es")}).is_complete
    assert judge(SESSION, [both], [], set()).faults == ("utterance 0 in es",)
    assert outcome_faults([end]) == (
        "entry 0 has 0 outcomes in ca",
        "entry 0 has 0 outcomes in es",
    )


def test_entries_of_version_1_are_from_before_there_were_outcomes() -> None:
    old = replace(entry(0, 0, 100, ("es",)), version=1, outcomes=())

    assert judge(SESSION, (old,), [Acknowledged(0, 100)], {(0, "es")}).is_complete


def test_a_fence_takes_a_number_and_nothing_else() -> None:
    entries = (entry(0, 0, 100, ("es",)), fence(1, 100), entry(2, 100, 200, ("es",)))

    verdict = judge(SESSION, entries, [Acknowledged(0, 200)], {(0, "es"), (2, "es")})

    assert verdict.is_complete
    assert verdict.expected == 2


def test_a_fence_with_samples_or_routes_is_a_fault() -> None:
    long = replace(fence(0, 0), end_sample=50)
    routed = replace(fence(1, 50), routes=(Route("es", None),))

    assert outcome_faults([long, routed]) == (
        "fence 0 covers samples 0-50",
        "fence 1 has routes or outcomes",
    )
