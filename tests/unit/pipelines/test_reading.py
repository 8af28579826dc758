"""A record has one reader for ever; parents come before children; nothing twice, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import RetryableError
from connectors.positions import ShardPosition
from connectors.scripted_shard_source import ScriptedShardSource
from connectors.shard_source import MAX_HASH_KEY, Shard, StartAt, StartKind
from pipelines.coders import ValueCoder
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
from pipelines.worker.reading import ShardReader
from tests.unit.pipelines.session_under_test import START_MS, Stage

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


# The whole way: readers over a stream that reshards ------------------------------------------


class Poller:
    """What ``PollShards`` does for its readers; a reader's state may go back."""

    def __init__(self, stage: Stage, readers: int, saved: Mapping[str, str] | None = None) -> None:
        self._stage = stage
        self._readers = readers
        self._saved = saved or {}
        self.ahead = [ShardReader(stage.loop, stage.connectors) for _ in range(readers)]
        self.states: list[ReaderState | None] = [None] * readers
        self.got: list[list[bytes]] = [[] for _ in range(readers)]

    def tick(self, for_ms: int = 200) -> None:
        loop = self._stage.loop
        loop.advance(loop.now_ms() + for_ms)
        for number, reader in enumerate(self.ahead):
            share = slice_of(number, self._readers)
            shards = reader.listed_shards()
            if shards is None:
                continue
            state = self.states[number]
            if state is None:
                state = first_state(TRIM_HORIZON, loop.now_ms(), shards, self._saved, share)
            state = discovered(state, shards, share)
            readable = state.readable()
            reader.forget_all_but(readable)
            for shard_id in readable:
                for batch in reader.take(shard_id, state.shards[shard_id].position, 1):
                    state = state.advanced(
                        shard_id,
                        sequence_number=batch.last,
                        read_through_ms=batch.read_through_ms,
                        finished=batch.finished,
                    )
                    self.got[number] += [
                        record.data for record in batch.records if share.holds(record.partition_key)
                    ]
            self.states[number] = STATE_CODER.decode(STATE_CODER.encode(state))

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def everything(self) -> list[bytes]:
        return [data for got in self.got for data in got]

    def close(self) -> None:
        for reader in self.ahead:
            reader.close()


class Stream:
    """A stream in virtual time, and every record that was put, by key."""

    def __init__(self, shards: int = 1, *, read_every_s: float = 0.2) -> None:
        self.now_ms = lambda: START_MS
        self.source = ScriptedShardSource(
            shards, now_ms=lambda: self.now_ms(), read_every_s=read_every_s
        )
        self.stage = Stage(source=self.source)
        self.now_ms = self.stage.loop.now_ms
        self.put_by_key: dict[str, list[bytes]] = {}

    def put(self, key: str) -> None:
        mine = self.put_by_key.setdefault(key, [])
        mine.append(f"{key}:{len(mine)}".encode())
        self.source.put(key, mine[-1])

    def open_ids(self) -> list[str]:
        """Open shards by their place in the hash space."""
        shards = self.stage.loop.wait(self.stage.loop.start(self.source.list_shards()))
        parents = {parent for shard in shards for parent in shard.parent_ids}
        leaves = [shard for shard in shards if shard.shard_id not in parents]
        return [shard.shard_id for shard in sorted(leaves, key=lambda each: each.first_hash)]

    def check(self, poller: Poller) -> None:
        """Each record once, by its own reader, each key in order."""
        got = poller.everything()
        assert sorted(got) == sorted(data for mine in self.put_by_key.values() for data in mine)
        for key, mine in self.put_by_key.items():
            prefix = f"{key}:".encode()
            assert [data for data in got if data.startswith(prefix)] == mine


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), readers=st.integers(1, 4), shards=st.integers(1, 3))
def test_nothing_is_lost_or_read_twice_whatever_the_stream_does(
    seed: int, readers: int, shards: int
) -> None:
    chance = random.Random(seed)
    stream = Stream(shards)
    poller = Poller(stream.stage, readers)
    for _ in range(40):
        stream.put(f"key-{chance.randrange(12)}")
        match chance.choice(["split", "merge", "throttle", "expire", "tick", "tick", "put"]):
            case "split" if len(stream.open_ids()) < 5:
                stream.source.split(chance.choice(stream.open_ids()))
            case "merge":
                ids = stream.open_ids()
                if len(ids) > 1:
                    at = chance.randrange(len(ids) - 1)
                    stream.source.merge(ids[at], ids[at + 1])
            case "throttle":
                stream.source.throttle(chance.randint(1, 3))
            case "expire":
                stream.source.expire_iterators()
            case "tick":
                poller.tick(chance.choice([200, 1_000, 6_000]))
            case _:
                pass
    for _ in range(25 * 12):
        poller.tick(1_000)
        if len(poller.everything()) == 40:
            break
    stream.check(poller)


def test_what_was_read_ahead_in_a_lost_past_is_read_again() -> None:
    stream = Stream()
    poller = Poller(stream.stage, 1)
    for _ in range(3):
        stream.put("a")
    poller.ticks(5)
    checkpoint, got = poller.states[0], list(poller.got[0])
    for _ in range(3):
        stream.put("a")
    poller.ticks(5)
    assert len(poller.got[0]) == 6
    poller.states[0], poller.got[0] = checkpoint, got  # Flink went back; the worker did not
    poller.ticks(5)
    stream.check(poller)


