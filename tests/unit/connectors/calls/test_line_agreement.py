"""Which words of a growing line are stable, and where they are laid."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.calls.line_agreement import LineAgreement, TextLine, agreed, lay_out, rest_after
from connectors.interfaces.speech_to_text import Recognition, Word

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("earlier", "later", "stable"),
    [
        ("And Mr. John.", "And Mr. John Dashwell,", "And Mr. John"),
        ("had then.", "had then, Lee,", "had"),
        ("had then, Lee,", "had then leisure to.", "had"),
        ("he was", "he was", "he"),
        ("he was not", "she was not here", ""),
        ("he was.", "he Was not", "he Was"),
        ("mister john", "mister", ""),
        ("", "he was", ""),
        ("he was", "", ""),
    ],
)
def test_two_decodings_agree_on_words_and_on_punctuation_inside(
    earlier: str, later: str, stable: str
) -> None:
    words = later.split()
    assert words[: agreed(earlier.split(), words)] == stable.split()


@pytest.mark.parametrize(
    ("stable", "final", "rest"),
    [
        ("he was", "He was not here.", "not here."),
        ("he was an", "he was not an old man", "old man"),
        ("he had been", "he been there", "there"),
        ("he was", "he", ""),
        ("", "he was", "he was"),
    ],
)
def test_a_contradicted_beginning_loses_and_repeats_no_word_behind_it(
    stable: str, final: str, rest: str
) -> None:
    assert list(rest_after(stable.split(), final.split())) == rest.split()


def test_words_are_laid_along_the_loud_frames() -> None:
    quiet, loud = [False] * 10, [True] * 10  # 0.2 s each
    one, two = lay_out(["aa", "bb"], 1.0, 1.8, [*quiet, *loud, *quiet, *loud])
    assert (one.start_s, one.end_s) == pytest.approx((1.2, 1.4))
    assert (two.start_s, two.end_s) == pytest.approx((1.6, 1.8))


def test_without_any_sound_words_share_the_line_by_their_letters() -> None:
    one, two = lay_out(["a", "abcdefg"], 0.0, 1.2, [])
    assert (one.start_s, one.end_s, two.end_s) == pytest.approx((0.0, 0.3, 1.2))


def told(results: list[Recognition]) -> list[tuple[str, str, bool]]:
    """(stable words, all words, whether it is final) of each result."""
    return [
        (
            " ".join(word.text for word in result.words if word.is_stable),
            " ".join(word.text for word in result.words),
            result.is_final,
        )
        for result in results
    ]


def opened(text: str, end_s: float, start_s: float = 0.0) -> TextLine:
    return TextLine(text, start_s, end_s, is_complete=False)


def completed(text: str, end_s: float, start_s: float = 0.0) -> TextLine:
    return TextLine(text, start_s, end_s, is_complete=True)


def test_words_get_stable_then_final_and_stay_as_they_were() -> None:
    stream = LineAgreement()
    told_so_far = [
        *stream.update([opened("He was.", 2.0)], 2.0),
        *stream.update([opened("He was not an", 2.5)], 2.5),
        *stream.update([opened("He was not, and ill", 3.0)], 3.0),
        *stream.update([completed("She was not an ill man.", 3.4)], 3.5),
    ]
    assert told(told_so_far) == [
        ("", "He was.", False),
        ("He was", "He was not an", False),
        ("He was", "He was not, and ill", False),
        ("", "He was not an ill man.", True),
    ]
    assert stream.contradicted == 1
    words = told_so_far[-1].words
    assert words[:2] == tuple(Word(w.text, w.start_s, w.end_s) for w in told_so_far[1].words[:2])
    assert all(one.end_s <= two.start_s + 1e-9 for one, two in pairwise(words))


def test_a_young_line_needs_three_decodings() -> None:
    stream = LineAgreement()
    told_so_far = [
        *stream.update([opened("I'd less", 0.5)], 0.5),
        *stream.update([opened("I'd less to", 1.0)], 1.0),
        *stream.update([opened("I'd less to be", 1.5)], 1.5),
    ]
    assert [stable for stable, _, _ in told(told_so_far)] == ["", "", "I'd less"]


def test_the_end_of_a_line_and_the_next_line_are_two_results_in_order() -> None:
    stream = LineAgreement()
    stream.update([opened("One two", 0.9)], 1.0)
    results = stream.update([completed("One two.", 1.2), opened("Three", 1.5, 1.1)], 1.5)
    assert told(results) == [("", "One two.", True), ("", "Three", False)]
    assert [result.through_s for result in results] == [1.25, 1.5]
    assert results[1].words[0].start_s >= results[0].words[-1].end_s


def test_two_lines_that_end_together_are_one_result() -> None:
    results = LineAgreement().update([completed("One.", 0.5), completed("Two.", 1.0, 0.6)], 1.0)
    assert told(results) == [("", "One. Two.", True)]


def test_silence_and_audio_that_is_not_decoded_yet_are_told() -> None:
    stream = LineAgreement()
    assert stream.update([], 0.5) == [Recognition((), is_final=False, through_s=0.5)]
    (heard,) = stream.update([opened("One", 1.0)], 1.0)
    assert stream.repeat(1.5) == Recognition(heard.words, is_final=False, through_s=1.5)


def test_times_stay_inside_the_audio_when_lines_overlap_or_are_too_short() -> None:
    stream = LineAgreement()
    (first,) = stream.update([completed("a b c d e f g h", 0.02)], 1.0)
    (second,) = stream.update([completed("i j", 0.9, 0.1)], 1.5)
    words = (*first.words, *second.words)
    assert all(word.start_s < word.end_s <= 1.5 for word in words)
    assert all(one.end_s <= two.start_s + 1e-9 for one, two in pairwise(words))
