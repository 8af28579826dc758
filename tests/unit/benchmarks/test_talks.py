"""Talks have the rhythm that is claimed, and a recogniser hears every word of them."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

import pytest

from benchmarks.talks import Talk, write_talk
from connectors.testing.words import WordReader

pytestmark = pytest.mark.unit


def pauses_s(talk: Talk) -> list[float]:
    gaps = [later.start_s - earlier.end_s for earlier, later in pairwise(talk.words)]
    return [gap for gap in gaps if gap > 0]


def test_what_is_written_is_what_is_heard() -> None:
    talk = write_talk(3, 30.0)
    assert tuple(WordReader().read(talk.pcm)) == talk.words
    assert talk.duration_s == 30.0
    assert len({word.text for word in talk.words}) == len(talk.words)


def test_a_talk_is_a_function_of_its_number() -> None:
    assert write_talk(5, 10.0) == write_talk(5, 10.0)
    assert write_talk(5, 10.0).words != write_talk(6, 10.0).words


def test_a_longer_talk_begins_as_the_shorter_does() -> None:
    short, long = write_talk(2, 20.0), write_talk(2, 40.0)
    assert long.words[: len(short.words)] == short.words


def test_the_rate_lies_between_a_lecture_and_a_radio_talk() -> None:
    rates = [
        len(talk.words) / (talk.words[-1].end_s - talk.words[0].start_s)
        for talk in (write_talk(number, 120.0) for number in range(20))
    ]
    assert 2.3 < fmean(rates) < 2.6
    assert min(rates) > 2.1


def test_pauses_are_mostly_medium_some_brief_few_long() -> None:
    pauses = [pause for number in range(20) for pause in pauses_s(write_talk(number, 120.0))]
    brief = sum(pause < 0.2 for pause in pauses) / len(pauses)
    long = sum(pause > 1.0 for pause in pauses) / len(pauses)
    assert 0.15 < brief < 0.35
    assert 0.02 < long < 0.12


def test_a_spurt_is_about_five_words() -> None:
    talk = write_talk(1, 300.0)
    assert 4.5 < len(talk.words) / len(pauses_s(talk)) < 7.0


def test_twenty_minutes_do_not_run_out_of_words() -> None:
    with pytest.raises(ValueError, match="15000 words"):
        write_talk(0, 7_200.0)
    talk = write_talk(0, 1_200.0)
    assert len({word.text for word in talk.words}) == len(talk.words) > 2_700
