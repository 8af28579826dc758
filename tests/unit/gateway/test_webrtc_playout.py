"""A continuous stream: clips in order and whole, soft joins, silence between, never far behind."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest_gateway.webrtc.playout import (
    FRAME_SAMPLES,
    LONGEST_HOLD_MS,
    MOST_WAITING_S,
    RATE_HZ,
    Begun,
    ClipOrder,
    Playout,
    Turn,
)
from tests.unit.gateway.opus_tones import level, silent_ms, strongest_hz, tone

pytestmark = pytest.mark.unit


def clip(hz: float, seconds: float) -> NDArray[np.float32]:
    return tone(hz, seconds, RATE_HZ).astype(np.float32)


def played(playout: Playout, seconds: float) -> NDArray[np.float64]:
    frames = [playout.next_frame() for _ in range(round(seconds * 50))]
    assert {len(frame) for frame in frames} == {FRAME_SAMPLES}
    return np.concatenate(frames).astype(np.float64) / 32767


def turn(number: int, previous: int | None = None) -> Turn:
    return Turn(number, previous, np.zeros(1, np.float32))


def numbers(turns: list[Turn]) -> list[int]:
    return [one.number for one in turns]


# Samples


def test_nothing_to_say_is_silence() -> None:
    playout = Playout()
    assert not played(playout, 0.5).any()
    assert playout.idle


def test_clips_are_played_whole_and_one_behind_the_other() -> None:
    playout = Playout()
    lengths_s = (0.733, 0.251, 1.009)
    for at, seconds in enumerate(lengths_s):
        playout.add(at, clip(400 * (at + 1), seconds))
    whole = played(playout, 2.5)
    starts = np.cumsum([0, *lengths_s])
    for at, (first_s, end_s) in enumerate(itertools.pairwise(starts)):
        part = whole[round(first_s * RATE_HZ) : round(end_s * RATE_HZ)]
        assert strongest_hz(part, RATE_HZ) == pytest.approx(400 * (at + 1), abs=4)
        assert level(part) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    spoken = whole[: round(starts[-1] * RATE_HZ)]
    assert silent_ms(spoken, RATE_HZ) <= 5 * len(lengths_s)  # the soft edges, no more
    assert not whole[round(starts[-1] * RATE_HZ) + 1 :].any()
    assert playout.idle


def test_joins_do_not_click() -> None:
    """Clips that begin and end at full swing: no step is steeper than the tone itself makes."""
    playout = Playout()
    loud = np.cos(2 * np.pi * 200 * np.arange(2400) / RATE_HZ).astype(np.float32)
    playout.add(0, loud)
    playout.add(1, -loud)
    whole = np.concatenate([[0.0], played(playout, 0.5)])
    steepest = 2 * np.pi * 200 / RATE_HZ
    ramp = 1 / (0.003 * RATE_HZ)
    assert np.abs(np.diff(whole)).max() < steepest + ramp + 1e-3


@given(st.lists(st.integers(0, 4000), max_size=8), st.integers(0, 10))
def test_every_sample_is_played_once(lengths: list[int], before: int) -> None:
    playout = Playout()
    for _ in range(before):
        playout.next_frame()
    for at, length in enumerate(lengths):
        playout.add(at, np.full(length, 0.5, np.float32))
    whole = played(playout, 1.5)
    total = sum(lengths)
    assert np.count_nonzero(whole[total:]) == 0
    # Only the first sample of a soft edge (and the last) is nothing.
    assert np.count_nonzero(whole) >= total - 2 * len(lengths) - sum(n < 2 for n in lengths)


def test_volume_is_the_speakers() -> None:
    playout = Playout()
    playout.add(0, clip(300, 1.0), volume=0.5)
    assert level(played(playout, 1.0)) == pytest.approx(0.125 / np.sqrt(2), rel=0.05)


def test_too_far_behind_it_drops_to_the_newest_clip() -> None:
    playout = Playout()
    left_out = [playout.add(at, clip(300 + at, 4.0)) for at in range(5)]
    assert left_out == [0, 0, 0, 3, 0]
    assert playout.left_out == 3
    assert playout.waiting_s == 8.0 <= MOST_WAITING_S
    assert strongest_hz(played(playout, 1.0), RATE_HZ) == pytest.approx(303, abs=1)


def test_a_clip_is_told_with_the_frame_that_has_its_first_sample() -> None:
    playout = Playout()
    frame_s = FRAME_SAMPLES / RATE_HZ
    playout.add(7, clip(300, 2.5 * frame_s))
    playout.add(9, clip(400, 0.1))
    assert playout.take_begun() == []  # it waits
    told: list[list[Begun]] = []
    for _ in range(4):
        playout.next_frame()
        told.append(playout.take_begun())
    assert told == [[Begun(7, 0.05)], [], [Begun(9, 0.1)], []]


def test_a_clip_that_is_left_out_never_begins() -> None:
    playout = Playout()
    for at in range(5):
        playout.add(at, clip(300, 4.0))
    played(playout, 12)
    assert [one.number for one in playout.take_begun()] == [3, 4]


# Order


def test_clips_in_order_have_their_turn_at_once() -> None:
    order = ClipOrder()
    assert numbers(order.add(turn(4, 2), 0)) == [4]  # joined in the middle
    assert numbers(order.add(turn(5, 4), 0)) == [5]
    assert numbers(order.add(turn(9, 5), 0)) == [9]


def test_a_clip_waits_for_its_predecessor() -> None:
    order = ClipOrder()
    order.add(turn(1), 0)
    assert numbers(order.add(turn(4, 3), 0)) == []
    assert numbers(order.add(turn(3, 2), 100)) == []
    assert numbers(order.add(turn(2, 1), 200)) == [2, 3, 4]


def test_a_skip_marker_is_a_turn_too() -> None:
    order = ClipOrder()
    order.add(turn(1), 0)
    order.add(turn(3, 2), 0)
    skipped, following = order.add(Turn(2, 1, None), 50)
    assert (skipped.number, skipped.samples, following.number) == (2, None, 3)


def test_the_first_clip_is_not_overtaken_by_what_takes_no_loading() -> None:
    order = ClipOrder()
    order.expect(1)
    assert numbers(order.add(Turn(2, 1, None), 0)) == []
    assert numbers(order.add(turn(1), 10)) == [1, 2]


def test_a_clip_that_loads_slowly_is_waited_for_as_a_predecessor_is() -> None:
    order = ClipOrder()
    order.expect(1)
    order.expect(3)
    assert numbers(order.add(turn(3, None), 1_000)) == []
    assert numbers(order.ready(1_000 + LONGEST_HOLD_MS)) == [3]
    assert numbers(order.add(turn(1), 9_000)) == []  # too late: no step back
    assert numbers(order.add(turn(5, 3), 9_000)) == [5]  # and nothing waits for it any more


def test_nobody_is_waited_for_for_ever() -> None:
    order = ClipOrder()
    order.add(turn(1), 0)
    order.add(turn(3, 2), 1_000)
    assert numbers(order.ready(1_000 + LONGEST_HOLD_MS - 1)) == []
    assert numbers(order.ready(1_000 + LONGEST_HOLD_MS)) == [3]
    assert numbers(order.add(turn(2, 1), 9_000)) == []  # too late: no step back


def test_repeats_are_dropped() -> None:
    order = ClipOrder()
    order.add(turn(1), 0)
    assert numbers(order.add(turn(1), 10)) == []
    order.add(turn(3, 2), 10)
    order.add(turn(3, 2), 11)
    assert numbers(order.add(turn(2, 1), 12)) == [2, 3]


def test_what_was_told_before_the_track_began_is_not_played_when_it_is_told_again() -> None:
    order = ClipOrder(7)
    assert numbers(order.add(turn(7, 6), 0)) == []
    assert numbers(order.add(turn(9, 8), 0)) == [9]  # the first one waits for nobody
    assert numbers(order.add(turn(8, 7), 0)) == []
