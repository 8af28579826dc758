"""A record has one reader for ever; parents come before children; nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines.core.reading import (
    ReaderState,
    discovered,
    first_state,
    position_to_save,
    read_through,
    readers_of,
    remembered,
    rows_to_save,
    saved_position,
    slice_of,
)

from connectors.positions import ShardPosition
from connectors.shard_source import MAX_HASH_KEY, Shard, StartAt, StartKind
from pipelines.coders import ValueCoder

pytestmark = pytest.mark.unit

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
STATE_CODER = ValueCoder(ReaderState)
WHOLE = Shard("whole", 0, MAX_HASH_KEY)


@settings(deadline=None)
@given(st.integers(1, 64))
def test_slices_cover_the_hash_space_exactly(readers: int) -> None:
    slices = [slice_of(reader, readers) for reader in range(readers)]
    assert slices[0].first == 0
    assert slices[-1].last == MAX_HASH_KEY
    for reader in range(1, readers):
        assert slices[reader].first == slices[reader - 1].last + 1
    assert readers_of(WHOLE, readers) == readers


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.integers(1, 64))
def test_a_session_has_one_reader(session_id: str, readers: int) -> None:
    own = [reader for reader in range(readers) if slice_of(reader, readers).holds(session_id)]
    assert len(own) == 1


def test_only_readers_that_overlap_a_shard_share_its_quota() -> None:
    quarter = Shard("quarter", 0, (MAX_HASH_KEY + 1) // 4 - 1)
    beyond = Shard("beyond", 0, (MAX_HASH_KEY + 1) // 4)
    assert [readers_of(quarter, readers) for readers in (1, 4, 8)] == [1, 1, 2]
    assert readers_of(beyond, 4) == 2


# Where a reader begins ----------------------------------------------------------------------


def test_latest_is_the_time_of_the_first_listing() -> None:
    state = first_state(StartAt(StartKind.LATEST), 5_000, [WHOLE], {}, slice_of(0, 1))
    assert state.shards["whole"].position == StartAt(StartKind.AT_TIMESTAMP, "5000")
    assert state.since_ms == 5_000


def test_a_time_and_the_beginning_are_kept() -> None:
    at = StartAt(StartKind.AT_TIMESTAMP, "77")
    state = first_state(at, 5_000, [WHOLE], {}, slice_of(0, 1))
    assert (state.shards["whole"].position, state.since_ms) == (at, 77)
    state = first_state(TRIM_HORIZON, 5_000, [WHOLE], {}, slice_of(0, 1))
    assert (state.shards["whole"].position, state.since_ms) == (TRIM_HORIZON, 0)


def test_a_resumed_reader_goes_on_at_saved_positions_and_begins_what_is_new() -> None:
    new = Shard("new", 0, 9, ("whole",))
    state = first_state(
        StartAt(StartKind.AT_TIMESTAMP, "77"), 5, [WHOLE, new], {"whole": "123"}, slice_of(0, 1)
    )
    after = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, "123")
    assert state.shards["whole"].position == after
    assert state.shards["new"].position == TRIM_HORIZON
    assert state.readable() == ("whole",)


def test_shards_of_other_slices_are_not_read() -> None:
    shards = [Shard("low", 0, 9), Shard("high", MAX_HASH_KEY - 9, MAX_HASH_KEY)]
    assert set(first_state(TRIM_HORIZON, 0, shards, {}, slice_of(0, 2)).shards) == {"low"}
    assert set(first_state(TRIM_HORIZON, 0, shards, {}, slice_of(1, 2)).shards) == {"high"}


# How the listing changes --------------------------------------------------------------------


def test_a_child_waits_for_every_parent() -> None:
    half = MAX_HASH_KEY // 2
    low, high = Shard("low", 0, half), Shard("high", half + 1, MAX_HASH_KEY)
    merged = Shard("merged", 0, MAX_HASH_KEY, ("low", "high"))
    share = slice_of(0, 1)
    state = first_state(TRIM_HORIZON, 0, [low, high], {}, share)
    state = discovered(state, [low, high, merged], share)
    assert state.readable() == ("low", "high")
    state = state.advanced("low", sequence_number="1", read_through_ms=5, finished=True)
    assert state.readable() == ("high",)
    state = state.advanced("high", sequence_number="", read_through_ms=5, finished=True)
    assert state.readable() == ("merged",)


def test_finished_shards_are_forgotten_when_they_are_gone_and_never_read_again() -> None:
    half = MAX_HASH_KEY // 2
    children = [
        Shard("a", 0, half, ("whole",)),
        Shard("b", half + 1, MAX_HASH_KEY, ("whole",)),
    ]
    share = slice_of(0, 1)
    state = first_state(TRIM_HORIZON, 0, [WHOLE], {}, share)
    state = state.advanced("whole", sequence_number="9", read_through_ms=5, finished=True)
    state = discovered(state, [WHOLE, *children], share)
    assert set(state.shards) == {"whole", "a", "b"}
    gone = discovered(state, children, share)
    assert set(gone.shards) == {"a", "b"}
    assert gone.readable() == ("a", "b")
    back = discovered(gone, [WHOLE, *children], share)
    assert "whole" not in back.shards, "an ancestor of what is read was done with before"


def test_a_listing_that_forgets_an_unfinished_shard_loses_nothing() -> None:
    state = first_state(TRIM_HORIZON, 0, [WHOLE], {}, slice_of(0, 1))
    state = state.advanced("whole", sequence_number="9", read_through_ms=5, finished=False)
    assert discovered(state, [], slice_of(0, 1)).shards == state.shards


def test_a_listing_that_tells_nothing_new_changes_nothing() -> None:
    state = first_state(TRIM_HORIZON, 0, [WHOLE], {}, slice_of(0, 1))
    assert discovered(state, [WHOLE], slice_of(0, 1)) is state


def test_progress_never_goes_back() -> None:
    state = first_state(TRIM_HORIZON, 0, [WHOLE], {}, slice_of(0, 1))
    state = state.advanced("whole", sequence_number="9", read_through_ms=500, finished=False)
    state = state.advanced("whole", sequence_number="", read_through_ms=400, finished=False)
    assert state.shards["whole"].read_through_ms == 500
    assert state.shards["whole"].position == StartAt(StartKind.AFTER_SEQUENCE_NUMBER, "9")
    assert STATE_CODER.decode(STATE_CODER.encode(state)) == state


# Saved positions ----------------------------------------------------------------------------


def rows(**by_name: tuple[str, int]) -> Mapping[str, ShardPosition]:
    """``s_0=("12", 500)``: reader 0 is at 12 of shard s, which is read through 500."""
    names = {name.replace("_", "/"): row for name, row in by_name.items()}
    return {name: ShardPosition(name, *row) for name, row in names.items()}


def test_a_resumed_reader_takes_a_position_that_no_reader_had_to_reach() -> None:
    """Slices move with the number of readers: one's own row may be ahead of a neighbour's, whose
    records are now one's own."""
    saved = rows(s_0=("30", 1), s_1=("9", 1), t_0=("50", 1))
    assert saved_position(saved, "s") == "9", "as numbers, not as text"
    assert saved_position(saved, "t") == "50"
    assert saved_position(saved, "u") == ""


