"""Virtual time wakes everybody at their exact time; the live loop starts and stops cleanly."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_flink_kit.loops import LiveLoop, TimeMode, VirtualLoop, loop_for

pytestmark = pytest.mark.unit

START_MS = 1_800_000_000_000
HANGS_S = 60.0


@settings(max_examples=30, deadline=None)
@given(
    naps=st.lists(st.lists(st.integers(1, 5_000), min_size=1, max_size=4), max_size=5),
    steps=st.lists(st.integers(1, 9_000), min_size=1, max_size=10),
)
def test_sleepers_wake_in_order_at_their_times_whatever_the_step(
    naps: list[list[int]], steps: list[int]
) -> None:
    loop = VirtualLoop()
    loop.advance(START_MS)
    woken: list[tuple[int, int]] = []

    async def sleeper(number: int, own: list[int]) -> None:
        for nap_ms in own:
            await asyncio.sleep(nap_ms / 1000)
            woken.append((loop.now_ms() - START_MS, number))

    for number, own in enumerate(naps):
        loop.start(sleeper(number, own))
    now_ms = START_MS
    for step in steps:
        now_ms += step
        loop.advance(now_ms)
        assert loop.now_ms() == now_ms
    due = [
        (sum(own[: count + 1]), number)
        for number, own in enumerate(naps)
        for count in range(len(own))
    ]
    assert sorted(woken) == sorted(each for each in due if each[0] <= now_ms - START_MS)
    assert [at for at, _ in woken] == sorted(at for at, _ in woken)
    loop.stop()


def test_a_tick_that_repeats_or_goes_back_moves_no_time() -> None:
    loop = VirtualLoop()
    loop.advance(START_MS)
    loop.advance(START_MS + 500)
    loop.advance(START_MS + 500)
    loop.advance(START_MS + 100)
    assert loop.now_ms() == START_MS + 500
    loop.stop()


def test_what_needs_no_time_is_done_at_once() -> None:
    loop = VirtualLoop()

    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    assert loop.start(answer()).result(0) == 7
    loop.stop()


def test_waiting_moves_the_time_as_far_as_needed() -> None:
    loop = VirtualLoop()
    loop.advance(START_MS)

    async def slow() -> str:
        await asyncio.sleep(2)
        return "done"

    assert loop.wait(loop.start(slow())) == "done"
    assert START_MS + 2_000 <= loop.now_ms() <= START_MS + 2_020
    with pytest.raises(TimeoutError):
        loop.wait(loop.start(slow()), timeout_s=1)
    loop.stop()


@pytest.mark.parametrize("kind", [VirtualLoop, LiveLoop])
def test_a_failure_is_handed_to_whoever_asks(kind: type[VirtualLoop] | type[LiveLoop]) -> None:
    loop = kind()

    async def fails() -> None:
        raise KeyError("scripted")

    with pytest.raises(KeyError):
        loop.wait(loop.start(fails()), HANGS_S)
    loop.stop()


@pytest.mark.parametrize("kind", [VirtualLoop, LiveLoop])
def test_cancelling_ends_the_work(kind: type[VirtualLoop] | type[LiveLoop]) -> None:
    loop = kind()
    ended = threading.Event()
    begun = threading.Event()

    async def works() -> None:
        try:
            begun.set()
            await asyncio.sleep(3_600)
        finally:
            ended.set()

    future = loop.start(works())
    assert begun.wait(HANGS_S)
    future.cancel()
    loop.advance(1_000)
    assert ended.wait(HANGS_S)
    assert future.cancelled()
    loop.stop()


@pytest.mark.parametrize("kind", [VirtualLoop, LiveLoop])
def test_stopping_ends_all_work(kind: type[VirtualLoop] | type[LiveLoop]) -> None:
    loop = kind()
    begun = threading.Event()
    ended: list[str] = []

    async def works() -> None:
        try:
            begun.set()
            await asyncio.sleep(3_600)
        finally:
            ended.append("ended")

    future = loop.start(works())
    assert begun.wait(HANGS_S)
    loop.stop()
    assert ended == ["ended"]
    assert future.done()


def test_the_live_loop_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    loop = LiveLoop()
    assert set(threading.enumerate()) - before
    loop.stop()
    assert set(threading.enumerate()) - before == set()


def test_the_live_loop_runs_beside_its_caller() -> None:
    loop = LiveLoop()

    async def who() -> str:
        return threading.current_thread().name

    assert loop.wait(loop.start(who()), HANGS_S) == "worker-loop"
    loop.stop()


@pytest.mark.parametrize("kind", [VirtualLoop, LiveLoop])
def test_work_may_call_the_loop_that_it_runs_in(kind: type[VirtualLoop] | type[LiveLoop]) -> None:
    loop = kind()
    done: list[str] = []

    async def later() -> None:
        done.append("started")

    def begin() -> None:
        loop.call(lambda: done.append("called"))
        loop.start(later())
        done.append("began")

    loop.call(begin)
    for _ in range(6_000):
        if len(done) == 3:
            break
        time.sleep(0.01)
    assert done == ["began", "called", "started"]
    loop.stop()


def test_the_live_loop_is_woken_once_for_all_that_comes_before_it_is_awake() -> None:
    loop = LiveLoop()
    asleep, go_on = threading.Event(), threading.Event()
    order: list[int] = []

    def sleep() -> None:
        asleep.set()
        go_on.wait(HANGS_S)

    loop.call(sleep)
    assert asleep.wait(HANGS_S)
    for number in range(1_000):
        loop.call(lambda number=number: order.append(number))
    go_on.set()
    loop.wait(loop.start(asyncio.sleep(0.01)), HANGS_S)
    assert order == list(range(1_000))
    loop.stop()


@pytest.mark.parametrize("kind", [VirtualLoop, LiveLoop])
def test_work_for_later_is_done_later(kind: type[VirtualLoop] | type[LiveLoop]) -> None:
    loop = kind()
    loop.advance(START_MS)
    done = threading.Event()
    loop.call_later(0.05, done.set)
    assert not done.is_set()
    begun_s = loop.now_s()
    loop.advance(START_MS + 49)
    loop.advance(START_MS + 50)
    assert done.wait(HANGS_S)
    assert loop.now_s() - begun_s >= 0.049
    loop.stop()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (TimeMode.LIVE, LiveLoop),
        (TimeMode.INLINE, LiveLoop),
        (TimeMode.VIRTUAL, VirtualLoop),
    ],
)
def test_only_virtual_time_has_a_virtual_loop(
    mode: TimeMode, kind: type[VirtualLoop] | type[LiveLoop]
) -> None:
    loop = loop_for(mode)
    assert type(loop) is kind
    assert loop.is_virtual == (mode is TimeMode.VIRTUAL)
    loop.stop()
