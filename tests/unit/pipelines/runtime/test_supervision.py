"""Tasks that do not die silently: begun again, counted, and logged without what was said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from beam_flink_kit.loops import VirtualLoop
from pipelines.runtime.supervision import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    UNEXPECTED_ERRORS,
    Supervised,
)

pytestmark = pytest.mark.unit


SAID = "words that were said"


class Group:
    """A group in virtual time, and when its work was begun."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.begun_s: list[float] = []
        self.supervised = Supervised()
        self._at_ms = 0
        self._zero_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.loop.advance(self._at_ms)

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        async def noted() -> None:
            self.begun_s.append(round(asyncio.get_running_loop().time() - self._zero_s, 3))
            await work()

        async def started() -> None:
            self._zero_s = asyncio.get_running_loop().time()
            self._tasks.append(self.supervised.start("scripted work", noted))

        self.loop.wait(self.loop.start(started()))

    def pass_s(self, for_s: float) -> None:
        self._at_ms += round(for_s * 1000)
        self.loop.advance(self._at_ms)

    def cancel(self) -> None:
        """As somebody does who was given the task."""
        for task in self._tasks:
            self.do(task.cancel)

    def do(self, act: Callable[[], object]) -> None:
        async def done() -> None:
            act()

        self.loop.wait(self.loop.start(done()))


@pytest.fixture
def group() -> Iterator[Group]:
    UNEXPECTED_ERRORS.take()
    made = Group()
    yield made
    made.do(made.supervised.close)
    made.loop.stop()


async def fails() -> None:
    raise KeyError(SAID)


async def lasts() -> None:
    await asyncio.sleep(1_000_000)


def test_work_that_fails_is_begun_again_later_each_time(group: Group) -> None:
    group.start(fails)
    group.pass_s(130)
    waits = [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert (waits[0], waits[-1]) == (FIRST_WAIT_S, LONGEST_WAIT_S)
    begun_s = [sum(waits[:number]) for number in range(len(waits))]
    assert group.begun_s == [at_s for at_s in begun_s if at_s <= 130]


def test_work_that_went_well_for_a_while_is_begun_again_soon(group: Group) -> None:
    async def works_for_a_minute() -> None:
        await asyncio.sleep(60 if len(group.begun_s) > 4 else 0)
        raise KeyError

    group.start(works_for_a_minute)
    group.pass_s(200)
    assert group.begun_s == [0, 0.5, 1.5, 3.5, 7.5, 68.0, 128.5, 189.0]


def test_work_that_ends_is_over(group: Group) -> None:
    async def done() -> None:
        await asyncio.sleep(1)

    group.start(done)
    group.pass_s(100)
    assert (group.begun_s, len(group.supervised)) == ([0], 0)


def test_a_cancellation_that_nobody_asked_for_begins_the_work_again(group: Group) -> None:
    """A library cancels a future of its own, and the task that waits for it is told so."""

    async def waits_for_what_a_library_cancels() -> None:
        if len(group.begun_s) > 1:
            await lasts()
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(5, future.cancel)
        await future

    group.start(waits_for_what_a_library_cancels)
    group.pass_s(100)
    assert group.begun_s == [0, 5.5]
    assert UNEXPECTED_ERRORS.take() == 1
    assert len(group.supervised) == 1


def test_a_task_that_is_cancelled_ends(group: Group) -> None:
    group.start(lasts)
    group.pass_s(5)
    group.cancel()
    group.pass_s(100)
    assert (group.begun_s, len(group.supervised)) == ([0], 0)
    assert UNEXPECTED_ERRORS.take() == 0


@pytest.mark.parametrize("work", [fails, lasts], ids=["while it waits", "while it works"])
def test_a_group_that_is_closed_begins_nothing_again(
    group: Group, work: Callable[[], Awaitable[None]]
) -> None:
    group.start(work)
    group.pass_s(5)
    begun_s = list(group.begun_s)
    group.do(group.supervised.close)
    group.pass_s(100)
    assert (group.begun_s, len(group.supervised)) == (begun_s, 0)


def test_what_is_run_once_may_not_be_cancelled_unnoticed_either(group: Group) -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    group.do(lambda: group.supervised.once("scripted work", cancelled()))
    group.pass_s(1)
    assert UNEXPECTED_ERRORS.take() == 1


def test_an_error_is_logged_by_its_class_and_place_and_counted(
    group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    group.start(fails)
    group.pass_s(1)
    assert UNEXPECTED_ERRORS.take() == 2
    assert UNEXPECTED_ERRORS.take() == 0, "each is reported once"
    assert "scripted work failed: KeyError" in caplog.text
    assert "in fails" in caplog.text
    assert SAID not in caplog.text


def test_what_must_be_finished_outlives_its_group(group: Group) -> None:
    done = list[bool]()

    async def summary() -> None:
        await asyncio.sleep(2)
        done.append(True)

    group.do(lambda: group.supervised.last("summary", summary()))
    group.do(group.supervised.close)
    group.pass_s(3)
    assert done == [True]
