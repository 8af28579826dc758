"""One talk through both flows in virtual time, and what its listeners hear."""

from __future__ import annotations

import pytest

from benchmarks.lag.playout_flows import START_MS, Arrivals, baseline_arrivals, job_arrivals
from benchmarks.lag.playout_run import figures, longer
from benchmarks.lag.service_profiles import PROFILES
from benchmarks.lag.word_lags import Arrival, SpokenWord, spoken_words, word_lags
from benchmarks.talks import write_talk

pytestmark = pytest.mark.unit

TALK = write_talk(3, 24.0)
SPOKEN = spoken_words(TALK.words, START_MS)
LANGUAGES = ("es", "fr")


def said(heard: Arrivals, language: str) -> list[str]:
    in_order = sorted(heard[language], key=lambda one: one.first_sample_at_ms)
    return [word for one in in_order for word in one.words]


def test_every_word_reaches_the_jobs_listeners_once_and_sooner_than_the_baselines() -> None:
    ours = job_arrivals(TALK, LANGUAGES, PROFILES["current"])
    theirs = baseline_arrivals(TALK, LANGUAGES, PROFILES["current"])
    assert said(ours, "es") == said(ours, "fr") == [word.text for word in TALK.words]
    for language in LANGUAGES:
        job = dict(word_lags(SPOKEN, ours[language]).lags_s)
        baseline = dict(word_lags(SPOKEN, theirs[language]).lags_s)
        both = job.keys() & baseline.keys()
        assert len(both) > 0.6 * len(TALK.words), "windows cut some words in two, not most"
        assert sum(job[at] for at in both) < sum(baseline[at] for at in both)


def test_a_baseline_clip_comes_when_its_window_and_its_services_are_done() -> None:
    """The slower profile: a window of 3 s, then 0.5, 0.5 and 1.3 s in the mean."""
    heard = baseline_arrivals(TALK, ("es",), PROFILES["seed"])["es"]
    waits_s = [(one.at_ms - one.first_sample_at_ms) / 1000 for one in heard]
    assert len(heard) == 8, "24 s are eight windows"
    assert min(waits_s) > 3.0 + 1.0
    assert sum(waits_s) / len(waits_s) == pytest.approx(3.3 + 2.3, abs=0.6)


def test_what_was_slower_in_the_services_comes_later() -> None:
    slow = job_arrivals(TALK, ("es",), PROFILES["seed"])["es"]
    quick = job_arrivals(TALK, ("es",), PROFILES["current"])["es"]

    def mean_s(heard: tuple[Arrival, ...]) -> float:
        lags = word_lags(SPOKEN, heard).lags_s
        return sum(lag_s for _, lag_s in lags) / len(lags)

    assert mean_s(slow) - mean_s(quick) == pytest.approx(2.3 - 0.76, abs=0.35)


def test_longer_clips_fall_behind_and_the_page_less_so() -> None:
    """A word a second, told of 2 s later, for 200 s, in clips of 0.9 s: a quarter longer is too
    long."""
    spoken = [SpokenWord(f"w{number}", 1000.0 * (number + 1)) for number in range(200)]
    arrivals = tuple(
        Arrival(1000.0 * number + 3_000, 1000.0 * number, (f"w{number}",), 0.9)
        for number in range(200)
    )
    assert [one.clip_s for one in longer(arrivals)] == [1.125] * 200
    found = figures("job", spoken, {"es": arrivals, "fr": arrivals})
    assert found["playout_job_lag_mean_s"] == 2.0
    assert found["playout_job_plain_heard_mean_s"] == 2.9
    assert found["playout_job_plain_heard_drift_s"] == 0.0
    plain = found["playout_job_plain_longer_clips_heard_drift_s"]
    page = found["playout_job_page_longer_clips_heard_drift_s"]
    assert plain == pytest.approx(0.125 * 180, abs=0.01)
    assert 0 < page < plain / 2


def test_a_talk_that_is_longer_than_the_tables_trust_a_count_is_heard_to_its_end() -> None:
    talk = write_talk(4, 90.0)
    heard = job_arrivals(talk, ("es",), PROFILES["current"])
    assert said(heard, "es") == [word.text for word in talk.words]
