"""A record has one reader for ever; parents come before children; nothing is lost in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, ShardRecord, StartAt, StartKind
from pipelines.reading.shards import (
    LOSS_TOLD_AFTER_MS,
    ShardProgress,
    discovered,
    first_progress,
    furthered,
    inherited,
    lossy,
    marks,
    read_on,
    readable,
    readers_of,
    rows_to_save,
    saved_position,
    slice_of,
    untold,
)

pytestmark = pytest.mark.unit

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
HALF = MAX_HASH_KEY // 2
WHOLE = Shard("whole", 0, MAX_HASH_KEY)
LOW = Shard("low", 0, HALF, ("whole",))
HIGH = Shard("high", HALF + 1, MAX_HASH_KEY, ("whole",))
MERGED = Shard("merged", 0, MAX_HASH_KEY, ("low", "high"))
NUMBERS = st.integers(0, 10**56).map(str)


def after(number: str) -> StartAt:
    return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, number)


def begun(*shards: Shard, start: StartAt = TRIM_HORIZON) -> dict[str, ShardProgress]:
    """One reader for all, without state."""
    return first_progress(start, 5_000, shards, {}, 0, 1)


def saved(rows: Mapping[str, str]) -> dict[str, ShardPosition]:
    return {key: ShardPosition(key, position, 500) for key, position in rows.items()}


def by_key(rows: Iterable[ShardPosition]) -> dict[str, ShardPosition]:
    return {row.shard_id: row for row in rows}


# Slices -------------------------------------------------------------------------------------------


@given(st.integers(1, 64))
def test_slices_cover_the_hash_space_exactly(readers: int) -> None:
    slices = [slice_of(reader, readers) for reader in range(readers)]
    assert slices[0].first == 0
    assert slices[-1].last == MAX_HASH_KEY
    for reader in range(1, readers):
        assert slices[reader].first == slices[reader - 1].last + 1
    assert readers_of(WHOLE, readers) == readers


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.integers(1, 64))
def test_a_session_has_one_reader(session_id: str, readers: int) -> None:
    own = [reader for reader in range(readers) if slice_of(reader, readers).holds(session_id)]
    assert len(own) == 1


def test_only_readers_that_overlap_a_shard_share_its_quota() -> None:
    quarter = Shard("quarter", 0, (MAX_HASH_KEY + 1) // 4 - 1)
    beyond = Shard("beyond", 0, (MAX_HASH_KEY + 1) // 4)
    assert [readers_of(quarter, readers) for readers in (1, 4, 8)] == [1, 1, 2]
    assert readers_of(beyond, 4) == 2


# Where a reader begins ----------------------------------------------------------------------------


def test_latest_is_the_time_of_the_first_listing() -> None:
    """So that a restart before the first record goes on there."""
    progress = begun(WHOLE, start=StartAt(StartKind.LATEST))
    assert progress["whole"].position == StartAt(StartKind.AT_TIMESTAMP, "5000")


@pytest.mark.parametrize("start", [StartAt(StartKind.AT_TIMESTAMP, "77"), TRIM_HORIZON])
def test_a_time_and_the_beginning_are_kept(start: StartAt) -> None:
    assert begun(WHOLE, start=start)["whole"].position == start


def test_a_resumed_reader_goes_on_at_saved_marks_and_begins_what_is_new() -> None:
    rows = saved({"whole/0-of-1": "123"})
    progress = first_progress(StartAt(StartKind.LATEST), 5_000, [WHOLE, LOW], rows, 0, 1)
    assert progress["whole"].position == after("123")
    assert progress["low"].position == TRIM_HORIZON
    assert readable(progress) == ("whole",)


def test_shards_of_other_slices_are_not_read() -> None:
    for reader, own in ((0, "low"), (1, "high")):
        assert set(first_progress(TRIM_HORIZON, 0, [LOW, HIGH], {}, reader, 2)) == {own}


# How the listing changes --------------------------------------------------------------------------


def test_a_child_waits_for_every_parent() -> None:
    progress = discovered(begun(LOW, HIGH), [LOW, HIGH, MERGED], 0, 1)
    assert readable(progress) == ("low", "high")
    progress["low"] = replace(progress["low"], finished=True)
    assert readable(progress) == ("high",)
    progress["high"] = replace(progress["high"], finished=True)
    assert readable(progress) == ("merged",)


def test_a_shard_waits_for_an_ancestor_whose_mark_went_back() -> None:
    """Its parent held nothing and is finished; what the ancestor holds comes first all the same."""
    progress = {
        "low": ShardProgress((), StartKind.TRIM_HORIZON.value, "9"),
        "merged": ShardProgress(("low",), StartKind.TRIM_HORIZON.value, finished=True),
        "newest": ShardProgress(("merged",), StartKind.TRIM_HORIZON.value),
    }
    assert readable(progress) == ("low",)
    progress["low"] = replace(progress["low"], finished=True)
    assert readable(progress) == ("newest",)


def test_a_shard_that_appears_is_read_from_its_beginning() -> None:
    progress = discovered(begun(WHOLE, start=StartAt(StartKind.LATEST)), [WHOLE, LOW], 0, 1)
    assert progress["low"] == ShardProgress(("whole",), StartKind.TRIM_HORIZON.value)


def test_a_finished_shard_is_forgotten_when_it_is_gone_and_never_read_again() -> None:
    progress = begun(WHOLE)
    progress["whole"] = replace(progress["whole"], sequence_number="9", finished=True)
    progress = discovered(progress, [WHOLE, LOW, HIGH], 0, 1)
    assert set(progress) == {"whole", "low", "high"}
    gone = discovered(progress, [LOW, HIGH], 0, 1)
    assert set(gone) == set(readable(gone)) == {"low", "high"}
    assert not any(each.after_loss for each in gone.values())
    back = discovered(gone, [WHOLE, LOW, HIGH], 0, 1)
    assert "whole" not in back, "an ancestor of what is read was done with before"


def test_after_a_parent_past_its_retention_children_are_read_as_after_a_loss() -> None:
    """It was not read to its end: what its sessions miss at the children's beginning is gone."""
    progress = begun(WHOLE)
    progress["whole"] = replace(progress["whole"], sequence_number="9")
    progress = discovered(progress, [LOW, HIGH], 0, 1)
    assert set(readable(progress)) == {"low", "high"}
    assert all(each.after_loss and each.position == TRIM_HORIZON for each in progress.values())


