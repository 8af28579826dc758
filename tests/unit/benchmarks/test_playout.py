"""Clips one after another: waiting, catching up, and falling behind for good."""

from __future__ import annotations

import pytest

from benchmarks.lag import Arrival, SpokenWord
from benchmarks.playout import drift_s, heard_lags, played, playout_summary

pytestmark = pytest.mark.unit


def clip(at_s: float, clip_s: float, first_word: int = 0, words: int = 1) -> Arrival:
    """Its audio began when the first of its words did: a second for each word."""
    texts = tuple(f"w{number}" for number in range(first_word, first_word + words))
    return Arrival(1000 * at_s, 1000 * first_word, texts, clip_s)


def test_a_clip_waits_for_the_one_before_it() -> None:
    clips = played([clip(1.0, 3.0, 0), clip(2.0, 1.0, 1), clip(9.0, 1.0, 2)])
    spans = [(one.started_at_ms, one.ended_at_ms) for one in clips]
    assert spans == [(1_000, 4_000), (4_000, 5_000), (9_000, 10_000)]


def test_only_a_clip_that_had_to_wait_is_played_faster() -> None:
    clips = played([clip(1.0, 3.0, 0), clip(2.0, 1.15, 1), clip(9.0, 1.0, 2)], behind_rate=1.15)
    spans = [(one.started_at_ms, one.ended_at_ms) for one in clips]
    assert spans == [(1_000, 4_000), (4_000, 5_000), (9_000, 10_000)]


def test_clips_are_played_in_the_order_of_the_talk() -> None:
    """The second is there first, but waits for the first."""
    clips = played([clip(5.0, 1.0, 0), clip(3.0, 1.0, 1)])
    assert [one.arrival.words for one in clips] == [("w0",), ("w1",)]
    assert [one.started_at_ms for one in clips] == [5_000, 6_000]


def test_a_word_is_heard_when_its_share_has_been_played() -> None:
    spoken = [SpokenWord(f"w{number}", 1000.0 * (number + 1)) for number in range(4)]
    lags = heard_lags(spoken, played([clip(6.0, 2.0, 0, 4)]))
    assert lags == ((1_000, 5.5), (2_000, 5.0), (3_000, 4.5), (4_000, 4.0))


def test_a_word_that_was_never_heard_has_no_lag() -> None:
    spoken = [SpokenWord("w0", 1_000.0), SpokenWord("w7", 2_000.0)]
    assert heard_lags(spoken, played([clip(3.0, 1.0)])) == ((1_000.0, 3.0),)


def talk_lags(clip_s: float, behind_rate: float) -> tuple[tuple[float, float], ...]:
    """A word a second for 200 s, each told of 2 s later in a clip of its own."""
    spoken = [SpokenWord(f"w{number}", 1000.0 * (number + 1)) for number in range(200)]
    arrivals = [clip(number + 3.0, clip_s, number) for number in range(200)]
    return heard_lags(spoken, played(arrivals, behind_rate=behind_rate))


def test_clips_longer_than_their_speech_fall_behind_unless_played_faster() -> None:
    assert drift_s(talk_lags(0.9, 1.0)) == pytest.approx(0.0)
    assert drift_s(talk_lags(1.1, 1.0)) == pytest.approx(18.0)
    assert drift_s(talk_lags(1.1, 1.15)) == pytest.approx(0.0, abs=0.1)


def test_the_summary_takes_words_together_and_drifts_apart() -> None:
    found = playout_summary([talk_lags(1.1, 1.0), talk_lags(0.5, 1.0), ()])
    assert found.words == 400
    assert found.drift_s == pytest.approx(9.0)
    assert found.mean_s == pytest.approx((3.1 + 9.95 + 2.5) / 2, abs=0.01)
    assert found.flat("job_115")["job_115_heard_drift_s"] == 9.0
