"""Steps of a sentence: what is committed as soon as words are stable, and what is waited for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipelines.segmentation.segmenter import NEVER, Hypothesis, Segment, TimedWord, WordPromises
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.segmentation.voice_track import VoiceTrack

pytestmark = pytest.mark.unit

SEGMENTER = StepSegmenter(
    pause_samples=20,
    run_on_samples=200,
    cap_samples=300,
    settle_samples=25,
    lead_samples=20,
    gap_samples=100,
    silence_samples=300,
    half_word_samples=20,
)
PROMISES = WordPromises(settle_samples=NEVER)
"""Of a recogniser that marks stable words, as Moonshine's adapter does."""


def spoken(text: str, stable: int) -> list[TimedWord]:
    """Words of ten samples, one after another, the first ``stable`` of them stable."""
    return [
        TimedWord(word, 10 * number, 10 * number + 10, number < stable)
        for number, word in enumerate(text.split())
    ]


def next_segment(words: Sequence[TimedWord], through: int, *, resume: int = 0) -> Segment | None:
    voice = VoiceTrack()
    voice.extend(min(words[-1].end_sample, through), is_voice=True)
    voice.extend(through, is_voice=False)
    heard = Hypothesis(words, through, through, False, voice, PROMISES)
    return SEGMENTER.next_segment(resume, resume, heard)


@pytest.mark.parametrize(
    ("text", "stable", "committed"),
    [
        ("he came home", 1, None),
        ("he came home", 2, "he came"),
        ("he came home and left", 4, "he came home and"),
        ("Yes. But he", 1, "Yes."),  # a sentence's end is no part of the next one's step
        ("No. 5 is", 3, "No."),
        ("the the the the", 3, "the the the"),  # a recogniser that stammers is taken at its word
    ],
)
def test_stable_words_are_a_step(text: str, stable: int, committed: str | None) -> None:
    words = spoken(text, stable)
    found = next_segment(words, words[-1].end_sample)
    assert (found.text if found else None) == committed


def test_what_the_recogniser_revises_is_not_committed_before_it_is_stable() -> None:
    """The word after the last stable one changes twice."""
    assert next_segment(spoken("he came hole", 1), 30) is None
    first = next_segment(spoken("he came whole", 2), 30)
    assert first is not None
    assert first.text == "he came"
    second = next_segment(spoken("he came home and", 4), 40, resume=first.resume_sample)
    assert second is not None
    assert second.text == "home and"


def test_one_stable_word_in_front_of_a_pause_is_enough() -> None:
    words = spoken("home", 1)
    assert next_segment(words, 19) is None
    found = next_segment(words, 30)
    assert found is not None
    assert found.text == "home"


def test_speech_that_never_gets_stable_is_cut() -> None:
    words = spoken(" ".join(f"w{number}" for number in range(40)), 0)
    assert next_segment(words, 290) is None
    found = next_segment(words, 310)
    assert found is not None
    assert found.text.startswith("w0 w1")


def test_nothing_is_begun_ahead_of_a_step() -> None:
    words = spoken("he came home and", 1)
    voice = VoiceTrack()
    voice.extend(40, is_voice=True)
    voice.extend(90, is_voice=False)
    assert SEGMENTER.predicted_commit(0, Hypothesis(words, 90, 90, False, voice, PROMISES)) == ""
