"""A held tick hands on soon what gets ready, ends in time, and is not held when it is late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from beam_flink_kit.held_tick import Bell, HeldTick
from beam_flink_kit.loops import LiveLoop, VirtualLoop

pytestmark = pytest.mark.unit

START_MS = 1_800_000_000_000


class SteppedLoop(VirtualLoop):
    """Time of the test, for what holds ticks in real time."""

    is_virtual = False


class SteppedBell(Bell):
    """Where a thread would sleep, time passes."""

    def wait(self, heard: int, timeout_s: float) -> None:
        until_s = self.loop.now_s() + timeout_s
        while self.rings == heard and self.loop.now_s() < until_s:
            self.loop.advance(self.loop.now_ms() + 1)


class Hold:
    """A held tick of 70 ms in 100, after its first tick."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.loop.advance(START_MS)
        self.bell = SteppedBell(self.loop)
        self.held = HeldTick(self.bell, tick_ms=100, hold_ms=70, late_ms=40)
        assert self.tick(-60_000) == ([0], 0), "the first tick hands on whatever there is"

    def ring_after(self, *delays_ms: int) -> None:
        for delay_ms in delays_ms:
            self.loop.call_later(delay_ms / 1000, self.bell.ring)

    def tick(self, at_ms: int = 0) -> tuple[list[int], int]:
        """When it handed on, and how long it was held; all in ms from now, which pass one by one:
        a wait may be one longer."""
        begun_ms = self.loop.now_ms()
        times = [self.loop.now_ms() - begun_ms for _ in self.held.until_due(begun_ms + at_ms)]
        return times, self.loop.now_ms() - begun_ms


def test_a_tick_on_time_is_held_and_hands_on_what_gets_ready_meanwhile() -> None:
    hold = Hold()
    hold.ring_after(30, 50, 90)
    assert hold.tick() == ([35, 55], pytest.approx(70, abs=1))
    hold.loop.advance(START_MS + 100)
    assert hold.tick() == ([0], pytest.approx(70, abs=1)), (
        "what got ready between the ticks is handed on at once"
    )


def test_a_tick_without_anything_ready_is_held_all_the_same() -> None:
    assert Hold().tick() == ([], pytest.approx(70, abs=1))


def test_rings_that_come_together_are_handed_on_together() -> None:
    hold = Hold()
    hold.ring_after(20, 21, 22, 23, 24, 26)
    assert hold.tick() == ([25, 31], pytest.approx(70, abs=1))


@pytest.mark.parametrize(
    ("late_ms", "held_ms"), [(0, 70), (70, 70), (100, 40), (139, 1), (140, 0), (60_000, 0)]
)
def test_a_late_tick_is_held_less_or_not_at_all(late_ms: int, held_ms: int) -> None:
    hold = Hold()
    hold.ring_after(1)
    hold.loop.advance(START_MS + 20)
    assert hold.tick(-late_ms) == ([0], pytest.approx(held_ms, abs=1)), "but it hands on"


def test_a_minute_of_late_ticks_is_over_at_once() -> None:
    hold = Hold()
    held_ms = [hold.tick(-60_000 + tick * 100)[1] for tick in range(600)]
    assert sum(held_ms) == pytest.approx(40, abs=1), "of the last, 100 ms late"


def test_a_step_that_is_always_ready_still_ends_its_tick() -> None:
    hold = Hold()
    hold.ring_after(0)
    handed_on = 0
    for _ in hold.held.until_due(START_MS):
        handed_on += 1
        hold.bell.ring()
    assert hold.loop.now_ms() == pytest.approx(START_MS + 70, abs=1)
    assert handed_on == 14


# In real time ------------------------------------------------------------------------------------


@pytest.fixture
def live() -> Iterator[LiveLoop]:
    loop = LiveLoop()
    yield loop
    loop.stop()


def test_two_instances_get_every_ring(live: LiveLoop) -> None:
    bell, both_hold = Bell(live), threading.Barrier(3, timeout=10)
    found: list[int] = []

    def tick() -> None:
        held = HeldTick(bell, tick_ms=60_000, hold_ms=50_000)
        handed_on = 0
        for _ in held.until_due(live.now_ms()):
            handed_on += 1
            if handed_on == 2:
                break
            both_hold.wait()
        found.append(handed_on)

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    both_hold.wait()
    bell.ring()
    for thread in threads:
        thread.join(60)
    assert found == [2, 2], "the first tick, and the ring"


def test_a_ring_from_any_thread_is_heard(live: LiveLoop) -> None:
    bell = Bell(live)
    threading.Thread(target=bell.ring).start()
    bell.wait(0, 60)
    assert bell.rings == 1


def test_waiting_for_a_bell_ends(live: LiveLoop) -> None:
    begun_s = time.monotonic()
    waiting = threading.Thread(target=Bell(live).wait, args=(0, 0.02))
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
    assert time.monotonic() - begun_s >= 0.019


def test_in_virtual_time_a_tick_is_repeated_until_nothing_more_gets_ready() -> None:
    loop = VirtualLoop()
    bell = Bell(loop)
    held = HeldTick(bell)
    loop.advance(START_MS)
    loop.call_later(0.4, bell.ring)
    assert list(held.until_due(START_MS + 300)) == [None], "the first tick"
    assert loop.now_ms() == START_MS + 300
    yielded = 0
    for _ in held.until_due(START_MS + 500):
        yielded += 1
        if yielded < 3:
            bell.ring()  # a step after this one has an answer at once
    assert yielded == 3
    assert list(held.until_due(START_MS + 600)) == []
    loop.stop()


def test_only_the_last_key_of_a_tick_speaks_for_all() -> None:
    held = HeldTick(Bell(VirtualLoop()))
    for key in "abc":
        held.is_last_key(key, 0)
    assert [held.is_last_key(key, 1) for key in "abc"] == [False, False, True]
    assert [held.is_last_key(key, 2) for key in "cab"] == [False, False, True]


def test_a_key_that_stays_away_is_waited_for_no_longer() -> None:
    held = HeldTick(Bell(VirtualLoop()))
    held.is_last_key("a", 0)
    held.is_last_key("b", 0)
    assert [held.is_last_key("a", tick) for tick in range(1, 6)] == [False] * 3 + [True] * 2


def test_a_hold_as_long_as_a_tick_is_refused() -> None:
    with pytest.raises(ValueError, match="less than tick_ms"):
        HeldTick(Bell(VirtualLoop()), tick_ms=50, hold_ms=50)
