"""Which calls go together, and whose error is whose."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from connectors.calls.call_batch import CallBatch
from connectors.interfaces.errors import RetryableError

pytestmark = pytest.mark.unit


class Engine:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.free = asyncio.Semaphore(0)

    async def ask(self, questions: Sequence[str]) -> list[str]:
        self.asked.append(list(questions))
        await self.free.acquire()
        if "bad" in questions:
            raise RetryableError("no")
        return [question.upper() for question in questions]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_those_that_come_while_the_engine_is_busy_go_together() -> None:
    engine = Engine()
    batch: CallBatch[str, str] = CallBatch(engine.ask, most=3)
    calls = [asyncio.create_task(batch.call("a"))]
    await turns()
    calls += [asyncio.create_task(batch.call(each)) for each in "bcdef"]
    await turns()
    assert engine.asked == [["a"]], "nobody waits for company"
    for _ in range(3):
        engine.free.release()
    assert await asyncio.gather(*calls) == list("ABCDEF")
    assert engine.asked == [["a"], ["b", "c", "d"], ["e", "f"]]


async def test_who_gives_up_is_not_asked_for_and_stops_nobody() -> None:
    engine = Engine()
    batch: CallBatch[str, str] = CallBatch(engine.ask, most=3)
    first = asyncio.create_task(batch.call("a"))
    await turns()
    waiting, other = asyncio.create_task(batch.call("b")), asyncio.create_task(batch.call("c"))
    await turns()
    waiting.cancel()
    first.cancel()
    await turns()
    engine.free.release()
    engine.free.release()
    assert await other == "C"
    assert engine.asked == [["a"], ["c"]]


async def test_an_error_is_of_its_batch_alone() -> None:
    engine = Engine()
    batch: CallBatch[str, str] = CallBatch(engine.ask, most=2)
    calls = [asyncio.create_task(batch.call(each)) for each in ("bad", "a", "b")]
    for _ in range(3):
        engine.free.release()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in found] == [RetryableError, RetryableError, str]
    await batch.close()
