"""A subscription that ends, breaks, is refused or taken: nothing missing, nothing twice."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest

from connectors.amazon.shard_subscription import (
    ShardEvent,
    ShardSubscription,
    SubscriptionInUseError,
)
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, None]], None]
Step = ShardEvent | Exception | float
TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)


def after(number: int) -> StartAt:
    return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, str(number))


def pushed(*numbers: int, through: int = 0, behind_ms: int = 0, closed: bool = False) -> ShardEvent:
    records = tuple(ShardRecord("key", str(each), 1_000 + each, b"x") for each in numbers)
    return ShardEvent(records, str(through or max(numbers, default=0)), behind_ms, closed)


class Service:
    """Each subscription plays the next script: events, pauses in seconds, errors; then it ends."""

    def __init__(self, *scripts: list[Step]) -> None:
        self._scripts = deque(scripts)
        self.calls: list[tuple[float, StartAt]] = []

    async def subscribe(self, start: StartAt) -> AsyncGenerator[ShardEvent, None]:
        self.calls.append((asyncio.get_running_loop().time(), start))
        for step in self._scripts.popleft() if self._scripts else [1e9]:
            if isinstance(step, ShardEvent):
                yield step
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)

    def open(self, start: StartAt = TRIM_HORIZON) -> ShardSubscription:
        return ShardSubscription("shard", start, self.subscribe)


async def read_on(
    subscription: ShardSubscription, until_s: float, position: StartAt = TRIM_HORIZON
) -> tuple[list[int], int]:
    """The numbers read until then, and how often the reader was sent to poll instead."""
    got: list[int] = []
    polls = 0
    while asyncio.get_running_loop().time() < until_s:
        answer = await subscription.read(position, 100, 1.0)
        if answer is None:
            polls += 1
            await asyncio.sleep(0.2)
        elif answer.records:
            got += [int(each.sequence_number) for each in answer.records]
            position = after(got[-1])
    return got, polls


def test_it_is_renewed_before_kinesis_ends_it(run_virtual: RunVirtual) -> None:
    """From where it was, also when the last pushes were empty; nobody has to poll for that."""

    async def run() -> None:
        service = Service(
            [0.3, pushed(1, 2), 99.0, pushed(through=5), 1e9],
            [0.2, pushed(6), 1.0, pushed(7), 1e9],
        )
        subscription = service.open()
        assert await read_on(subscription, 295) == ([1, 2, 6, 7], 0)
        assert service.calls == [(0.0, TRIM_HORIZON), (290.0, after(5))]
        await subscription.close()

    run_virtual(run())


def test_a_broken_connection_is_polled_over_and_made_again(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service(
            [pushed(1), 2.0, RetryableError("broken")], [pushed(2, 3), 20.0, pushed(4), 1e9]
        )
        subscription = service.open()
        got, polls = await read_on(subscription, 30)
        assert got == [1, 2, 3, 4]
        assert 14 <= polls <= 16, "from 2 s on, five times a second, to 5 s"
        assert service.calls == [(0.0, TRIM_HORIZON), (5.0, after(1))]
        await subscription.close()

    run_virtual(run())


def test_after_a_long_life_it_is_made_again_at_once(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([pushed(1), 60.0], [pushed(2), 1e9])
        subscription = service.open()
        assert await read_on(subscription, 70) == ([1, 2], 0)
        assert service.calls[1] == (60.0, after(1))
        await subscription.close()

    run_virtual(run())


def test_a_refusal_is_asked_again_when_five_seconds_are_over(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([SubscriptionInUseError("refused")], [pushed(1), 1e9])
        subscription = service.open()
        got, polls = await read_on(subscription, 8)
        assert (got, 24 <= polls <= 26) == ([1], True)
        assert [at_s for at_s, _ in service.calls] == [0.0, 5.0]
        await subscription.close()

    run_virtual(run())


def test_whoever_took_it_over_keeps_it_for_a_while(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([pushed(1), 10.0, SubscriptionInUseError("taken")], [pushed(2), 1e9])
        subscription = service.open()
        got, _ = await read_on(subscription, 45)
        assert got == [1, 2]
        assert service.calls == [(0.0, TRIM_HORIZON), (40.0, after(1))]
        await subscription.close()

    run_virtual(run())


def test_a_shard_that_ends_is_read_to_its_last_record(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([pushed(1, 2), pushed(3, closed=True)])
        subscription = service.open()
        await asyncio.sleep(10)
        ends: list[tuple[int, bool]] = []
        for position in (TRIM_HORIZON, after(2), after(3)):
            answer = await subscription.read(position, 2, 1.0)
            assert answer is not None
            ends.append((len(answer.records), answer.at_end))
        assert ends == [(2, False), (1, True), (0, True)]
        assert len(service.calls) == 1
        assert not subscription.is_over, "its readers still need it"

    run_virtual(run())


def test_a_silent_subscription_does_not_claim_to_be_at_the_tip(run_virtual: RunVirtual) -> None:
    """A hole is given up once the shard is read through behind it: that must be known."""

    async def run() -> None:
        service = Service([pushed(1, behind_ms=70), 6.0, pushed(through=1), 1e9])
        subscription = service.open()
        behind_ms: list[int] = []
        for _ in range(7):
            answer = await subscription.read(after(1), 9, 1.0)
            assert answer is not None
            behind_ms.append(answer.behind_ms)
        assert behind_ms == [70, 70, 1_070, 2_070, 3_070, 4_070, 0]
        await subscription.close()

    run_virtual(run())


def test_a_page_tells_how_much_older_the_next_is(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([pushed(1, 2, 51, behind_ms=5), 1e9])
        subscription = service.open()
        answer = await subscription.read(TRIM_HORIZON, 1, 1.0)
        assert answer is not None
        assert (answer.records[0].sequence_number, answer.behind_ms) == ("1", 5 + 49)
        await subscription.close()

    run_virtual(run())


def test_a_service_that_does_not_answer_holds_readers_up_once(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        subscription = Service([1e9]).open()
        asked_s = asyncio.get_running_loop().time
        assert await subscription.read(TRIM_HORIZON, 9, 1.0) is None
        assert asked_s() == pytest.approx(1.0)
        assert await subscription.read(TRIM_HORIZON, 9, 1.0) is None
        assert asked_s() == pytest.approx(1.0)
        await subscription.close()

    run_virtual(run())


@pytest.mark.parametrize(
    "refusal", [PermanentError("no such consumer"), ValueError("an answer that nobody can read")]
)
def test_what_is_refused_for_good_is_left_for_a_while(
    run_virtual: RunVirtual, refusal: Exception
) -> None:
    async def run() -> None:
        service = Service([refusal])
        subscription = service.open()
        got, polls = await read_on(subscription, 29)
        assert (got, subscription.is_over, len(service.calls)) == ([], False, 1)
        assert polls > 100
        await asyncio.sleep(2)
        assert subscription.is_over

    run_virtual(run())


def test_it_ends_when_nobody_reads(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        service = Service([step for _ in range(40) for step in (pushed(through=1), 5.0)])
        subscription = service.open()
        await read_on(subscription, 30)
        await asyncio.sleep(50)
        assert not subscription.is_over
        await asyncio.sleep(20)
        assert subscription.is_over
        assert len(service.calls) == 1

    run_virtual(run())
