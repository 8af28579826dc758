"""Where the grid cuts, which words belong to a cell, and what a moving word does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.segmentation.segmenter import NEVER, Hypothesis, Segment, TimedWord, WordPromises
from pipelines.segmentation.window_segmenter import WindowSegmenter

pytestmark = pytest.mark.unit

CELL = 48_000


def word(text: str, start: int, end: int) -> TimedWord:
    return TimedWord(text, start, end)


def heard(
    words: Sequence[TimedWord], through: int, available: int, *, finished: bool = False
) -> Hypothesis:
    return Hypothesis(words, through, available, finished)


def test_nothing_is_cut_before_the_cell_is_full() -> None:
    assert WindowSegmenter().next_segment(0, 0, heard([], CELL - 1, CELL - 1)) is None


def test_nothing_is_cut_before_the_recogniser_has_listened_behind_the_edge() -> None:
    segmenter = WindowSegmenter(settle_samples=4_000)
    assert segmenter.next_segment(0, 0, heard([], CELL + 3_999, CELL + 9_000)) is None
    assert segmenter.next_segment(0, 0, heard([], CELL + 4_000, CELL + 9_000)) == Segment(
        CELL, 0, ""
    )
    assert segmenter.next_segment(0, 0, heard([], CELL + 10, CELL + 10)) == Segment(CELL, 0, ""), (
        "no more"
    )


def test_words_that_only_marks_settle_are_waited_for_one_cell_long() -> None:
    words = [word("a", 100, 20_000), replace(word("b", 30_000, 40_000), is_stable=True)]
    unmarked = replace(heard(words, CELL, CELL), promises=WordPromises(settle_samples=NEVER))
    assert WindowSegmenter().next_segment(0, 0, unmarked) is None
    marked = replace(unmarked, words=[replace(each, is_stable=True) for each in words])
    assert WindowSegmenter().next_segment(0, 0, marked) == Segment(CELL, 40_000, "a b")
    late = replace(unmarked, through_sample=2 * CELL, available_sample=2 * CELL)
    assert WindowSegmenter().next_segment(0, 0, late) == Segment(CELL, 40_000, "a b")


def test_a_word_belongs_to_the_cell_in_which_it_ends() -> None:
    words = [word("a", 100, 20_000), word("b", 40_000, CELL), word("c", CELL - 10, CELL + 1)]
    cut = WindowSegmenter().next_segment(0, 0, heard(words, 60_000, 60_000))
    assert cut == Segment(CELL, CELL, "a b")
    words = words[:1] + words[2:]
    assert WindowSegmenter().next_segment(0, 0, heard(words, 60_000, 60_000)) == Segment(
        CELL, 20_000, "a"
    )


def test_silence_lets_go_of_what_is_a_cell_old() -> None:
    cut = WindowSegmenter().next_segment(2 * CELL, 100, heard([], 3 * CELL, 3 * CELL))
    assert cut == Segment(3 * CELL, 2 * CELL, "")


def test_a_word_that_moves_out_over_the_edge_is_not_said_again() -> None:
    segmenter = WindowSegmenter()
    first = segmenter.next_segment(0, 0, heard([word("a", 40_000, 47_000)], CELL, CELL))
    assert first == Segment(CELL, 47_000, "a")
    moved = [word("a", 41_000, 49_000), word("b", 50_000, 60_000)]
    assert segmenter.next_segment(CELL, 47_000, heard(moved, 2 * CELL, 2 * CELL)) == Segment(
        2 * CELL, 60_000, "b"
    )


def test_a_word_that_moves_in_over_the_edge_is_said_in_the_next_cell() -> None:
    segmenter = WindowSegmenter()
    first = segmenter.next_segment(0, 0, heard([word("a", 40_000, 49_000)], CELL + 5, CELL + 5))
    assert first == Segment(CELL, 0, "")
    moved = [word("a", 39_000, 47_000)]
    second = segmenter.next_segment(CELL, 0, heard(moved, 2 * CELL, 2 * CELL))
    assert second == Segment(2 * CELL, CELL, "a")


def test_the_end_takes_what_is_left() -> None:
    segmenter = WindowSegmenter(settle_samples=4_000)
    words = [word("a", 100, 20_000), word("b", 29_000, 30_100)]
    assert segmenter.next_segment(0, 0, heard(words, 0, 30_000, finished=True)) == Segment(
        30_000, 30_000, "a b"
    )
    assert segmenter.next_segment(30_000, 30_000, heard(words, 0, 30_000, finished=True)) is None


@settings(deadline=None)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 60_000), st.integers(800, 40_000)), max_size=25),
    tail=st.integers(0, 100_000),
    steps=st.lists(st.integers(1, 90_000), max_size=30),
    settle=st.sampled_from([0, 4_000]),
)
def test_cells_follow_one_another_and_hold_every_word_once(
    gaps: list[tuple[int, int]], tail: int, steps: list[int], settle: int
) -> None:
    """Whatever the audio comes in: the cuts are the same."""
    words: list[TimedWord] = []
    at = 0
    for number, (gap, length) in enumerate(gaps):
        words.append(word(f"w{number}", at + gap, at + gap + length))
        at = words[-1].end_sample
    total = at + tail
    segmenter = WindowSegmenter(settle_samples=settle)
    cuts: list[Segment] = []
    end = resume = available = 0
    for step in [*steps, total]:
        available = min(total, available + step)
        finished = available == total
        known = [each for each in words if finished or each.end_sample <= available]
        while cut := segmenter.next_segment(
            end, resume, heard(known, available, available, finished=finished)
        ):
            cuts.append(cut)
            assert end < cut.end_sample <= available
            assert resume <= cut.resume_sample <= cut.end_sample
            end, resume = cut.end_sample, cut.resume_sample
    edges = [*range(CELL, total, CELL), total]
    assert [cut.end_sample for cut in cuts] == (edges if total else [])
    assert " ".join(cut.text for cut in cuts).split() == [each.text for each in words]
    first = 0
    for cut in cuts:
        inside = [each.text for each in words if first < each.end_sample <= cut.end_sample]
        assert cut.text.split() == inside
        first = cut.end_sample


def test_only_words_that_are_surely_over_are_committed_in_a_lull() -> None:
    segmenter = WindowSegmenter(half_word_samples=3_200)
    words = [word("a", 0, 4_000), word("b", 5_000, 9_000), word("c", 9_100, 11_000)]
    assert segmenter.whole_words(0, heard(words, 12_200, 12_200)) == Segment(9_000, 9_000, "a b")
    assert segmenter.whole_words(4_000, heard(words, 12_200, 12_200)) == Segment(9_000, 9_000, "b")
    assert segmenter.whole_words(9_000, heard(words, 12_200, 12_200)) is None
    assert segmenter.whole_words(0, heard([], 12_200, 12_200)) is None
