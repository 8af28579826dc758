from __future__ import annotations

import pytest

from local_stack.guard import groups_left

pytestmark = pytest.mark.unit


def test_what_was_started_last_is_stopped_first() -> None:
    assert groups_left(["+10\n", "+20\n"]) == [20, 10]


def test_what_was_stopped_is_left_alone() -> None:
    assert groups_left(["+10\n", "+20\n", "-10\n"]) == [20]


def test_stopping_what_was_never_started_changes_nothing() -> None:
    assert groups_left(["-10\n", "+20\n"]) == [20]
