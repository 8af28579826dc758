"""Names that Flink deals out evenly, whatever the parallelism."""

from __future__ import annotations

from collections import Counter

import pytest

from beam_flink_kit.key_groups import KEY_GROUPS, key_group, spread_keys

pytestmark = pytest.mark.unit

ALTERNATING = ("0", "1", "3", "2", "4", "5", "6", "7", "11", "8", "12", "9", "13", "10", "14", "15")
"""As a job with parallelism 2 dealt them out on Flink, from subtask 1 on."""


def subtask(key: str, parallelism: int) -> int:
    """As ``KeyGroupRangeAssignment`` has it."""
    return key_group(key) * parallelism // KEY_GROUPS


def test_key_groups_are_those_of_flink() -> None:
    assert [subtask(key, 2) for key in ALTERNATING] == [1, 0] * 8


@pytest.mark.parametrize("keys", [8, 16, 64, 128])
@pytest.mark.parametrize("parallelism", [1, 2, 4, 8])
def test_keys_spread_evenly(keys: int, parallelism: int) -> None:
    dealt = Counter(subtask(key, parallelism) for key in spread_keys(keys))
    assert dealt == dict.fromkeys(range(parallelism), keys // parallelism)


@pytest.mark.parametrize("keys", [1, 2, 3, 4, 5, 7, 12, 100])
@pytest.mark.parametrize("parallelism", [1, 2, 4, 8])
def test_no_subtask_has_two_keys_more_than_another(keys: int, parallelism: int) -> None:
    dealt = Counter(subtask(key, parallelism) for key in spread_keys(keys))
    counts = [dealt[each] for each in range(parallelism)]
    assert max(counts) - min(counts) <= 1


def test_plain_numbers_would_leave_a_subtask_idle() -> None:
    assert {subtask(str(key), 4) for key in range(4)} == {0, 1, 3}


@pytest.mark.parametrize("keys", [1, 2, 4, 128, 129, 1_000])
def test_every_key_has_a_name_of_its_own(keys: int) -> None:
    assert len(set(spread_keys(keys))) == keys


def test_names_lie_in_the_order_of_their_key_groups() -> None:
    """So that reader 0 of eight is where reader 0 of four was, or beside it."""
    groups = [key_group(key) for key in spread_keys(16)]
    assert groups == sorted(groups)


def test_names_are_the_same_in_every_process() -> None:
    """State is found again under them."""
    assert spread_keys(4) == ("47", "261", "12", "68")
