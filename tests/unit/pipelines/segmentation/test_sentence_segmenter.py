"""Sentences of a recording: what ends one, and what does not."""

from __future__ import annotations

import pytest

from pipelines.segmentation.segmenter import Hypothesis, Segment
from pipelines.segmentation.sentence_segmenter import SentenceSegmenter
from pipelines.segmentation.voice_track import VoiceTrack
from tests.unit.pipelines.segmentation.test_step_segmenter import PROMISES, spoken

pytestmark = pytest.mark.unit

SEGMENTER = SentenceSegmenter(
    language="en",
    pause_samples=40,
    clause_samples=100,
    run_on_samples=200,
    cap_samples=250,
    lead_samples=20,
    gap_samples=100,
    silence_samples=300,
)


def next_segment(text: str, *, stable: int, quiet: int = 0) -> Segment | None:
    words = spoken(text, stable)
    through = words[-1].end_sample + quiet
    voice = VoiceTrack()
    voice.extend(words[-1].end_sample, is_voice=True)
    voice.extend(through, is_voice=False)
    return SEGMENTER.next_segment(0, 0, Hypothesis(words, through, through, False, voice, PROMISES))


@pytest.mark.parametrize(
    ("text", "stable", "committed"),
    [
        ("He came home, late. And", 4, "He came home, late."),
        ("He came home, late.", 3, None),
        ("He came home, and then he left", 6, None),  # clauses stay together
        ("Mr. Dashwood came home. He", 4, "Mr. Dashwood came home."),
        ("It was 3.5 of 7. Then", 5, "It was 3.5 of 7."),
    ],
)
def test_a_sentence_ends_by_its_mark(text: str, stable: int, committed: str | None) -> None:
    found = next_segment(text, stable=stable)
    assert (found.text if found else None) == committed


def test_without_a_mark_at_a_long_pause() -> None:
    assert next_segment("he came home", stable=3, quiet=30) is None
    found = next_segment("he came home", stable=3, quiet=45)
    assert found is not None
    assert found.text == "he came home"


def test_or_where_it_runs_on_for_too_long() -> None:
    text = " ".join(f"w{number}" for number in range(21))
    found = next_segment(text, stable=21)
    assert found is not None
    assert len(found.text.split()) == 20


def test_a_german_ordinal_ends_none() -> None:
    german = SentenceSegmenter(language="de")
    words = spoken("am 3. Mai kam er", 5)
    voice = VoiceTrack()
    voice.extend(words[-1].end_sample, is_voice=True)
    heard = Hypothesis(words, 50, 50, False, voice, PROMISES)
    assert german.next_segment(0, 0, heard) is None
    english = SentenceSegmenter(language="en").next_segment(0, 0, heard)
    assert english is not None
    assert english.text == "am 3."
