"""Clips one after another: waiting, catching up, and falling behind for good."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.lag.playout import (
    FASTEST,
    HURRIED_S,
    RELAXED_S,
    drift_s,
    page_rate,
    plain_rate,
    played,
    playout_lags,
    playout_summary,
)
from benchmarks.lag.word_lags import Arrival, SpokenWord

pytestmark = pytest.mark.unit


def clip(at_s: float, clip_s: float, first_word: int = 0, words: int = 1) -> Arrival:
    """Its audio began when the first of its words did: a second for each word."""
    texts = tuple(f"w{number}" for number in range(first_word, first_word + words))
    return Arrival(1000 * at_s, 1000 * first_word, texts, clip_s)


def test_a_clip_waits_for_the_one_before_it() -> None:
    clips = played([clip(1.0, 3.0, 0), clip(2.0, 1.0, 1), clip(9.0, 1.0, 2)])
    spans = [(one.started_at_ms, one.ended_at_ms) for one in clips]
    assert spans == [(1_000, 4_000), (4_000, 5_000), (9_000, 10_000)]


def test_a_clip_is_played_at_the_rate_of_what_waits_behind_it_when_it_begins() -> None:
    """Behind the first nothing waits yet, behind the second 8 s, behind the third 6."""
    clips = [clip(1.0, 4.0, 0), clip(2.0, 2.0, 1), clip(3.0, 2.0, 2), clip(4.0, 6.0, 3)]
    seen: list[float] = []

    def rate(waiting_s: float) -> float:
        seen.append(waiting_s)
        return 2.0 if waiting_s > 7.0 else 1.0

    spans = [(one.started_at_ms, one.ended_at_ms) for one in played(clips, rate)]
    assert seen == [0.0, 8.0, 6.0, 0.0]
    assert spans == [(1_000, 5_000), (5_000, 6_000), (6_000, 8_000), (8_000, 14_000)]


def test_the_rate_is_that_of_the_listeners_page() -> None:
    assert [page_rate(waiting_s) for waiting_s in (0.0, 4.0, 8.0, 12.0, 60.0)] == [
        1.0,
        1.0,
        1.075,
        1.15,
        1.15,
    ]
    page = Path("ingest_gateway/web/src/listener/playback_queue.ts").read_text()
    values = dict(re.findall(r"^const (RELAXED_S|HURRIED_S|FASTEST) = ([0-9.]+);", page, re.M))
    assert {name: float(value) for name, value in values.items()} == {
        "RELAXED_S": RELAXED_S,
        "HURRIED_S": HURRIED_S,
        "FASTEST": FASTEST,
    }


def test_clips_are_played_in_the_order_of_the_talk() -> None:
    """The second is there first, but waits for the first."""
    clips = played([clip(5.0, 1.0, 0), clip(3.0, 1.0, 1)])
    assert [one.arrival.words for one in clips] == [("w0",), ("w1",)]
    assert [one.started_at_ms for one in clips] == [5_000, 6_000]


def test_a_word_is_heard_when_its_share_has_been_played() -> None:
    spoken = [SpokenWord(f"w{number}", 1000.0 * (number + 1)) for number in range(4)]
    lags = playout_lags(spoken, played([clip(6.0, 2.0, 0, 4)]))
    assert lags == ((1_000, 5.5), (2_000, 5.0), (3_000, 4.5), (4_000, 4.0))


def test_a_word_that_was_never_heard_has_no_lag() -> None:
    spoken = [SpokenWord("w0", 1_000.0), SpokenWord("w7", 2_000.0)]
    assert playout_lags(spoken, played([clip(3.0, 1.0)])) == ((1_000.0, 3.0),)


def talk_lags(
    clip_s: float, rate_of: Callable[[float], float] = plain_rate
) -> tuple[tuple[float, float], ...]:
    """A word a second for 200 s, each told of 2 s later in a clip of its own."""
    spoken = [SpokenWord(f"w{number}", 1000.0 * (number + 1)) for number in range(200)]
    arrivals = [clip(number + 3.0, clip_s, number) for number in range(200)]
    return playout_lags(spoken, played(arrivals, rate_of))


def test_clips_longer_than_their_speech_fall_behind_unless_played_faster() -> None:
    assert drift_s(talk_lags(0.9)) == pytest.approx(0.0)
    assert drift_s(talk_lags(1.1)) == pytest.approx(18.0)
    assert 0.0 < drift_s(talk_lags(1.1, page_rate)) < HURRIED_S


def test_the_summary_takes_words_together_and_drifts_apart() -> None:
    found = playout_summary([talk_lags(1.1), talk_lags(0.5), ()])
    assert found.words == 400
    assert found.drift_s == pytest.approx(9.0)
    assert found.mean_s == pytest.approx((3.1 + 9.95 + 2.5) / 2, abs=0.01)
    assert found.flat("job_115")["job_115_heard_drift_s"] == 9.0
