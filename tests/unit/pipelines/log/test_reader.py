"""Readers over a stream that reshards, throttles, loses iterators and is trimmed."""

from __future__ import annotations

import logging
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import Shard, StartAt, StartKind
from pipelines.log.shards import ShardProgress, slice_of
from pipelines.runtime.supervision import UNEXPECTED_ERRORS
from tests.unit.pipelines.log.stream_under_test import FIRST, Stream, Streams

pytestmark = pytest.mark.unit

# Nothing lost, nothing twice ----------------------------------------------------------------------


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), readers=st.integers(1, 4), shards=st.integers(1, 3))
def test_each_record_is_read_once_whatever_the_stream_does(
    seed: int, readers: int, shards: int
) -> None:
    chance = random.Random(seed)
    stream = Stream(shards)
    for number in range(readers):
        stream.reader(number, readers)
    for _ in range(40):
        stream.put(f"key-{chance.randrange(12)}")
        stream.reshard(chance)
    stream.run(200.0)
    stream.check()
    for number, reader in enumerate(stream.readers):
        assert all(slice_of(number, readers).holds(each.key) for each in reader.taken)
        assert not UNEXPECTED_ERRORS.take()
    stream.close()


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), shards=st.integers(1, 3))
def test_what_is_not_covered_is_read_again_whatever_happened(seed: int, shards: int) -> None:
    """A reader goes back, or another goes on from its marks, with Flink's state or the table."""
    chance = random.Random(seed)
    stream = Stream(shards)
    reader = stream.reader()
    for _ in range(30):
        stream.put(f"key-{chance.randrange(6)}")
        stream.reshard(chance)
        again = chance.choice(["", "", "reader", "state", "table"])
        if not again:
            continue
        reader.cover_all_but(chance.randint(0, len(reader.taken)))
        if again == "reader":
            reader.read_again()
            continue
        if not reader.reader.is_ready:
            continue
        marks = reader.reader.marks()
        stream.loop.wait(stream.loop.start(stream.positions.save("live", reader.reader.rows(), 1)))
        reader.close()
        reader = stream.reader(
            start=StartAt(StartKind.LATEST), resume=True, saved=marks if again == "state" else {}
        )
    stream.run(200.0)
    stream.check(repeats=True)
    assert not UNEXPECTED_ERRORS.take()
    stream.close()


def test_children_are_read_after_their_parent(stream: Stream) -> None:
    stream.put("a", 30)
    stream.source.split(FIRST)
    for key in ("a", "b", "c"):
        stream.put(key, 10)
    reader = stream.reader()
    stream.source.throttle(3)
    stream.run(30.0)
    stream.check()
    assert reader.data[:30] == stream.put_by_key["a"][:30]


def test_a_record_knows_the_one_before_it_in_its_shard(stream: Stream) -> None:
    """Of another reader's too: a mark is a place in the log."""
    keys = [f"key-{number}" for number in range(12)]
    for key in keys:
        stream.put(key)
    reader = stream.reader(0, 2)
    stream.run(2.0)
    assert 0 < len(reader.taken) < len(keys)
    for each in reader.taken:
        number = int(each.place.number)
        assert int(each.place.before or 0) == number - 1


# Pace ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("readers", "at_most"), [(1, 51), (4, 14)])
def test_the_quota_sets_the_pace(stream: Stream, readers: int, at_most: int) -> None:
    """Five reads a second and shard; readers that share it read the less often."""
    stream.reader(0, readers)
    stream.run(10.0)
    assert at_most - 3 <= stream.source.reads[FIRST] <= at_most


@pytest.mark.parametrize(("read_every_s", "longest_ms"), [(0.2, (400, 800)), (0.0, (5, 20))])
def test_a_source_that_waits_is_asked_again_at_once(
    streams: Streams, read_every_s: float, longest_ms: tuple[int, int]
) -> None:
    """Four readers of a shard share the quota of polls; with a subscription no reader waits."""
    stream = streams(read_every_s=read_every_s)
    key = next(f"k{n}" for n in range(99) if slice_of(0, 4).holds(f"k{n}"))
    reader = stream.reader(0, 4)
    waited_ms: list[int] = []
    for number in range(20):
        stream.run(0.11)
        stream.put(key)
        put_at_ms = stream.loop.now_ms()
        while len(reader.taken) == number:
            stream.run(0.005)
        waited_ms.append(stream.loop.now_ms() - put_at_ms)
    assert longest_ms[0] <= max(waited_ms) <= longest_ms[1], waited_ms


@pytest.mark.parametrize("read_every_s", [0.2, 0.0])
def test_refusals_are_given_a_pause_and_lose_nothing(streams: Streams, read_every_s: float) -> None:
    stream = streams(read_every_s=read_every_s)
    stream.source.throttle(3)
    stream.put("a")
    reader = stream.reader()
    stream.run(1.1)
    assert reader.taken == [], "three refusals, and 0.4 s after each"
    stream.run(0.5)
    stream.check()