def test_a_job_that_had_read_nothing_resumes_where_it_began() -> None:
    begun = first_state(StartAt(StartKind.AT_TIMESTAMP, "77"), 80, [WHOLE], {}, slice_of(0, 1))
    position = position_to_save(begun.shards["whole"])
    saved = {
        f"whole/{reader}": ShardPosition("", each, 0) for reader, each in enumerate((position, "9"))
    }
    resumed = first_state(
        TRIM_HORIZON, 500, [WHOLE], {"whole": saved_position(saved, "whole")}, slice_of(0, 1)
    )
    assert resumed.shards["whole"].position == StartAt(StartKind.AT_TIMESTAMP, "77")
    assert resumed.since_ms == 500, "who speaks already is in the middle, not behind a hole"


def test_what_is_saved_is_a_minute_old_or_the_beginning() -> None:
    state = first_state(StartAt(StartKind.AT_TIMESTAMP, "77"), 0, [WHOLE], {}, slice_of(0, 1))
    saved: list[str] = []
    for second in range(0, 150, 5):
        state = remembered(state, second * 1000)
        saved += [row.sequence_number for row in rows_to_save(state, 3)]
        state = state.advanced(
            "whole", sequence_number=f"{second}", read_through_ms=second, finished=False
        )
    assert saved[:15] == ["@77"] * 15, "for 75 s where it began"
    assert saved[15:] == [f"{10 + 15 * (number // 3)}" for number in range(15)]
    assert len(state.past) <= 6


def test_a_new_worker_saves_what_the_state_remembers() -> None:
    """Its own minute has not begun, but the job's has."""
    state = first_state(StartAt(StartKind.AT_TIMESTAMP, "77"), 0, [WHOLE], {}, slice_of(0, 1))
    restored = ValueCoder(ReaderState).decode(ValueCoder(ReaderState).encode(remembered(state, 0)))
    assert [row.sequence_number for row in rows_to_save(restored, 0)] == ["@77"]


def test_a_shard_that_somebody_had_not_begun_is_begun() -> None:
    assert saved_position(rows(s_0=("30", 1), s_1=("", 1)), "s") == ""


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20), st.integers(1, 9))
def test_a_session_is_read_through_as_far_as_its_reader(session_id: str, readers: int) -> None:
    own = next(each for each in range(readers) if slice_of(each, readers).holds(session_id))
    saved = {
        f"{shard}/{reader}": ShardPosition("", "", 100 + number if reader == own else 7)
        for number, shard in enumerate(("s", "t"))
        for reader in range(readers)
    }
    assert read_through(saved, session_id, readers) == 100
    assert read_through({}, session_id, readers) == 0
