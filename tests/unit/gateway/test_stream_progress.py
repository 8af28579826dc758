"""Which chunks are durable, in whatever order handlers come to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.audio_in.speaker_stream import Hole
from ingest_gateway.hosts.aws.stream_progress import HOLE_WAIT_MS, MOST_AHEAD, StreamProgress

pytestmark = pytest.mark.unit

T0_MS = 1_790_000_000_000
NEW = StreamProgress(0, "s1")


def with_stored(*numbers: int, start: StreamProgress = NEW, now_ms: int = T0_MS) -> StreamProgress:
    standing = start
    for number in numbers:
        standing = standing.stored(number, now_ms)
    return standing


@given(st.permutations(range(12)))
def test_any_order_comes_to_the_same(order: list[int]) -> None:
    standing = with_stored(*order)
    assert (standing.durable, standing.ahead, standing.hole_since_ms) == (11, (), None)


@given(st.lists(st.integers(0, 30), max_size=40))
def test_durable_is_what_has_no_hole_before_it(numbers: list[int]) -> None:
    standing = with_stored(*numbers)
    first_missing = next(n for n in range(32) if n not in numbers)
    assert standing.durable == first_missing - 1
    assert standing.ahead == tuple(sorted({n for n in numbers if n > first_missing}))
    assert {n for n in range(32) if standing.has(n)} == set(numbers)
    assert standing.highest == max(numbers, default=-1)


def test_a_hole_is_waited_for_and_then_passed() -> None:
    standing = with_stored(0, 1, 4, 5)
    assert standing.hole(T0_MS + HOLE_WAIT_MS - 1) is None
    late_ms = T0_MS + HOLE_WAIT_MS
    assert standing.hole(late_ms) == Hole(1, 4)
    passed = standing.passed(Hole(1, 4), late_ms)
    assert (passed.durable, passed.ahead, passed.hole(late_ms)) == (5, (), None)
    assert passed.has(2)  # what still comes of it is a repeat


def test_a_hole_is_passed_once_and_not_when_it_was_filled() -> None:
    hole = Hole(1, 4)
    standing = with_stored(0, 1, 4)
    passed = standing.passed(hole, T0_MS)
    assert passed.passed(hole, T0_MS) == passed
    filled = with_stored(2, 3, start=standing)
    assert filled.passed(hole, T0_MS) == filled


def test_each_hole_has_its_own_time() -> None:
    standing = with_stored(0, 2)  # 1 is missing from the start
    standing = with_stored(4, start=standing, now_ms=T0_MS + 3000)  # and 3 from here on
    standing = with_stored(1, start=standing, now_ms=T0_MS + 4000)  # now only 3 is
    assert standing.hole(T0_MS + HOLE_WAIT_MS) is None
    assert standing.hole(T0_MS + 4000 + HOLE_WAIT_MS) == Hole(2, 4)


def test_with_very_many_behind_a_hole_nobody_waits() -> None:
    standing = with_stored(*range(1, MOST_AHEAD + 1))
    assert standing.hole(T0_MS) is None
    assert with_stored(MOST_AHEAD + 1, start=standing).hole(T0_MS) == Hole(-1, 1)


def test_the_smallest_offset_is_kept() -> None:
    standing = NEW.stored(0, T0_MS, 500).stored(1, T0_MS, 420).stored(2, T0_MS, 600)
    assert standing.clock_offset_ms == 420
    assert standing.stored(3, T0_MS, None).clock_offset_ms == 420


def test_unnumbered_chunks_get_a_number_each() -> None:
    standing, first = NEW.numbered()
    standing, second = standing.numbered()
    assert (first, second) == (0, 1)
    _, third = with_stored(0, 1, 7, start=standing).numbered()
    assert third == 8


def test_one_handler_acknowledges_for_all_that_come_too_soon() -> None:
    standing = with_stored(0).acknowledged(T0_MS)
    assert standing.ack_wait_ms(250, T0_MS + 900) is None  # nothing new
    assert standing.ack_wait_ms(250, T0_MS + 900, again=True) == 0
    standing = with_stored(1, start=standing)
    assert standing.ack_wait_ms(250, T0_MS + 100) == 150
    standing = standing.promised(150, T0_MS + 100)
    assert standing.ack_wait_ms(250, T0_MS + 120) is None
    assert standing.ack_wait_ms(250, T0_MS + 250) == 0  # the promise is due: whoever comes, may
    standing = with_stored(2, start=standing.acknowledged(T0_MS + 250))
    assert standing.ack_wait_ms(250, T0_MS + 300) == 200


def test_a_promise_that_nobody_kept_is_made_anew() -> None:
    promised = replace(with_stored(0), acked_at_ms=T0_MS, ack_promised_ms=T0_MS - 5000)
    assert promised.ack_wait_ms(250, T0_MS + 10) == 240