def test_children_that_waited_for_such_a_parent_are_read_after_a_loss_too() -> None:
    waiting = discovered(begun(WHOLE), [WHOLE, LOW, HIGH], 0, 1)
    assert readable(waiting) == ("whole",)
    progress = discovered(waiting, [LOW, HIGH], 0, 1)
    assert readable(progress) == ("low", "high")
    assert all(each.after_loss for each in progress.values())
    other = discovered(begun(WHOLE), [LOW, HIGH, Shard("other", 0, HALF)], 0, 1)
    assert not other["other"].after_loss


def test_a_merge_of_which_one_parent_is_gone_is_after_a_loss() -> None:
    progress = begun(LOW, HIGH)
    progress["low"] = replace(progress["low"], finished=True)
    assert discovered(progress, [LOW, MERGED], 0, 1)["merged"].after_loss
    progress["high"] = replace(progress["high"], finished=True)
    assert not discovered(progress, [LOW, MERGED], 0, 1)["merged"].after_loss


def test_a_child_of_a_shard_that_nobody_knew_of_is_after_a_loss() -> None:
    """While the job stood still, a shard appeared, split, and went past its retention."""
    read = begun(WHOLE)
    read["whole"] = replace(read["whole"], sequence_number="9", finished=True)
    lowest = Shard("lowest", 0, HALF // 2, ("low",))
    assert discovered(read, [WHOLE, lowest], 0, 1)["lowest"].after_loss
    assert not discovered(read, [WHOLE, LOW, lowest], 0, 1)["lowest"].after_loss
    assert discovered(read, [lowest], 0, 1)["lowest"].after_loss


def test_a_parent_that_others_read_is_not_lost() -> None:
    progress = first_progress(TRIM_HORIZON, 0, [LOW, HIGH], {}, 0, 2)
    progress["low"] = replace(progress["low"], finished=True)
    assert not discovered(progress, [LOW, HIGH, MERGED], 0, 2)["merged"].after_loss


def test_shards_whose_parents_were_gone_before_the_job_began_have_lost_nothing() -> None:
    progress = begun(LOW, HIGH)
    assert not any(each.after_loss for each in progress.values())
    assert discovered(progress, [LOW, HIGH], 0, 1) == progress


@pytest.mark.parametrize("rows", [{"whole/0-of-1": "9"}, {"whole/0-of-1": "9", "low/0-of-1": ""}])
def test_a_resumed_job_whose_shards_are_gone_reads_their_children_after_a_loss(
    rows: dict[str, str],
) -> None:
    progress = first_progress(TRIM_HORIZON, 0, [LOW, HIGH, MERGED], saved(rows), 0, 1)
    assert {shard_id for shard_id, each in progress.items() if each.after_loss} == set(progress)
    there = first_progress(TRIM_HORIZON, 0, [WHOLE, LOW, HIGH], saved(rows), 0, 1)
    assert not any(each.after_loss for each in there.values())
    begun_since = saved({**rows, "low/0-of-1": "12"})
    assert not first_progress(TRIM_HORIZON, 0, [LOW], begun_since, 0, 1)["low"].after_loss


def test_shards_of_other_slices_are_not_discovered() -> None:
    progress = first_progress(TRIM_HORIZON, 0, [WHOLE], {}, 0, 2)
    assert set(discovered(progress, [WHOLE, LOW, HIGH], 0, 2)) == {"whole", "low"}


# Marks --------------------------------------------------------------------------------------------


def test_a_mark_is_in_front_of_the_oldest_record_that_is_not_covered() -> None:
    progress = begun(WHOLE, LOW)
    progress["whole"] = replace(progress["whole"], sequence_number="9", finished=True)
    found = marks(progress, {"whole": "7"})
    assert found["whole"].position == after("7")
    assert not found["whole"].finished, "its end is read again"
    assert found["low"] == progress["low"]
    assert readable(found) == ("whole",)


def test_a_mark_before_the_first_record_is_where_reading_began() -> None:
    start = StartAt(StartKind.AT_TIMESTAMP, "77")
    progress = begun(WHOLE, start=start)
    progress["whole"] = replace(progress["whole"], sequence_number="9")
    assert marks(progress, {"whole": ""})["whole"].position == start


def test_without_open_records_the_marks_are_where_reading_is() -> None:
    progress = begun(WHOLE)
    assert marks(progress, {}) == progress
    assert marks(progress, {"of-another": "7"}) == progress


# Losses -------------------------------------------------------------------------------------------


def record(number: int, at_ms: int) -> ShardRecord:
    return ShardRecord("key", str(number), at_ms, b"")


def test_a_loss_is_told_by_the_children_of_its_shard_too() -> None:
    """A session that says nothing between the loss and the split would wait for ever."""
    progress = begun(WHOLE, LOW, MERGED)
    progress["whole"] = lossy(replace(progress["whole"], sequence_number="9"))
    assert all(each.after_loss for each in inherited(progress).values())
    assert all(each.after_loss for each in discovered(progress, [WHOLE, LOW, HIGH], 0, 1).values())


def test_a_child_that_has_told_what_it_inherited_inherits_no_more() -> None:
    progress = begun(WHOLE, LOW)
    progress["whole"] = lossy(replace(progress["whole"], sequence_number="9", finished=True))
    progress["low"] = replace(progress["low"], sequence_number="12")
    assert not inherited(progress)["low"].after_loss
    progress["whole"] = replace(progress["whole"], finished=False)  # its mark went back
    assert inherited(progress)["low"].after_loss


def test_a_loss_is_told_once_an_hour_of_the_log_after_it_is_covered() -> None:
    at = lossy(replace(begun(WHOLE)["whole"], sequence_number="9"))
    hour = LOSS_TOLD_AFTER_MS
    at = read_on(at, [record(20, 5_000), record(21, 6_000), record(22, 4_999 + hour)])
    assert (at.sequence_number, at.loss_ends) == ("22", "")
    assert untold({"whole": at}) == {"whole": at}
    at = read_on(at, [record(23, 5_000 + hour), record(24, 6_000 + hour)])
    assert (at.sequence_number, at.loss_ends) == ("24", "22")
    before = replace(at, sequence_number="21")
    assert untold({"whole": before})["whole"].after_loss, "a record is open that may tell of it"
    assert untold({"whole": at})["whole"] == replace(begun(WHOLE)["whole"], sequence_number="24")


def test_a_loss_is_kept_for_children_and_while_parents_are_not_covered() -> None:
    told = replace(begun(WHOLE)["whole"], sequence_number="9", after_loss=True, loss_ends="9")
    finished = {"whole": replace(told, finished=True)}
    assert untold(finished) == finished
    child = replace(told, parents=("whole",))
    assert not untold({**finished, "low": child})["low"].after_loss
    assert untold({"whole": told, "low": child})["low"].after_loss


def test_records_before_any_loss_leave_no_trace() -> None:
    at = begun(WHOLE)["whole"]
    read = read_on(at, [record(20, 5_000), record(21, 5_000 + 2 * LOSS_TOLD_AFTER_MS)])
    assert read == replace(at, sequence_number="21")
    assert read_on(read, []) == read


def test_another_loss_begins_anew() -> None:
    at = replace(begun(WHOLE)["whole"], after_loss=True, loss_from_ms=7, loss_ends="9")
    assert (lossy(at).loss_from_ms, lossy(at).loss_ends) == (0, "")


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
