"""The whole way: readers over a stream that reshards, throttles, pushes and goes back."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines.core.reading import (
    ReaderState,
    discovered,
    first_state,
    slice_of,
)
from pipelines.worker.reading import (
    ReadBatch,
    ShardReader,
    _ShardAhead,  # pyright: ignore[reportPrivateUsage]
)

from connectors.errors import RetryableError
from connectors.scripted_shard_source import ScriptedShardSource
from connectors.shard_source import Shard, ShardRecord, StartAt, StartKind
from pipelines.coders import ValueCoder
from tests.unit.pipelines.session_under_test import START_MS, Stage

pytestmark = pytest.mark.unit

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)
STATE_CODER = ValueCoder(ReaderState)


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


def test_taking_while_batches_grow_loses_nothing() -> None:
    """In two threads, as in a worker, that switch as often as can be."""
    ahead = _ShardAhead(TRIM_HORIZON, 0.0)

    def push() -> None:
        position = TRIM_HORIZON
        for number in range(20_000):
            record = ShardRecord("a", str(number), number, b"")
            ahead.add(ReadBatch(position, (record,), number, finished=False))
            position = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, str(number))

    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    pushing = threading.Thread(target=push)
    got: list[ReadBatch] = []
    try:
        pushing.start()
        while pushing.is_alive() or ahead.batches:
            batch = ahead.oldest()
            if batch is not None:
                got.append(batch)
    finally:
        sys.setswitchinterval(usual_s)
        pushing.join()
    numbers = [int(record.sequence_number) for batch in got for record in batch.records]
    assert numbers == list(range(20_000))
    assert [batch.after.value for batch in got[1:]] == [batch.last for batch in got[:-1]]
