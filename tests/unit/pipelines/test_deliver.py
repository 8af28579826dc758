"""Steps in a row as one call: each language goes on as soon as it can, whatever the others do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.errors import PermanentError
from pipelines.transforms.deliver import Chained
from pipelines.worker.calls import CallSite, answered
from schemas.values import DeadLetter
from tests.unit.pipelines.session_under_test import Stage

pytestmark = pytest.mark.unit


def letter(stage: str, key: str) -> DeadLetter:
    return DeadLetter(stage, "PermanentError", key, 0)


@dataclass(frozen=True)
class Step:
    """Answers ``item`` with the parts behind ``+``; a part ``name:2`` takes 2 s, ``!`` fails."""

    stage: str

    def call_id(self, item: str) -> str:
        return item

    async def answers(self, item: str, at: CallSite) -> AsyncIterator[Any]:
        for part in item.split("+"):
            name, _, delay_s = part.partition(":")
            await asyncio.sleep(float(delay_s or 0))
            if name == "!":
                raise PermanentError("scripted")
            yield f"{self.stage}({name})"

    def failed(self, item: str, error: Exception, at: CallSite) -> Iterable[Any]:
        return [f"{self.stage} skipped", letter(self.stage, item)]


@dataclass(frozen=True)
class Slow(Step):
    """Takes 3 s for what has an ``x`` in it, and fails at what was skipped."""

    async def answers(self, item: str, at: CallSite) -> AsyncIterator[Any]:
        await asyncio.sleep(3.0 if "x" in item else 0.5)
        if item == "a skipped":
            raise PermanentError("scripted")
        yield f"{self.stage}({item})"


def came(item: str) -> list[tuple[Any, int]]:
    """Every answer of the chain and when it came, in ms."""
    stage = Stage()
    at = CallSite(stage.connectors, stage.loop, stage.ahead)
    began_ms = stage.loop.now_ms()
    answers: list[tuple[Any, int]] = []

    async def collect() -> None:
        chain = Chained(Step("a"), Slow("b"))
        async for answer in answered(chain, item, at):
            answers.append((answer, stage.loop.now_ms() - began_ms))  # noqa: PERF401 (its own time)

    done = stage.loop.start(collect())
    while not done.done():
        stage.loop.advance(stage.loop.now_ms() + 100)
    done.result()
    return answers


def test_a_slow_language_holds_up_no_other() -> None:
    assert came("x+y:1") == [("b(a(y))", 1_500), ("b(a(x))", 3_000)]


def test_what_fails_in_a_step_is_told_by_it_and_the_rest_goes_on() -> None:
    answers = [answer for answer, _ in came("y+!")]
    assert answers == [
        letter("a", "y+!"),
        "b(a(y))",
        "b skipped",
        letter("b", "a skipped"),
    ]


def test_it_is_the_first_step_to_the_registry() -> None:
    chain = Chained(Step("a"), Slow("b"))
    assert (chain.stage, chain.call_id("item")) == ("a", "item")
