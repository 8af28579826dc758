"""A question to a table is asked once, answered once, and a failure is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import PermanentError
from connectors.policy import Policy
from pipelines.worker.lookups import Lookups
from tests.unit.pipelines.session_under_test import Stage

pytestmark = pytest.mark.unit


def test_one_question_a_key_and_one_answer_a_question() -> None:
    stage = Stage()
    asked: list[str] = []

    async def question(key: str) -> str:
        asked.append(key)
        await asyncio.sleep(1)
        return f"of {key}"

    lookups = Lookups(stage.loop, Policy(), question)
    for key in ("a", "b", "a"):
        lookups.ask(key)
    assert asked == ["a", "b"]
    assert lookups.answer("a") is None
    stage.loop.advance(stage.loop.now_ms() + 1_000)
    assert (lookups.answer("a"), lookups.answer("b")) == ("of a", "of b")
    assert lookups.answer("a") is None
    lookups.ask("a")
    assert asked == ["a", "b", "a"]


def test_a_failed_question_may_be_asked_again() -> None:
    stage = Stage()
    answers: list[str | PermanentError] = [PermanentError("scripted"), "fine"]

    async def question(_key: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, PermanentError):
            raise answer
        return answer

    lookups = Lookups(stage.loop, Policy(), question)
    lookups.ask("a")
    assert lookups.answer("a") is None
    lookups.ask("a")
    assert lookups.answer("a") == "fine"
