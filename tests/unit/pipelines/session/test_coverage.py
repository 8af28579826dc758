"""What entries add up to, and that a summary says the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.session.coverage import Coverage, is_late, late_epoch, within, without
from pipelines.session.outbox import coverage_of
from pipelines.session.takeover import fence
from schemas.values import EntryKind, LedgerEntry, Route
from tests.unit.pipelines.session.records_of import SESSION, START_MS

pytestmark = pytest.mark.unit

ENTRY = LedgerEntry(
    session_id=SESSION,
    number=0,
    epoch=1,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=900,
    text="so",
    language="en",
    captured_at_ms=START_MS,
    committed_at_ms=START_MS + 500,
    writer="w",
    resume_sample=800,
    resume_sequence=8,
    resume_sequence_sample=750,
    routes=(Route("es", None),),
    resume_record="0012",
)
GAP = replace(
    ENTRY,
    number=1,
    kind=EntryKind.GAP,
    first_sample=900,
    resume_sequence=14,
    captured_at_ms=START_MS + 9,
    gap_from_sequence=10,
    gap_until_sequence=14,
    routes=(Route("es", 0), Route("fr", None)),
)
LATE = replace(
    ENTRY,
    number=2,
    epoch=late_epoch(1),
    gap_from_sequence=11,
    gap_until_sequence=13,
    resume_sequence=13,
    routes=(),
)
RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 6)).map(lambda each: (each[0], sum(each))),
    max_size=5,
)


def test_a_position_is_its_epochs_last_entry() -> None:
    coverage = coverage_of(Coverage(), [ENTRY, replace(ENTRY, number=1, epoch=2, end_sample=50)])
    assert (coverage.of(1).end_sample, coverage.of(2).end_sample) == (900, 50)
    assert coverage.of(1).resume_record == "0012"
    assert coverage.last_number == 1
    assert coverage.last_numbers == {"es": 1}
    assert coverage.of(3).end_sample == 0


def test_what_is_covered_ends_where_recognition_goes_on() -> None:
    coverage = Coverage().with_entry(ENTRY)
    assert coverage.covers(1, 8)
    assert not coverage.covers(1, 9), "chunk 8 may hold the beginning of a word"
    assert coverage.covers_chunk(1, 7)
    assert not coverage.covers_chunk(1, 8)
    assert not coverage.covers(2, 0), "a stream of which no entry tells"


def test_a_chunk_in_a_gap_is_covered_once_an_entry_of_late_chunks_names_it() -> None:
    with_gap = coverage_of(Coverage(), [ENTRY, GAP])
    assert [each for each in range(15) if not with_gap.covers_chunk(1, each)] == [*range(10, 15)]
    coverage = with_gap.with_entry(LATE)
    assert coverage.missed == {1: ((10, 11), (13, 14))}
    assert [each for each in range(14) if not coverage.covers_chunk(1, each)] == [10, 13]
    assert coverage.of(1) == with_gap.of(1), "late chunks have an axis of their own"


def test_late_epochs_are_apart_from_all_others() -> None:
    late = [late_epoch(epoch) for epoch in range(5)]
    assert all(map(is_late, late))
    assert len({*late, *range(-1, 5)}) == 11
    assert not any(is_late(epoch) for epoch in range(-1, 5))
    assert [late_epoch(each) for each in late] == [0, 1, 2, 3, 4]


def test_a_fence_covers_nothing_and_stands_where_the_newest_epoch_does() -> None:
    coverage = coverage_of(Coverage(), [ENTRY, GAP, LATE])
    ours = fence(SESSION, coverage, writer="next", generation=4, now_ms=START_MS)
    assert (ours.number, ours.epoch, ours.takeover, ours.routes) == (3, 1, 4, ())
    assert (ours.first_sample, ours.end_sample, ours.resume_record) == (900, 900, "0012")
    after = coverage.with_entry(ours)
    assert after == replace(coverage, last_number=3)
    # Code that knows of no fences reads a silence that changes nothing.
    assert coverage.with_entry(replace(ours, takeover=0)).positions == coverage.positions


def test_a_summary_says_the_same() -> None:
    coverage = coverage_of(Coverage(), [ENTRY, GAP, LATE])
    assert Coverage.from_text(coverage.to_text()) == coverage
    assert coverage_of(Coverage(), [ENTRY]).to_text() != coverage.to_text()


@pytest.mark.parametrize("text", ["{}", '{"version":2}', "[]", "nonsense", '{"version":1}'])
def test_what_is_no_summary_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Coverage.from_text(text)


@given(ranges=RANGES, first=st.integers(0, 40), length=st.integers(1, 9))
def test_what_is_taken_out_of_ranges(
    ranges: list[tuple[int, int]], first: int, length: int
) -> None:
    taken = first, first + length
    left = without(taken, ranges)
    for number in range(60):
        assert within(number, left) == (within(number, ranges) and not within(number, [taken]))


def test_entries_of_version_1_cover_raw_pcm_up_to_their_last_word() -> None:
    """900 samples began at START_MS, and after 800 of them, 50 ms, no word was over any more."""
    old = replace(ENTRY, version=1, resume_record=None)
    assert coverage_of(Coverage(), [ENTRY, GAP]).arrived_through_ms == -1
    coverage = coverage_of(Coverage(), [old, replace(GAP, number=1), ENTRY])
    assert coverage.arrived_through_ms == START_MS + 50
    assert Coverage.from_text(coverage.to_text()) == coverage
    written_before = coverage.to_text().replace(f',"arrivedThrough":{START_MS + 50}', "")
    assert Coverage.from_text(written_before) == replace(coverage, arrived_through_ms=-1)
