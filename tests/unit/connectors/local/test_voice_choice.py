"""Who speaks a language's phrases while its own voice is now in time and now late."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.local.voice_choice import HOLD, MOST_HOLD, Turn, VoiceChoice

pytestmark = pytest.mark.unit

DEADLINE_S = 2.5


def turns(choice: VoiceChoice, count: int, expected_s: float = 0.0) -> list[Turn]:
    return [choice.turn(expected_s, is_idle=True) for _ in range(count)]


def trial_after(choice: VoiceChoice) -> int:
    """How many phrases the spare voice speaks until there is a trial."""
    for number in range(2 * MOST_HOLD):
        if choice.turn(0.0, is_idle=True) is Turn.TRIAL:
            return number
    raise AssertionError("no trial")


def test_a_voice_in_time_speaks_every_phrase() -> None:
    choice = VoiceChoice(DEADLINE_S)
    assert set(turns(choice, 50, DEADLINE_S)) == {Turn.OWN}
    assert choice.changes == 0


def test_after_a_late_phrase_the_spare_voice_keeps_the_floor() -> None:
    choice = VoiceChoice(DEADLINE_S)
    assert turns(choice, 1) == [Turn.OWN]
    choice.was_late()
    choice.was_late()
    assert turns(choice, HOLD) == [Turn.SPARE] * HOLD
    assert choice.changes == 1


def test_a_phrase_that_would_be_late_is_not_begun() -> None:
    choice = VoiceChoice(DEADLINE_S)
    assert turns(choice, 1, DEADLINE_S + 0.1) == [Turn.SPARE]
    assert turns(choice, 1, 0.1) == [Turn.SPARE]


def test_the_own_voice_comes_back_when_a_trial_took_half_the_deadline() -> None:
    choice = VoiceChoice(DEADLINE_S)
    choice.was_late()
    assert trial_after(choice) == HOLD
    assert turns(choice, 1) == [Turn.SPARE], "until the trial is over"
    choice.was_tried(DEADLINE_S / 2)
    assert turns(choice, 1) == [Turn.OWN]
    assert choice.changes == 2


def test_trials_that_take_longer_come_less_and_less_often() -> None:
    choice = VoiceChoice(DEADLINE_S)
    choice.was_late()
    waits: list[int] = []
    for _ in range(6):
        waits.append(trial_after(choice))
        choice.was_tried(DEADLINE_S / 2 + 0.01)
    assert waits == [8, 16, 32, 64, 64, 64]
    assert choice.changes == 1


def test_a_return_that_does_not_last_makes_the_next_one_rarer() -> None:
    choice = VoiceChoice(DEADLINE_S)
    choice.was_late()
    trial_after(choice)
    choice.was_tried(0.1)
    turns(choice, 2)
    choice.was_late()
    assert trial_after(choice) == 2 * HOLD
    choice.was_tried(0.1)
    turns(choice, 2 * HOLD)
    choice.was_late()
    assert trial_after(choice) == HOLD, "it lasted"


def test_a_voice_that_is_busy_is_not_tried() -> None:
    choice = VoiceChoice(DEADLINE_S)
    choice.was_late()
    assert {choice.turn(0.0, is_idle=False) for _ in range(3 * HOLD)} == {Turn.SPARE}
    assert choice.turn(0.0, is_idle=True) is Turn.TRIAL


def test_a_voice_late_for_every_second_phrase_is_no_second_speaker() -> None:
    """By phrases, it would have changed at each of them."""
    choice = VoiceChoice(DEADLINE_S)
    speakers: list[Turn] = []
    for number in range(200):
        turn = choice.turn(0.0, is_idle=True)
        is_late = number % 2 == 0
        if turn is Turn.OWN and is_late:
            choice.was_late()
        if turn is Turn.TRIAL:
            choice.was_tried(DEADLINE_S if is_late else DEADLINE_S / 3)
        speakers.append(Turn.OWN if turn is Turn.OWN and not is_late else Turn.SPARE)
    changes = sum(one is not other for one, other in pairwise(speakers))
    assert changes <= 2 * 200 / (2 * HOLD)
