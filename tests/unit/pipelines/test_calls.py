"""Slow calls beside the bundles: answers in order, none lost, none twice, none of a lost past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from pipelines.worker.calls import Answer, CallRegistry, CallSite, run_to_end
from tests.unit.pipelines.session_under_test import Stage

pytestmark = pytest.mark.unit

SLOT = ("translate", "0")


@dataclass
class Echo:
    """Answers ``item`` as ``item.1``, ``item.2``... one a second; what it is told to, fails."""

    answers_each: int = 1
    fails_after: int = 99
    failed_fails: bool = False
    started: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    stage: str = "translate"

    def call_id(self, item: str) -> str:
        return item

    async def answers(self, item: str, at: CallSite) -> AsyncIterator[str]:
        self.started.append(item)
        try:
            for number in range(1, self.answers_each + 1):
                await asyncio.sleep(1)
                if number > self.fails_after:
                    raise ValueError("scripted")
                yield f"{item}.{number}"
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise

    def failed(self, item: str, error: Exception, at: CallSite) -> Iterator[str]:
        if self.failed_fails:
            raise KeyError("scripted: a bug")
        yield f"{item} failed: {type(error).__name__}"


@dataclass
class Desk:
    echo: Echo

    def __post_init__(self) -> None:
        self.stage = Stage()
        self.registry = CallRegistry(self.stage.loop)
        self.site = CallSite(self.stage.connectors, self.stage.loop, self.stage.ahead)

    def submit(self, *items: str, slot: tuple[str, str] = SLOT) -> None:
        for item in items:
            self.registry.submit(slot, self.echo, item, self.site)

    def after(self, seconds: float) -> list[Answer]:
        loop = self.stage.loop
        loop.advance(loop.now_ms() + round(seconds * 1000))
        return self.registry.collect(SLOT)


def test_answers_come_as_they_are_ready_and_then_the_end() -> None:
    desk = Desk(Echo(answers_each=2))
    desk.submit("a")
    assert desk.after(0.5) == []
    assert not desk.registry.has_answers(SLOT)
    assert desk.after(0.6) == [Answer("a", "a.1")]
    assert desk.after(1.0) == [Answer("a", "a.2"), Answer("a", finished=True)]
    assert desk.registry.known(SLOT) == frozenset()


def test_all_calls_run_at_once_and_answer_in_order_of_readiness() -> None:
    desk = Desk(Echo(answers_each=2))
    desk.submit("a")
    desk.stage.loop.advance(desk.stage.loop.now_ms() + 500)
    desk.submit("b")
    values = [answer.value for answer in desk.after(5) if not answer.finished]
    assert values == ["a.1", "b.1", "a.2", "b.2"]


def test_a_call_that_is_submitted_again_runs_once() -> None:
    desk = Desk(Echo())
    desk.submit("a", "a")
    desk.stage.loop.advance(desk.stage.loop.now_ms() + 2_000)
    desk.submit("a")
    assert desk.echo.started == ["a"], "its answer waits"
    assert [answer.value for answer in desk.after(3)] == ["a.1", None]
    desk.submit("a")
    assert desk.echo.started == ["a", "a"], "collected: it is a new call"


def test_slots_do_not_meet() -> None:
    desk = Desk(Echo())
    desk.submit("a")
    desk.submit("a", slot=("translate", "1"))
    assert desk.echo.started == ["a", "a"]
    assert [answer.value for answer in desk.after(2)] == ["a.1", None]
    assert desk.registry.known(("translate", "1")) == {"a"}


def test_a_failure_has_an_outcome_behind_what_was_answered() -> None:
    desk = Desk(Echo(answers_each=3, fails_after=1))
    desk.submit("a")
    assert [answer.value for answer in desk.after(5)] == ["a.1", "a failed: ValueError", None]


def test_a_handler_that_fails_at_failing_still_ends() -> None:
    """Or the call would be in flight for ever, and its item in the state."""
    desk = Desk(Echo(fails_after=0, failed_fails=True))
    desk.submit("a")
    assert desk.after(5) == [Answer("a", finished=True)]
    assert desk.registry.known(SLOT) == frozenset()


def test_dropped_calls_are_cancelled_and_their_answers_forgotten() -> None:
    desk = Desk(Echo(answers_each=2))
    desk.submit("a", "b")
    desk.stage.loop.advance(desk.stage.loop.now_ms() + 1_500)
    assert desk.registry.known(SLOT) == {"a", "b"}
    desk.registry.drop(SLOT, ["a", "unknown"])
    assert [answer.value for answer in desk.after(5)] == ["b.1", "b.2", None]
    assert desk.echo.cancelled == ["a"]


def test_a_dropped_call_may_be_submitted_again() -> None:
    desk = Desk(Echo())
    desk.submit("a")
    desk.registry.drop(SLOT, ["a"])
    desk.submit("a")
    assert [answer.value for answer in desk.after(5)] == ["a.1", None]


class Stubborn(Echo):
    """Answers although it was cancelled."""

    async def answers(self, item: str, at: CallSite) -> AsyncIterator[str]:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            yield f"{item} all the same"


def test_a_dropped_call_that_answers_all_the_same_is_not_heard() -> None:
    desk = Desk(Stubborn())
    desk.submit("a")
    desk.registry.drop(SLOT, ["a"])
    assert desk.after(5) == []
    assert not desk.registry.has_answers(SLOT)


def test_closing_cancels_everything() -> None:
    desk = Desk(Echo())
    desk.submit("a", "b")
    desk.registry.close()
    assert desk.after(5) == []
    assert desk.echo.cancelled == ["a", "b"]


@pytest.mark.parametrize(
    ("echo", "values"),
    [
        (Echo(answers_each=2), ["a.1", "a.2"]),
        (Echo(answers_each=2, fails_after=1), ["a.1", "a failed: ValueError"]),
    ],
)
def test_a_bounded_run_has_the_same_answers_at_once(echo: Echo, values: list[str]) -> None:
    desk = Desk(echo)
    loop = desk.stage.loop
    assert loop.wait(loop.start(run_to_end(echo, "a", desk.site))) == values
