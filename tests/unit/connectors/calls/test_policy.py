"""Retries, deadlines and rate limits, in virtual time: no test here waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from connectors.calls.policy import Policy, RateLimiter, call
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
POLICY = Policy(attempts=4, deadline_s=10.0, per_call_s=2.0, first_wait_s=0.5, longest_wait_s=1.5)


class Service:
    """Answers as scripted: an error is raised, a number is seconds until the answer ``ok``."""

    def __init__(self, *script: Exception | float) -> None:
        self.script = list(script)
        self.asked_at_s: list[float] = []

    async def __call__(self) -> str:
        self.asked_at_s.append(asyncio.get_running_loop().time())
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        await asyncio.sleep(step)
        return "ok"


async def ask(
    service: Callable[[], Awaitable[str]],
    policy: Policy = POLICY,
    *,
    fraction: float = 0.0,
    limiter: RateLimiter | None = None,
) -> str:
    return await call(policy, service, limiter=limiter, fraction=lambda: fraction)


def test_the_first_answer_is_the_answer(run_virtual: RunVirtual) -> None:
    service = Service(1.0)
    assert run_virtual(ask(service)) == "ok"
    assert service.asked_at_s == [0.0]


def test_waits_double_up_to_the_longest(run_virtual: RunVirtual) -> None:
    broken = RetryableError("broken")
    service = Service(broken, broken, broken, 0.0)
    assert run_virtual(ask(service)) == "ok"
    assert service.asked_at_s == pytest.approx([0.0, 0.5, 1.5, 3.0])


def test_chance_takes_up_to_half_of_a_wait(run_virtual: RunVirtual) -> None:
    service = Service(RetryableError("broken"), 0.0)
    run_virtual(ask(service, fraction=0.5))
    assert service.asked_at_s == pytest.approx([0.0, 0.375])


def test_the_last_error_stays_what_it_is(run_virtual: RunVirtual) -> None:
    last = ThrottledError("too many")
    service = Service(*[RetryableError("broken")] * 3, last)
    with pytest.raises(ThrottledError) as raised:
        run_virtual(ask(service))
    assert raised.value is last
    assert raised.value.__notes__ == ["gave up after 4 of 4 attempts"]


@pytest.mark.parametrize("error", [PermanentError("no voice"), ValueError("a bug")])
def test_what_cannot_succeed_is_not_repeated(run_virtual: RunVirtual, error: Exception) -> None:
    service = Service(error, 0.0)
    with pytest.raises(type(error)):
        run_virtual(ask(service))
    assert len(service.asked_at_s) == 1


def test_the_services_own_wish_replaces_the_wait(run_virtual: RunVirtual) -> None:
    service = Service(ThrottledError("slow down", retry_after_s=4.0), 0.0)
    run_virtual(ask(service, fraction=0.9))
    assert service.asked_at_s == pytest.approx([0.0, 4.0])


def test_an_attempt_that_hangs_is_ended_and_repeated(run_virtual: RunVirtual) -> None:
    service = Service(3600.0, 1.0)
    assert run_virtual(ask(service)) == "ok"
    assert service.asked_at_s == pytest.approx([0.0, 2.5])


HEDGED = replace(POLICY, hedged=True)


def test_a_hedged_attempt_over_its_time_goes_on_beside_the_next(run_virtual: RunVirtual) -> None:
    """As slow each time: ended and repeated it would never answer."""

    async def scenario() -> tuple[float, list[float]]:
        service = Service(6.8, 6.8, 6.8, 6.8)
        assert await ask(service, HEDGED) == "ok"
        return asyncio.get_running_loop().time(), service.asked_at_s

    assert run_virtual(scenario()) == (pytest.approx(6.8), pytest.approx([0.0, 2.5, 5.5]))


def test_the_next_attempt_of_a_hedged_call_may_answer_first(run_virtual: RunVirtual) -> None:
    async def scenario() -> float:
        tasks_before = asyncio.all_tasks()
        assert await ask(Service(3600.0, 1.0), HEDGED) == "ok"
        assert asyncio.all_tasks() == tasks_before, "the slow attempt is cancelled"
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(3.5)


def test_a_hedged_call_outlives_an_error_beside_a_slow_attempt(run_virtual: RunVirtual) -> None:
    async def scenario() -> float:
        assert await ask(Service(3.0, RetryableError("broken")), HEDGED) == "ok"
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(3.0)


@pytest.mark.parametrize("error", [PermanentError("no voice"), ValueError("a bug")])
def test_a_hedged_call_ends_with_what_cannot_succeed(
    run_virtual: RunVirtual, error: Exception
) -> None:
    async def scenario() -> float:
        with pytest.raises(type(error)):
            await ask(Service(3600.0, error), HEDGED)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(2.5)


def test_a_cancelled_hedged_call_leaves_no_attempt(run_virtual: RunVirtual) -> None:
    async def scenario() -> None:
        tasks_before = asyncio.all_tasks()
        asking = asyncio.create_task(ask(Service(*[3600.0] * 4), HEDGED))
        await asyncio.sleep(5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert asyncio.all_tasks() == tasks_before

    run_virtual(scenario())


@pytest.mark.parametrize("policy", [POLICY, HEDGED])
def test_the_deadline_holds_for_everything_together(
    run_virtual: RunVirtual, policy: Policy
) -> None:
    """Attempts of 2 s at 0, 2.5 and 5.5; the next could begin at 9 and has but 1 s."""

    async def scenario() -> float:
        with pytest.raises(RetryableError):
            await ask(Service(*[3600.0] * 4), policy)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(10.0)


def test_no_wait_that_ends_behind_the_deadline_is_begun(run_virtual: RunVirtual) -> None:
    async def scenario() -> float:
        with pytest.raises(ThrottledError):
            await ask(Service(ThrottledError("tomorrow", retry_after_s=86_400), 0.0))
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == 0.0


def test_a_cancelled_call_is_not_repeated(run_virtual: RunVirtual) -> None:
    async def scenario() -> list[float]:
        service = Service(3600.0, 0.0)
        asking = asyncio.create_task(ask(service))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return service.asked_at_s

    assert run_virtual(scenario()) == [0.0]


def test_a_limiter_spaces_calls_behind_its_burst(run_virtual: RunVirtual) -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(per_s=10, burst=3)
        service = Service(*[0.0] * 6)
        await asyncio.gather(*(ask(service, limiter=limiter) for _ in range(6)))
        return service.asked_at_s

    assert run_virtual(scenario()) == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2, 0.3])


def test_a_rested_limiter_allows_its_burst_and_no_more(run_virtual: RunVirtual) -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(per_s=10, burst=2)
        service = Service(*[0.0] * 4)
        await ask(service, limiter=limiter)
        await asyncio.sleep(100)
        await asyncio.gather(*(ask(service, limiter=limiter) for _ in range(3)))
        return service.asked_at_s

    assert run_virtual(scenario()) == pytest.approx([0.0, 100.0, 100.0, 100.1])


def test_turns_come_in_the_order_of_asking(run_virtual: RunVirtual) -> None:
    async def scenario() -> list[int]:
        limiter = RateLimiter(per_s=10)
        served: list[int] = []

        async def take(number: int) -> None:
            await limiter.acquire()
            served.append(number)

        await asyncio.gather(*(take(number) for number in range(20)))
        return served

    assert run_virtual(scenario()) == list(range(20))


def test_one_throttled_call_holds_those_behind_it(run_virtual: RunVirtual) -> None:
    """The second call was already waiting for its turn at 0.1 s when the service said: 3 s."""

    async def scenario() -> list[float]:
        limiter = RateLimiter(per_s=10)
        throttled = Service(ThrottledError("slow down", retry_after_s=3.0), 0.0)
        other = Service(0.0)
        await asyncio.gather(ask(throttled, limiter=limiter), ask(other, limiter=limiter))
        return [*throttled.asked_at_s, *other.asked_at_s]

    assert run_virtual(scenario()) == pytest.approx([0.0, 3.0, 3.0])


def test_waiting_for_a_turn_counts_into_the_deadline(run_virtual: RunVirtual) -> None:
    async def scenario() -> tuple[float, list[float]]:
        limiter = RateLimiter(per_s=0.01)
        await limiter.acquire()
        service = Service(0.0)
        with pytest.raises(RetryableError):
            await ask(service, limiter=limiter)
        return asyncio.get_running_loop().time(), service.asked_at_s

    assert run_virtual(scenario()) == (pytest.approx(10.0), [])


@pytest.mark.parametrize(("per_s", "burst"), [(0, 1), (-1, 1), (5, 0)])
def test_a_limit_that_lets_nothing_through_is_refused(per_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimiter(per_s, burst)
