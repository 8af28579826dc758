"""Saved rows of readers: where a job resumes, with as many readers, more or fewer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import StartAt, StartKind
from pipelines.log.shards import (
    first_progress,
    furthered,
    rows_to_save,
    saved_position,
    slice_of,
)
from tests.unit.pipelines.log.shards_under_test import (
    HIGH,
    LOW,
    NUMBERS,
    WHOLE,
    begun,
    by_key,
    saved,
)

pytestmark = pytest.mark.unit


# Saved rows ---------------------------------------------------------------------------------------


def test_rows_name_the_reader_and_how_many_there_are() -> None:
    progress = begun(WHOLE, LOW, start=StartAt(StartKind.AT_TIMESTAMP, "77"))
    progress["low"] = replace(progress["low"], sequence_number="9")
    assert rows_to_save(progress, 2, 4, 600) == (
        ShardPosition("whole/2-of-4", "@77", 600),
        ShardPosition("low/2-of-4", "9", 600),
    )
    assert rows_to_save(begun(WHOLE), 0, 1, 600) == (ShardPosition("whole/0-of-1", "", 600),)


def test_a_job_that_had_read_nothing_resumes_where_it_began() -> None:
    rows = by_key(rows_to_save(begun(WHOLE, start=StartAt(StartKind.LATEST)), 0, 1, 0))
    resumed = first_progress(StartAt(StartKind.LATEST), 9_000, [WHOLE], rows, 0, 1)
    assert resumed["whole"].position == StartAt(StartKind.AT_TIMESTAMP, "5000")


def test_of_rows_without_the_number_of_readers_the_earliest_of_all_counts() -> None:
    """As 9bc5d6e wrote them: a reader's own row may be ahead of one whose records are its own by
    now."""
    rows = saved({"whole/0": "30", "whole/1": "9", "low/0": "50"})
    for reader in range(4):
        assert saved_position(rows, WHOLE, reader, 4) == "9", "as numbers, not as text"
    assert saved_position(rows, LOW, 0, 4) == "50"
    assert saved_position(rows, HIGH, 3, 4) == ""


def test_a_shard_that_a_reader_had_not_begun_is_begun() -> None:
    assert saved_position(saved({"whole/0": "30", "whole/1": ""}), WHOLE, 0, 2) == ""
    assert saved_position(saved({"whole/0-of-2": "30"}), WHOLE, 1, 2) == "", "no row of reader 1"


def test_fewer_readers_go_on_at_the_earliest_of_those_they_replace() -> None:
    rows = saved({f"whole/{reader}-of-4": str(10 * (reader + 1)) for reader in range(4)})
    assert [saved_position(rows, WHOLE, reader, 2) for reader in range(2)] == ["10", "30"]
    assert saved_position(rows, WHOLE, 0, 1) == "10"


def test_more_readers_go_on_where_the_one_was_that_had_their_slice() -> None:
    rows = saved({"whole/0-of-2": "10", "whole/1-of-2": "30"})
    found = [saved_position(rows, WHOLE, reader, 4) for reader in range(4)]
    assert found == ["10", "10", "30", "30"]


def test_readers_beside_the_shard_do_not_count() -> None:
    rows = saved({"low/0-of-4": "10", "low/1-of-4": "30"})
    assert saved_position(rows, LOW, 0, 1) == "10"
    assert saved_position(rows, LOW, 0, 2) == "10"


def test_a_layout_with_a_row_missing_says_nothing() -> None:
    rows = saved({"whole/0-of-4": "10", "whole/0-of-1": "5"})
    assert saved_position(rows, WHOLE, 0, 2) == "5"


def test_of_layouts_the_furthest_holds() -> None:
    """Each was true when it was written, and stays so."""
    rows = saved(
        {
            "whole/0-of-4": "10",
            "whole/1-of-4": "20",
            "whole/2-of-4": "10",
            "whole/3-of-4": "11",
            "whole/0-of-2": "100",
            "whole/1-of-2": "9",
            "whole/0-of-1": "@77",
        }
    )
    assert [saved_position(rows, WHOLE, reader, 2) for reader in range(2)] == ["100", "10"]


def test_a_mark_counts_more_than_a_row_of_before_there_were_any() -> None:
    """An old job that was not stopped writes where it was a minute ago, covered or not."""
    rows = saved({"whole/0": "30", "whole/1": "40", "whole/0-of-2": "10"})
    assert [saved_position(rows, WHOLE, reader, 2) for reader in range(2)] == ["10", "30"]
    behind = {"whole": replace(begun(WHOLE)["whole"], sequence_number="8")}
    assert furthered(behind, [WHOLE], rows, 0, 2)["whole"].sequence_number == "10"


def test_a_time_is_further_than_the_beginning_and_less_than_a_record() -> None:
    def position(*positions: str) -> str:
        rows = {f"whole/0-of-{number + 1}": each for number, each in enumerate(positions)}
        rows |= {f"whole/1-of-{number + 1}": each for number, each in enumerate(positions)}
        rows |= {f"whole/2-of-{number + 1}": each for number, each in enumerate(positions)}
        return saved_position(saved(rows), WHOLE, 0, 1)

    assert position("", "@77") == "@77"
    assert position("@77", "@8", "1") == "1"
    assert position("@77", "@100") == "@100"


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_no_reader_resumes_after_a_record_that_its_reader_had_not_covered(
    before: int, now: int, data: st.DataObject
) -> None:
    """Whatever the numbers of readers: a session's new reader begins no later than its old one."""
    positions = data.draw(st.lists(NUMBERS, min_size=before, max_size=before))
    rows = saved({f"whole/{number}-of-{before}": each for number, each in enumerate(positions)})
    for key in (f"session-{number}" for number in range(20)):
        old = next(each for each in range(before) if slice_of(each, before).holds(key))
        new = next(each for each in range(now) if slice_of(each, now).holds(key))
        assert int(saved_position(rows, WHOLE, new, now)) <= int(positions[old])


# A state that is older than the table -------------------------------------------------------------


def test_a_state_that_went_back_is_moved_on_to_what_was_saved() -> None:
    progress = begun(WHOLE, LOW, start=StartAt(StartKind.AT_TIMESTAMP, "77"))
    progress["whole"] = replace(progress["whole"], sequence_number="9")
    rows = saved({"whole/0-of-1": "10", "low/0-of-1": "3", "high/0-of-1": "8"})
    moved = furthered(progress, [WHOLE, LOW, HIGH], rows, 0, 1)
    assert moved == {
        "whole": replace(progress["whole"], sequence_number="10"),
        "low": replace(progress["low"], sequence_number="3"),
    }


@pytest.mark.parametrize("row", ["", "@9000", "8", "9"])
def test_a_state_that_is_as_far_stays_where_it_is(row: str) -> None:
    progress = begun(WHOLE)
    progress["whole"] = replace(progress["whole"], sequence_number="9")
    assert furthered(progress, [WHOLE], saved({"whole/0-of-1": row}), 0, 1) == progress


def test_without_rows_a_state_stays_where_it_is() -> None:
    progress = begun(WHOLE)
    assert furthered(progress, [WHOLE], {}, 0, 1) == progress
