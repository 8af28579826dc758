"""Lags of words from their ends to the notification that says them."""

from __future__ import annotations

import pytest

from benchmarks.lag.word_lags import Arrival, SpokenWord, WordLags, spoken_words, summary, word_lags
from connectors.interfaces.speech_to_text import Word

pytestmark = pytest.mark.unit


def said(*ends_s: float) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(f"w{n}", 1000 * end_s) for n, end_s in enumerate(ends_s))


def told(at_s: float, first_s: float, text: str) -> Arrival:
    return Arrival(1000 * at_s, 1000 * first_s, tuple(text.split()), 1.0)


def test_a_word_is_as_late_as_the_notification_that_says_it() -> None:
    lags = word_lags(said(1.0, 2.0, 4.0), [told(5.5, 0.5, "w0 w1"), told(6.0, 3.0, "w2")])
    assert lags == WordLags(((1_000.0, 4.5), (2_000.0, 3.5), (4_000.0, 2.0)), 0, 0, 0, (5.0, 3.0))


def test_lost_repeated_and_unknown_words_are_counted_and_the_first_arrival_counts() -> None:
    arrivals = [told(9.0, 1.0, "w0 w1"), told(3.0, 0.0, "w0 x")]
    lags = word_lags(said(1.0, 2.0, 4.0), arrivals)
    assert lags.lags_s == ((1_000.0, 2.0), (2_000.0, 7.0))
    assert (lags.lost, lags.twice, lags.unknown) == (1, 1, 1)


def test_a_words_end_is_counted_from_the_talks_first_sample() -> None:
    assert spoken_words([Word("w5", 0.25, 0.5)], 10_000.0) == (SpokenWord("w5", 10_500.0),)


def test_the_summary_is_over_all_words_of_all_listeners() -> None:
    one = WordLags(
        ((0.0, 1.0), (0.0, 2.0), (0.0, 3.0)), lost=1, twice=0, unknown=0, utterances_s=(4.0,)
    )
    other = WordLags(((0.0, 10.0),), lost=0, twice=2, unknown=3, utterances_s=(6.0, 8.0))
    found = summary([one, other])
    assert (found.words, found.lost, found.twice, found.unknown) == (5, 1, 2, 3)
    assert (found.mean_s, found.p50_s, found.p95_s) == (4.0, 2.0, 10.0)
    assert (found.utterances, found.first_sample_mean_s, found.first_sample_p50_s) == (3, 6.0, 6.0)
    assert found.flat("job")["job_lag_mean_s"] == 4.0
    assert found.flat("job")["job_words_lost"] == 1


def test_nobody_heard_anything() -> None:
    found = summary([word_lags(said(1.0), [])])
    assert (found.words, found.lost, found.mean_s, found.p99_s) == (1, 1, 0.0, 0.0)
