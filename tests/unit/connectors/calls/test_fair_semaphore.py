"""Who gets a stream when there are fewer than sessions: in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from connectors.calls.fair_semaphore import (
    KEPT_S,
    RECENT_S,
    REMEMBERED_S,
    TELL_EVERY_S,
    FairSemaphore,
    Queue,
)
from connectors.interfaces.errors import RetryableError, ThrottledError

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
OFTEN = 1000.0


def order(queue: Queue) -> list[str]:
    return [queue.take_next() for _ in range(len(queue))]


def test_who_has_waited_longest_comes_first() -> None:
    queue = Queue()
    for at_s, session in enumerate("abc"):
        queue.ask(session, at_s)
    assert queue.longest_wait_s(10.0) == 10.0
    assert order(queue) == ["a", "b", "c"]
    assert queue.longest_wait_s(10.0) == 0.0


def test_who_asked_at_the_same_time_comes_in_the_order_of_asking() -> None:
    queue = Queue()
    for session in "dbca":
        queue.ask(session, 1.0)
    assert order(queue) == ["d", "b", "c", "a"]


def test_a_wait_goes_on_when_its_caller_gave_up_and_came_again() -> None:
    queue = Queue()
    queue.ask("old", 0.0)
    queue.ask("new", 3.0)
    queue.give_up("old", 5.0)
    queue.ask("old", 9.0)
    assert queue.longest_wait_s(9.0) == 9.0
    assert order(queue) == ["old", "new"]


def test_a_wait_that_nobody_came_back_to_is_forgotten() -> None:
    queue = Queue()
    queue.ask("old", 0.0)
    queue.give_up("old", 5.0)
    queue.ask("new", 5.0 + REMEMBERED_S + 1)
    queue.ask("old", 5.0 + REMEMBERED_S + 2)
    assert order(queue) == ["new", "old"]


def test_a_stream_that_broke_comes_before_whoever_waits_and_one_given_back_behind() -> None:
    queue = Queue()
    queue.ask("waiting", 0.0)
    queue.gave_back("spoke", 10.0, broke=False)
    queue.gave_back("broken", 10.0, broke=True)
    queue.ask("spoke", 10.0)
    queue.ask("new", 10.0 + RECENT_S - 1)
    queue.ask("newer", 10.0 + RECENT_S + 1)
    queue.ask("broken", 10.0 + RECENT_S + 2)
    assert order(queue) == ["broken", "waiting", "new", "spoke", "newer"]


def test_a_place_goes_to_who_waited_longest_whoever_asks_next(run_virtual: RunVirtual) -> None:
    """Three sessions, one place, each speaks for 4 s and asks again at once: they take turns."""

    async def run() -> list[str]:
        turns = FairSemaphore(1, OFTEN)
        served: list[str] = []

        async def talk(session: str) -> None:
            for _ in range(3):
                while True:
                    try:
                        await turns.acquire(session, 1.0)
                    except ThrottledError:
                        await asyncio.sleep(0.3)  # as a recogniser does, away from the queue
                    else:
                        break
                served.append(session)
                await asyncio.sleep(4.0)
                turns.release(session)

        await asyncio.gather(*(talk(session) for session in "abc"))
        return served

    assert run_virtual(run()) == list("abcabcabc")


def test_a_session_whose_stream_broke_is_not_passed_by_those_who_wait(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        turns = FairSemaphore(1, OFTEN)
        await turns.acquire("speaks", 1.0)
        waiting = asyncio.create_task(turns.acquire("waits", 60.0))
        await asyncio.sleep(0.5)
        assert turns.is_wanted
        turns.release("speaks", broke=True)
        await asyncio.sleep(KEPT_S / 2)
        await turns.acquire("speaks", 1.0)
        assert not waiting.done()
        turns.release("speaks", broke=True)
        await asyncio.sleep(KEPT_S + 0.1)
        assert waiting.done()
        assert not turns.is_wanted

    run_virtual(run())


def test_no_session_holds_two_or_waits_twice(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        turns = FairSemaphore(2, OFTEN)
        await turns.acquire("a", 1.0)
        with pytest.raises(RetryableError, match="already"):
            await turns.acquire("a", 1.0)
        await turns.acquire("b", 1.0)
        first = asyncio.create_task(turns.acquire("c", 60.0))
        await asyncio.sleep(0)
        second = asyncio.create_task(turns.acquire("c", 60.0))
        await asyncio.sleep(0.1)
        with pytest.raises(RetryableError, match="once more"):
            first.result()
        assert turns.waiting == 1
        turns.release("a")
        await second
        assert not turns.is_wanted

    run_virtual(run())


def test_who_is_refused_is_told_and_the_log_every_ten_seconds(
    run_virtual: RunVirtual, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        turns = FairSemaphore(1, OFTEN)
        await turns.acquire("a", 1.0)
        for _ in range(3):
            with pytest.raises(ThrottledError, match="1 streams are open"):
                await turns.acquire("b", TELL_EVERY_S / 2)
        assert (turns.refusals, turns.waiting) == (3, 0)

    with caplog.at_level(logging.WARNING):
        run_virtual(run())
    said = "1 streams are open, which is the limit; sessions that wait: 1, the longest for"
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"{said} 5 s", f"{said} 15 s"]


def test_only_a_lack_of_places_refuses_not_a_late_start(run_virtual: RunVirtual) -> None:
    async def run() -> float:
        turns = FairSemaphore(100, per_s=1.0)
        await asyncio.gather(*(turns.acquire(f"{each}", 1.0) for each in range(31)))
        return asyncio.get_running_loop().time()

    assert run_virtual(run()) == pytest.approx(30.0)


def test_a_caller_who_is_cancelled_leaves_its_place_to_others(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        turns = FairSemaphore(1, OFTEN)
        await turns.acquire("a", 1.0)
        gone = asyncio.create_task(turns.acquire("gone", 60.0))
        await asyncio.sleep(1.0)
        turns.release("a")  # the turn is gone's ...
        gone.cancel()  # ... who does not hear of it any more
        with pytest.raises(asyncio.CancelledError):
            await gone
        await turns.acquire("b", 1.0)

    run_virtual(run())
