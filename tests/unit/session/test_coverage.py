"""The sum of a session's entries: what it covers, and what of it survives in the ledger's head."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.session.coverage import Coverage, EpochPosition, is_late, late_epoch
from pipelines.session.outbox import coverage_of
from schemas.values import EntryKind, LedgerEntry, Route

pytestmark = pytest.mark.unit

POSITION = EpochPosition(0, 4_800, 4_000, 1, 4_000, "4957")
LATE_EPOCHS = st.integers(0, 9).map(late_epoch)
EPOCHS = st.integers(0, 9) | LATE_EPOCHS
COUNTS = st.integers(0, 2**53)
RANGES = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=3).map(tuple)


def entry(number: int, epoch: int = 0, **changes: object) -> LedgerEntry:
    """Its last word ends in chunk ``number``; chunks have 4,000 samples."""
    made = LedgerEntry(
        session_id="joyful-mountain-789",
        number=number,
        epoch=epoch,
        kind=EntryKind.SPEECH,
        first_sample=4_000 * number,
        end_sample=4_000 * number + 800,
        text="so it is",
        language="en",
        captured_at_ms=1_000 + 250 * number,
        committed_at_ms=9_000,
        writer="writer",
        resume_sample=4_000 * number,
        resume_sequence=number,
        resume_sequence_sample=4_000 * number,
        resume_record="4957",
        routes=(),
    )
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


@st.composite
def positions(draw: st.DrawFn) -> dict[int, EpochPosition]:
    return {
        epoch: EpochPosition(
            epoch,
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(COUNTS),
            draw(st.none() | st.text("0123456789", min_size=1, max_size=56)),
        )
        for epoch in draw(st.sets(EPOCHS, max_size=4))
    }


COVERAGES = st.builds(
    Coverage,
    last_number=st.integers(-1, 2**53),
    last_captured_at_ms=st.integers(-1, 2**53),
    positions=positions(),
    missed=st.dictionaries(EPOCHS, RANGES, max_size=3),
    last_numbers=st.dictionaries(st.sampled_from(["ca", "es", "pt-BR"]), COUNTS),
)


# What it covers -----------------------------------------------------------------------------------


def test_an_epoch_is_covered_up_to_the_chunk_with_the_last_word() -> None:
    coverage = Coverage().with_entry(entry(3))
    assert [coverage.covers(0, until) for until in (0, 3, 4)] == [True, True, False]


def test_nothing_is_covered_of_an_epoch_without_entries() -> None:
    coverage = Coverage().with_entry(entry(3))
    assert not coverage.covers(1, 0)
    assert not coverage.covers(late_epoch(0), 1)
    assert coverage.of(1) == EpochPosition(1)


def test_an_entry_moves_its_own_epoch_alone() -> None:
    coverage = coverage_of(Coverage(), [entry(0), entry(1), entry(2, epoch=1)])
    assert coverage.positions == {
        0: POSITION,
        1: EpochPosition(1, 8_800, 8_000, 2, 8_000, "4957"),
    }
    assert (coverage.last_number, coverage.last_captured_at_ms) == (2, 1_500)


def test_a_fence_counts_and_covers_nothing() -> None:
    before = coverage_of(Coverage(), [entry(0), entry(1)])
    fence = entry(
        2, kind=EntryKind.SILENCE, takeover=3, end_sample=99_000, resume_sequence=24, text=""
    )
    assert before.with_entry(fence) == replace(before, last_number=2)


def test_a_session_that_begins_with_a_fence_has_no_epoch() -> None:
    coverage = Coverage().with_entry(entry(0, takeover=1, resume_sequence=0))
    assert coverage == Coverage(last_number=0)


def test_a_gap_covers_its_chunks_and_is_remembered() -> None:
    first = entry(1, kind=EntryKind.GAP, gap_from_sequence=2, gap_until_sequence=5)
    second = entry(2, kind=EntryKind.GAP, gap_from_sequence=7, gap_until_sequence=8)
    coverage = coverage_of(
        Coverage(),
        [entry(0), replace(first, resume_sequence=5), replace(second, resume_sequence=8)],
    )
    assert coverage.missed == {0: ((2, 5), (7, 8))}
    assert coverage.covers(0, 8)
    assert not coverage.covers(0, 9)


def test_gaps_of_epochs_are_kept_apart() -> None:
    gap = entry(1, kind=EntryKind.GAP, gap_from_sequence=2, gap_until_sequence=5)
    coverage = coverage_of(Coverage(), [gap, replace(gap, number=2, epoch=1)])
    assert coverage.missed == {0: ((2, 5),), 1: ((2, 5),)}


def test_late_chunks_have_an_axis_of_their_own() -> None:
    """A chunk of epoch 1 that came after its hole had been passed moves nothing else."""
    before = coverage_of(Coverage(), [entry(0), entry(5, epoch=1)])
    after = before.with_entry(entry(6, epoch=late_epoch(1), resume_sequence=3))
    assert after.covers(late_epoch(1), 3)
    assert (after.of(0), after.of(1)) == (before.of(0), before.of(1))


@given(st.integers(0, 1_000))
def test_late_epochs_are_no_epochs(epoch: int) -> None:
    assert is_late(late_epoch(epoch))
    assert late_epoch(epoch) != late_epoch(epoch + 1)
    assert not is_late(epoch)
    assert not is_late(-1), "where a session without audio stands"


def test_the_last_number_of_each_language_is_kept() -> None:
    es, ca = Route("es", None), Route("ca", None)
    coverage = coverage_of(
        Coverage(),
        [entry(0, routes=(es, ca)), entry(1, routes=(es,)), entry(2), entry(3, routes=None)],
    )
    assert coverage.last_numbers == {"es": 1, "ca": 0}


def test_the_time_of_the_last_word_never_goes_back() -> None:
    """Clips are stored under it: an entry of another epoch may have been captured before."""
    coverage = coverage_of(Coverage(), [entry(8), entry(9, epoch=1, captured_at_ms=40)])
    assert coverage.last_captured_at_ms == 3_000


# As text ------------------------------------------------------------------------------------------


def test_the_text_of_today_is_read_for_ever() -> None:
    text = (
        '{"version":1,"lastNumber":7,"lastCapturedAt":2750,"positions":[{"epoch":0,'
        '"end_sample":4800,"resume_sample":4000,"resume_sequence":1,'
        '"resume_sequence_sample":4000,"resume_record":"4957"}],"missed":[[0,[[2,5],[7,8]]]],'
        '"lastNumbers":{"es":7}}'
    )
    coverage = Coverage(7, 2_750, {0: POSITION}, {0: ((2, 5), (7, 8))}, {"es": 7})
    assert Coverage.from_text(text) == coverage
    assert coverage.to_text() == text


@given(COVERAGES)
def test_a_summary_says_all_that_was_summed_up(coverage: Coverage) -> None:
    assert Coverage.from_text(coverage.to_text()) == coverage


@given(COVERAGES)
def test_a_session_goes_on_from_a_summary_as_from_its_entries(coverage: Coverage) -> None:
    following = entry(coverage.last_number + 1, epoch=2, routes=(Route("es", None),))
    read = Coverage.from_text(coverage.to_text())
    assert read.with_entry(following) == coverage.with_entry(following)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no summary",
        "7",
        "[]",
        "null",
        "{}",
        '{"version":1}',
        '{"version":2,"lastNumber":7}',
        json.dumps({**json.loads(Coverage().to_text()), "positions": [{"epoch": 0, "more": 1}]}),
        json.dumps({**json.loads(Coverage().to_text()), "missed": [[0]]}),
    ],
)
def test_what_is_no_summary_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Coverage.from_text(text)