def test_a_finish_that_was_lost_is_found_again() -> None:
    stream = Stream()
    poller = Poller(stream.stage, 1)
    stream.put("a")
    poller.ticks(5)
    checkpoint = poller.states[0]
    stream.source.split("shardId-000000000000")
    poller.ticks(3)
    assert poller.states[0] is not None
    assert poller.states[0].shards["shardId-000000000000"].finished
    poller.states[0] = checkpoint
    stream.put("a")
    stream.put("b")
    poller.ticks(60)
    stream.check(poller)


def test_an_end_that_was_taken_and_lost_is_read_again() -> None:
    """The bundle that took it failed: its retry asks at the same position, on the same reader."""
    stream = Stream()
    reader = ShardReader(stream.stage.loop, stream.stage.connectors)
    shard_id = "shardId-000000000000"
    stream.source.split(shard_id)
    for _ in range(2):
        taken = []
        for _ in range(10):
            taken += reader.take(shard_id, TRIM_HORIZON, 1)
            stream.stage.loop.advance(stream.stage.loop.now_ms() + 200)
            if taken:
                break
        assert [batch.finished for batch in taken] == [True]


def test_a_listing_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    stream.put("a")
    real, calls = stream.source.list_shards, []

    async def fails_twice() -> tuple[Shard, ...]:
        calls.append(1)
        if len(calls) < 3:
            raise RetryableError("scripted")
        return await real()

    monkeypatch.setattr(stream.source, "list_shards", fails_twice)
    poller = Poller(stream.stage, 1)
    poller.ticks(10)
    stream.check(poller)


def test_reading_ahead_stops_where_nobody_takes() -> None:
    stream = Stream()
    poller = Poller(stream.stage, 1)
    poller.ticks(2)
    stream.source.reads.clear()
    stream.stage.loop.advance(stream.stage.loop.now_ms() + 60_000)
    assert stream.source.reads["shardId-000000000000"] <= 4
    stream.put("a")
    poller.ticks(5)
    stream.check(poller)


def test_the_quota_sets_the_pace() -> None:
    """Five reads a second and shard; readers that share it read the less often."""
    for shares, at_most in ((1, 51), (4, 14)):
        stream = Stream()
        reader = ShardReader(stream.stage.loop, stream.stage.connectors)
        for _ in range(200):
            stream.stage.loop.advance(stream.stage.loop.now_ms() + 50)
            reader.take("shardId-000000000000", TRIM_HORIZON, shares)
        assert at_most - 3 <= stream.source.reads["shardId-000000000000"] <= at_most


@pytest.mark.parametrize(("read_every_s", "longest_ms"), [(0.2, (400, 800)), (0.0, (5, 20))])
def test_a_source_that_waits_is_asked_again_at_once(
    read_every_s: float, longest_ms: tuple[int, int]
) -> None:
    """Four readers of a shard share the quota of polls; behind a subscription nobody waits."""
    stream = Stream(read_every_s=read_every_s)
    loop = stream.stage.loop
    reader = ShardReader(loop, stream.stage.connectors)
    reader.take("shardId-000000000000", TRIM_HORIZON, 4)
    waited_ms: list[int] = []
    position = TRIM_HORIZON
    for number in range(20):
        loop.advance(loop.now_ms() + 110)
        stream.put("a")
        put_at_ms, taken = loop.now_ms(), b""
        while not taken:
            loop.advance(loop.now_ms() + 5)
            for batch in reader.take("shardId-000000000000", position, 4):
                for record in batch.records:
                    taken = record.data
                    position = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, record.sequence_number)
        assert taken == f"a:{number}".encode()
        waited_ms.append(loop.now_ms() - put_at_ms)
    assert longest_ms[0] <= max(waited_ms) <= longest_ms[1], waited_ms


def test_pushed_records_do_not_fill_the_room_one_by_one() -> None:
    """The poller comes every 100 ms; what was pushed until then is all there."""
    stream = Stream(read_every_s=0)
    loop = stream.stage.loop
    poller = Poller(stream.stage, 1)
    poller.tick()
    for number in range(10):
        for _ in range(9):
            loop.advance(loop.now_ms() + 20)
            stream.put("a")
        poller.tick(20)
        assert len(poller.got[0]) == 9 * (number + 1)
    stream.check(poller)


def test_a_source_that_waits_and_fails_is_given_a_pause() -> None:
    stream = Stream(read_every_s=0)
    poller = Poller(stream.stage, 1)
    stream.source.throttle(3)
    stream.put("a")
    poller.ticks(5)
    assert poller.everything() == [], "three refusals and 0.4 s behind each"
    poller.ticks(5)
    stream.check(poller)


def test_read_through_follows_the_clock_at_the_tip_and_the_record_behind_it() -> None:
    stream = Stream()
    poller = Poller(stream.stage, 1)
    poller.ticks(20)
    state = poller.states[0]
    assert state is not None
    behind_ms = stream.stage.loop.now_ms() - state.shards["shardId-000000000000"].read_through_ms
    assert 0 <= behind_ms <= 600


def test_closing_ends_every_read() -> None:
    stream = Stream()
    poller = Poller(stream.stage, 2)
    poller.ticks(3)
    poller.close()
    stream.source.reads.clear()
    stream.stage.loop.advance(stream.stage.loop.now_ms() + 60_000)
    assert not stream.source.reads
