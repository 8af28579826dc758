"""The policies keep what was measured of them: talks in virtual time, with translations recorded
from a neural engine (benchmarks/score/material)."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.score.figures import Figures, figures
from benchmarks.score.likelihood import RecordedLikelihoods, token_likelihood
from benchmarks.score.talks import RecordedTranslations, read_material_talks
from benchmarks.score.virtual_talk import Lateness, Played, play
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend

pytestmark = pytest.mark.unit


def engine_of(release: str, pair: str) -> RecordedTranslations:
    kind = "continuations" if release == "prefix" else "translations"
    return RecordedTranslations(pair, kind=kind)


@cache
def played_talks(release: str, spend: str, pair: str, *, is_late: bool = False) -> list[Played]:
    settings = ReleaseSettings(ReleaseName(release), Spend(spend))
    translate = engine_of(release, pair)
    policy, lateness = settings.policy(continues=False), Lateness() if is_late else None
    source = pair.partition("-")[0]
    talks = read_material_talks(source)
    return [play(talk, policy, settings.pace, translate, lateness, source) for talk in talks]


@cache
def measured(release: str, spend: str, *, is_late: bool = False, pair: str = "en-pt") -> Figures:
    played = played_talks(release, spend, pair, is_late=is_late)
    return figures(played, engine_of(release, pair))


def test_swift_is_within_its_bars() -> None:
    found = measured("agreement", "swift")
    assert found.chrf >= 97.5
    assert found.delay_mean_s <= 1.6
    assert found.delay_p95_s <= 3.2
    assert found.contradicted <= 2.5
    assert found.cost <= 6.5
    assert found.phrase_words >= 4
    assert found.boundaries == 100


def test_from_portuguese_pronouns_come_later_and_are_contradicted_more_often() -> None:
    """As measured: bars of its own, in place of those above (docs/decisions/0019)."""
    found = measured("agreement", "swift", pair="pt-en")
    assert found.chrf >= 97.5
    assert found.delay_mean_s <= 1.75
    assert found.delay_p95_s <= 3.8
    assert found.contradicted <= 2.7
    assert found.phrase_words >= 4
    assert found.boundaries == 100


def test_from_portuguese_behind_a_recogniser_too() -> None:
    found = measured("agreement", "swift", is_late=True, pair="pt-en")
    assert found.chrf >= 97.5
    assert found.delay_mean_s <= 2.8
    assert found.delay_p95_s <= 4.9
    assert found.playout_mean_s <= 5.2


def test_balanced_spends_little_more_than_half_of_it() -> None:
    found = measured("agreement", "balanced")
    assert found.chrf >= 98
    assert found.delay_mean_s <= 2.0
    assert found.cost <= 4


def test_thrifty_spends_a_quarter() -> None:
    found = measured("agreement", "thrifty")
    assert found.chrf >= 98.5
    assert found.cost <= 2


def test_whole_sentences_are_the_ceiling_and_utterances_the_floor() -> None:
    whole, alone = measured("sentence", "swift"), measured("append", "swift")
    assert (round(whole.chrf), round(whole.cost, 2)) == (100, 1.0)
    assert whole.delay_mean_s > 2 * measured("agreement", "swift").delay_mean_s
    assert alone.chrf < 80


def test_behind_a_recogniser_it_gets_no_worse_but_later() -> None:
    found = measured("agreement", "swift", is_late=True)
    assert found.chrf >= 97.5
    assert found.delay_mean_s <= 2.6
    assert found.delay_p95_s <= 4.6
    assert found.voice_mean_s <= 2.9
    assert found.playout_mean_s <= 4.8
    assert found.seams >= 94
    assert found.phrase_words >= 4
    assert found.boundaries == 100


@pytest.mark.parametrize("pair", ["en-pt", "pt-en"])
def test_an_engine_that_continues_what_is_released_contradicts_nothing(pair: str) -> None:
    found = measured("prefix", "swift", pair=pair)
    assert found.chrf >= 97
    assert found.contradicted == 0


@pytest.mark.parametrize("pair", ["en-pt", "pt-en"])
def test_seams_of_an_engine_that_continues_are_likelier(pair: str) -> None:
    likelihood = RecordedLikelihoods(pair)
    prefix, agreement = (
        token_likelihood(played_talks(release, "swift", pair), likelihood)
        for release in ("prefix", "agreement")
    )
    assert prefix.mean > agreement.mean
    assert (prefix.at_seams or -9) > 0.5 * (agreement.at_seams or 0)
