"""Where speech is cut, written as what was heard: words with their times, and voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import NEVER, Hypothesis, Segment, TimedWord, WordPromises
from pipelines.segmentation.voice_track import VoiceTrack

pytestmark = pytest.mark.unit

CUTTER = PauseSegmenter(
    pause_samples=20,
    clause_samples=100,
    clause_gap_samples=6,
    run_on_samples=200,
    cap_samples=300,
    settle_samples=25,
    lead_samples=20,
    gap_samples=100,
    silence_samples=300,
    half_word_samples=20,
)


def words_at(*spans: tuple[str, int, int], stable: bool = True) -> list[TimedWord]:
    return [TimedWord(text, start, end, stable) for text, start, end in spans]


def voice_of(words: Sequence[TimedWord], through: int) -> VoiceTrack:
    track = VoiceTrack()
    for word in words:
        track.extend(word.start_sample, is_voice=False)
        track.extend(min(word.end_sample, through), is_voice=True)
    track.extend(through, is_voice=False)
    return track


def cut_of(
    words: Sequence[TimedWord],
    through: int,
    *,
    end: int = 0,
    resume: int = 0,
    listened: int | None = None,
    finished: bool = False,
) -> Segment | None:
    heard = Hypothesis(
        words,
        through if listened is None else listened,
        through,
        finished,
        voice_of(words, through),
    )
    return CUTTER.next_segment(end, resume, heard)


def test_a_pause_ends_an_utterance_in_its_middle() -> None:
    words = words_at(("good", 10, 30), ("morning", 30, 60))
    assert cut_of(words, 79) is None, "not a pause yet"
    assert cut_of(words, 80) == Segment(70, 70, "good morning", 80)


def test_words_after_the_pause_are_the_next_utterance() -> None:
    words = words_at(("one", 0, 40), ("two", 70, 90), ("three", 90, 95))
    assert cut_of(words, 95) == Segment(50, 50, "one", 60)
    assert cut_of(words, 120, end=50, resume=50) == Segment(105, 105, "two three", 115)


def test_a_word_that_may_still_change_is_waited_for() -> None:
    words = words_at(("one", 0, 40), stable=False)
    assert cut_of(words, 60, listened=60) is None
    assert cut_of(words, 65, listened=65) == Segment(50, 50, "one", 65)


def test_what_the_recogniser_has_not_listened_to_is_waited_for() -> None:
    words = words_at(("one", 0, 20))
    track = VoiceTrack()
    track.extend(60, is_voice=True)  # it has more to say about these
    track.extend(90, is_voice=False)
    heard = Hypothesis(words, 45, 90, False, track)
    assert CUTTER.next_segment(0, 0, heard) is None


def test_a_gap_or_punctuation_ends_a_clause_that_is_long_enough() -> None:
    words = words_at(("a", 0, 50), ("b", 58, 110), ("c", 117, 130), ("d", 130, 140))
    assert cut_of(words, 140) == Segment(113, 110, "a b", 130)
    words = words_at(("a", 0, 60), ("b,", 60, 110), ("c", 110, 140))
    assert cut_of(words, 140) == Segment(110, 110, "a b,", 140)


def test_speech_that_runs_on_is_cut_at_its_widest_gap() -> None:
    spans = [(f"w{number}", number * 25, number * 25 + 25) for number in range(8)]
    assert cut_of(words_at(*spans), 199) is None
    assert cut_of(words_at(*spans), 200) == Segment(200, 200, " ".join(w for w, _, _ in spans), 200)
    spans[5] = ("w5", 125, 147)
    cut = cut_of(words_at(*spans), 205)
    assert cut is not None
    assert cut.text == "w0 w1 w2 w3 w4 w5"


def test_silence_in_front_of_speech_is_an_entry_of_its_own() -> None:
    words = words_at(("late", 150, 170))
    assert cut_of(words, 170) == Segment(130, 130, "")
    assert cut_of(words, 190, end=130, resume=130) == Segment(180, 180, "late", 190)


def test_long_silence_is_committed_in_stretches() -> None:
    assert cut_of([], 319) is None
    assert cut_of([], 320) == Segment(300, 300, "")


def test_noise_without_words_is_let_go_after_the_cap() -> None:
    track = VoiceTrack()
    track.extend(500, is_voice=True)
    assert CUTTER.next_segment(0, 0, Hypothesis([], 399, 500, False, track)) is None
    assert CUTTER.next_segment(0, 0, Hypothesis([], 400, 500, False, track)) == Segment(
        380, 280, ""
    )


def test_the_end_takes_all_that_is_left() -> None:
    words = words_at(("one", 0, 40), ("two", 41, 50), stable=False)
    assert cut_of(words, 55, finished=True) == Segment(55, 55, "one two")
    assert cut_of([], 55, end=20, resume=20, finished=True) == Segment(55, 55, "")
    assert cut_of([], 55, end=55, resume=55, finished=True) is None


def test_a_word_that_moved_in_front_of_the_last_cut_is_not_said_again() -> None:
    words = words_at(("said", 0, 62), ("next", 70, 90))
    assert cut_of(words, 120, end=50, resume=50) == Segment(100, 100, "next", 110)


LIKELY = replace(CUTTER, likely_pause_samples=10, likely_run_on_samples=150)


def likely_of(words: Sequence[TimedWord], through: int, *, resume: int = 0) -> str:
    heard = Hypothesis(words, through, through, voice=voice_of(words, through))
    assert LIKELY.next_segment(0, resume, heard) is None, "there is nothing to guess"
    return LIKELY.predicted_commit(resume, heard)


def test_a_beginning_pause_makes_the_words_in_front_of_it_likely() -> None:
    words = words_at(("good", 10, 30), ("morning", 30, 60), stable=False)
    assert likely_of(words, 69) == ""
    assert likely_of(words, 70) == "good morning"


def test_a_gap_that_would_end_a_clause_makes_a_long_utterance_likely() -> None:
    short, long = words_at(("one", 0, 60)), words_at(("one", 0, 60), ("two", 60, 110))
    assert likely_of(short, 66) == ""
    assert likely_of(long, 115) == ""
    assert likely_of(long, 116) == "one two"


def test_a_voice_that_goes_on_behind_the_last_word_makes_nothing_likely() -> None:
    words = words_at(("one", 0, 60))
    track = VoiceTrack()
    track.extend(90, is_voice=True)  # a word that is not reported yet
    track.extend(105, is_voice=False)
    assert LIKELY.predicted_commit(0, Hypothesis(words, 70, 105, voice=track)) == ""


def likely_of_going_on(words: Sequence[TimedWord], through: int, *, resume: int = 0) -> str:
    """A word that is not reported yet is being spoken."""
    track = voice_of(words, words[-1].end_sample)
    track.extend(through, is_voice=True)
    heard = Hypothesis(words, through, through, voice=track)
    assert LIKELY.next_segment(0, resume, heard) is None, "there is nothing to predict"
    return LIKELY.predicted_commit(resume, heard)


def test_what_runs_on_is_likely_before_it_is_too_long() -> None:
    short = words_at(("one", 0, 70), ("two", 70, 149))
    assert likely_of_going_on(short, 160) == "", "another word may end before the cut"
    words = words_at(("one", 0, 70), ("two", 70, 150))
    assert likely_of_going_on(words, 150) == "one two"
    assert likely_of_going_on(words, 160, resume=70) == "", "what was said is not said again"


def test_what_runs_on_is_likely_up_to_where_it_would_be_cut() -> None:
    words = words_at(("one", 0, 70), ("two", 70, 120), ("three", 124, 150))
    assert likely_of_going_on(words, 150) == "one two", "the widest gap after a clause's length"


def test_what_runs_on_is_not_likely_while_it_is_shorter_than_a_clause() -> None:
    """The word that is being spoken will most probably belong to it."""
    assert likely_of_going_on(words_at(("one", 0, 90)), 150) == ""


def test_words_that_only_marks_settle_wait_for_them_up_to_the_cap() -> None:
    def cut(through: int, *, stable: bool, promises: WordPromises) -> Segment | None:
        words = words_at(("one", 0, 40), stable=stable)
        heard = Hypothesis(words, through, through, voice=voice_of(words, through))
        return CUTTER.next_segment(0, 0, replace(heard, promises=promises))

    by_marks = WordPromises(settle_samples=NEVER)
    assert cut(65, stable=False, promises=WordPromises()) == Segment(50, 50, "one", 65)
    assert cut(79, stable=False, promises=WordPromises(settle_samples=40)) is None
    assert cut(80, stable=False, promises=WordPromises(settle_samples=40)) is not None
    assert cut(299, stable=False, promises=by_marks) is None
    assert cut(300, stable=False, promises=by_marks) == Segment(40, 40, "one", 300)
    assert cut(60, stable=True, promises=by_marks) == Segment(50, 50, "one", 60)


def test_gaps_between_words_of_estimated_times_end_no_clause() -> None:
    words = words_at(("one", 0, 60), ("two", 60, 110), ("three", 120, 160), ("four", 160, 220))
    track = VoiceTrack()
    track.extend(230, is_voice=True)
    heard = Hypothesis(words[:3], 180, 180, voice=track)
    assert CUTTER.next_segment(0, 0, heard) == Segment(115, 110, "one two", 160)
    estimated = replace(heard, promises=WordPromises(times_are_measured=False))
    assert CUTTER.next_segment(0, 0, estimated) is None

    runs_on = replace(estimated, words=words, through_sample=230, available_sample=230)
    assert CUTTER.next_segment(0, 0, runs_on) == Segment(160, 160, "one two three", 200)
    comma = [replace(words[0], end_sample=100, text="one,"), *words[2:]]
    assert CUTTER.next_segment(0, 0, replace(estimated, words=comma)) is not None
