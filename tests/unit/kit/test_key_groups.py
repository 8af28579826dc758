"""Keys that a job makes up are dealt out evenly, at every parallelism."""

from __future__ import annotations

from collections import Counter

import pytest

from beam_flink_kit.key_groups import KEY_GROUPS, key_group, spread_keys

pytestmark = pytest.mark.unit


def subtask(key: str, parallelism: int) -> int:
    """``KeyGroupRangeAssignment.computeOperatorIndexForKeyGroup``."""
    return key_group(key) * parallelism // KEY_GROUPS


@pytest.mark.parametrize("parallelism", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("keys", [1, 4, 8, 16, 24])
def test_no_subtask_has_more_than_one_key_over_its_share(keys: int, parallelism: int) -> None:
    dealt = Counter(subtask(key, parallelism) for key in spread_keys(keys))
    shares = [dealt[each] for each in range(parallelism)]
    assert sum(shares) == keys
    assert max(shares) - min(shares) <= 1


def test_plain_numbers_would_leave_a_subtask_idle() -> None:
    assert {subtask(str(key), 4) for key in range(4)} == {0, 1, 3}


def test_names_are_different_and_the_same_at_every_start() -> None:
    assert len(set(spread_keys(64))) == 64
    spread_keys.cache_clear()
    assert spread_keys(4) == spread_keys(4)


def test_more_keys_than_key_groups_are_plain_numbers() -> None:
    assert spread_keys(KEY_GROUPS + 1) == tuple(str(key) for key in range(KEY_GROUPS + 1))
