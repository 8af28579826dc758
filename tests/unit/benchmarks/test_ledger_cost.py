"""Units of DynamoDB for an utterance: sizes by hand, and where a row begins its second KB."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.cost.ledger import (
    UNIT_BYTES,
    head_units,
    rows,
    stored_bytes,
    units_per_utterance,
)

pytestmark = pytest.mark.unit


def test_an_item_is_as_long_as_its_names_and_values() -> None:
    assert stored_bytes({"text": {"S": "así"}}) == 4 + 4
    assert stored_bytes({"n": {"N": "1234"}}) == 1 + 3
    assert stored_bytes({"n": {"N": "12345"}}) == 1 + 4
    assert stored_bytes({"told": {"BOOL": True}}) == 4 + 1
    assert stored_bytes({"m": {"M": {"es": {"S": "xy"}}}}) == 1 + 3 + 1 + 2 + 2
    assert stored_bytes({"l": {"L": [{"S": "xy"}, {"S": "z"}]}}) == 1 + 3 + 1 + 2 + 1 + 1
    with pytest.raises(ValueError, match="NULL"):
        stored_bytes({"n": {"NULL": True}})


@pytest.mark.parametrize("languages", [0, 1, 2, 5])
def test_a_short_utterance_is_one_commit_and_an_update_a_language(languages: int) -> None:
    assert units_per_utterance(languages, 25, 30) == 1 + languages


def test_a_row_grows_with_each_write() -> None:
    sizes = [stored_bytes(row) for row in rows(3, 25, 30)]
    assert len(sizes) == 4
    assert all(later > earlier for earlier, later in pairwise(sizes))


def test_a_full_sentence_in_four_languages_fits_into_one_unit() -> None:
    assert max(stored_bytes(row) for row in rows(4, 70, 75)) <= UNIT_BYTES


def test_a_row_over_a_kb_costs_two_units_a_write() -> None:
    assert stored_bytes(next(rows(1, 1_000, 10))) > UNIT_BYTES
    assert units_per_utterance(1, 1_000, 10) == 4


@pytest.mark.parametrize(("languages", "units_each"), [(0, 1), (2, 1), (10, 1), (50, 2)])
def test_a_session_saves_a_head_every_three_seconds(languages: int, units_each: int) -> None:
    assert head_units(languages, 60.0) == 20 * units_each