def test_an_iterator_that_is_too_old_is_replaced_at_once(stream: Stream) -> None:
    reader = stream.reader()
    stream.put("a")
    stream.run(1.0)
    stream.source.expire_iterators()
    stream.put("a")
    stream.run(0.2)
    assert reader.data == ["a:0", "a:1"]


def test_a_permanent_error_is_tried_again_with_a_new_iterator(
    stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    reader = stream.reader()
    stream.run(1.0)
    stream.source.fail(PermanentError("scripted"))
    stream.put("a")
    stream.run(1.0)
    assert reader.data == ["a:0"]
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


def test_a_reader_that_is_full_waits_and_audio_waits_in_the_log(stream: Stream) -> None:
    reader = stream.reader()
    stream.run(1.0)
    reader.is_full = True
    stream.run(0.2)
    stream.source.reads.clear()
    stream.put("a", 5)
    stream.run(60.0)
    assert not stream.source.reads
    assert not reader.taken
    reader.is_full = False
    stream.run(0.3)
    stream.check()


def test_closing_ends_every_read(stream: Stream) -> None:
    reader = stream.reader()
    stream.run(1.0)
    reader.close()
    stream.source.reads.clear()
    stream.run(60.0)
    assert not stream.source.reads


# Where reading begins -----------------------------------------------------------------------------


def test_latest_leaves_out_what_was_there(stream: Stream) -> None:
    stream.put("a")
    stream.run(1.0)
    reader = stream.reader(start=StartAt(StartKind.LATEST))
    stream.run(1.0)
    stream.put("a")
    stream.run(1.0)
    assert reader.data == ["a:1"]


def test_a_listing_that_fails_is_asked_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = stream.source.list_shards, []

    async def fails_twice() -> tuple[Shard, ...]:
        calls.append(1)
        if len(calls) < 3:
            raise RetryableError("scripted")
        return await real()

    monkeypatch.setattr(stream.source, "list_shards", fails_twice)
    reader = stream.reader()
    stream.put("a")
    stream.run(0.9)
    assert not reader.reader.is_ready
    stream.run(1.0)
    stream.check()


def test_without_the_table_a_reader_with_state_does_not_begin(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state may have gone back far: what the table says is waited for."""
    number = stream.put("a")
    stream.put("a")
    state = {FIRST: ShardProgress((), StartKind.TRIM_HORIZON.value)}
    row = ShardPosition(f"{FIRST}/0-of-1", number, 0)
    stream.loop.wait(stream.loop.start(stream.positions.save("live", (row,), 1)))
    real, is_down = stream.positions.load, [True]

    async def load(job_name: str) -> dict[str, ShardPosition]:
        if is_down:
            raise RetryableError("scripted")
        return await real(job_name)

    monkeypatch.setattr(stream.positions, "load", load)
    reader = stream.reader(saved=state)
    stream.run(20.0)
    assert not reader.taken
    is_down.clear()
    stream.run(10.0)
    assert reader.data == ["a:1"]


# Reading again ------------------------------------------------------------------------------------


def test_reading_again_goes_back_to_the_marks(stream: Stream) -> None:
    reader = stream.reader()
    stream.put("a", 6)
    stream.run(1.0)
    reader.cover_all_but(2)
    reader.read_again()
    stream.run(1.0)
    assert reader.data == [f"a:{number}" for number in (0, 1, 2, 3, 4, 5, 4, 5)]
    assert reader.taken[-2:] == reader.taken[4:6], "the same places"


def test_reading_again_what_was_read_first_begins_at_the_beginning(stream: Stream) -> None:
    reader = stream.reader()
    stream.put("a", 3)
    stream.run(1.0)
    reader.cover_all_but(3)
    reader.read_again()
    stream.run(1.0)
    assert reader.data == ["a:0", "a:1", "a:2"] * 2


def test_a_shard_that_is_not_covered_to_its_end_is_read_again_before_its_children(
    stream: Stream,
) -> None:
    reader = stream.reader()
    stream.put("a", 3)
    stream.run(1.0)
    stream.source.split(FIRST)
    stream.put("a", 3)
    stream.run(10.0)
    assert reader.reader.marks()[FIRST].finished
    reader.cover_all_but(4)
    assert not reader.reader.marks()[FIRST].finished
    reader.read_again()
    stream.run(10.0)
    assert reader.data == [f"a:{number}" for number in (0, 1, 2, 3, 4, 5, 2, 3, 4, 5)]


def test_with_nothing_open_the_marks_are_at_the_tip(stream: Stream) -> None:
    reader = stream.reader()
    number = stream.put("a", 3)
    stream.run(1.0)
    (row,) = reader.reader.rows()
    assert row == ShardPosition(f"{FIRST}/0-of-1", number, stream.loop.now_ms())
