"""A record has one reader for ever; parents come before children; nothing is lost in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, ShardRecord, StartAt, StartKind
from pipelines.log.shards import (
    LOSS_TOLD_AFTER_MS,
    ShardProgress,
    discovered,
    first_progress,
    inherited,
    lossy,
    marks,
    read_on,
    readable,
    readers_of,
    slice_of,
    untold,
)
from tests.unit.pipelines.log.shards_under_test import (
    HALF,
    HIGH,
    LOW,
    MERGED,
    TRIM_HORIZON,
    WHOLE,
    after,
    begun,
    saved,
)

pytestmark = pytest.mark.unit


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
