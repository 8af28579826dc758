"""A listener knows what it is missing by the chain of previous numbers, and asks for it in time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ingest_gateway.client.received_numbers import (
    ASKED_EVERY_AT_MOST_S,
    FIRST_ASKED_AFTER_S,
    ReceivedNumbers,
)

pytestmark = pytest.mark.unit


def received(*pairs: tuple[int, int | None], joined_after: int = -1) -> ReceivedNumbers:
    numbers = ReceivedNumbers(joined_after)
    for number, previous in pairs:
        assert numbers.add(number, previous)
    return numbers


def test_a_repeat_is_not_new() -> None:
    numbers = received((4, None))
    assert not numbers.add(4, None)


def test_numbers_of_other_languages_are_no_hole() -> None:
    numbers = received((2, None), (5, 2), (6, 5))
    assert numbers.complete_until() == 6
    assert not numbers.is_to_ask(100.0)


def test_the_chain_ends_before_what_did_not_come() -> None:
    assert received((2, None), (6, 5)).complete_until() == 2


def test_who_joined_late_misses_nothing_of_before() -> None:
    assert received((9, 7), joined_after=7).complete_until() == 9
    assert received(joined_after=7).complete_until() == 7


def test_a_hole_is_asked_for_when_it_has_stayed_and_then_less_and_less_often() -> None:
    numbers = received((2, None), (6, 5))
    asked = [second for second in range(200) if numbers.is_to_ask(float(second))]
    waits = [after - before for before, after in pairwise(asked)]
    assert asked[0] == FIRST_ASKED_AFTER_S
    assert waits[:3] == [6, 12, 24]
    assert max(waits) == ASKED_EVERY_AT_MOST_S


def test_a_hole_that_closes_by_itself_is_not_asked_for() -> None:
    numbers = received((2, None), (6, 5))
    assert not numbers.is_to_ask(0.0)
    numbers.add(5, 2)
    assert not numbers.is_to_ask(60.0)


def test_the_next_hole_is_asked_for_as_soon_as_the_first() -> None:
    numbers = received((2, None), (6, 5))
    assert [numbers.is_to_ask(at) for at in (0.0, 3.0, 9.0)] == [False, True, True]
    numbers.add(5, 2)
    assert not numbers.is_to_ask(10.0)
    numbers.add(8, 7)
    assert [numbers.is_to_ask(at) for at in (20.0, 22.9, 23.0)] == [False, False, True]
