"""A real engine process: answers in order, and every way in which it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.local.engine_process import EngineProcess

pytestmark = pytest.mark.integration

MODULE = "tests.unit.connectors.local.played_engine"


@pytest.fixture
async def engine() -> AsyncIterator[EngineProcess]:
    engine = EngineProcess("voices", MODULE, "works")
    yield engine
    await engine.close()


async def test_many_callers_get_their_own_answers_from_one_process(engine: EngineProcess) -> None:
    texts = [f"text {number}".encode() for number in range(30)]
    answers = await asyncio.gather(*(engine.call(text, 10) for text in texts))
    assert answers == [text.upper() for text in texts]


async def test_a_caller_that_gives_up_takes_no_answer_from_another(engine: EngineProcess) -> None:
    await engine.start()
    process = engine.process_id
    given_up = asyncio.create_task(engine.call(b"one", 10))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await engine.call(b"two", 10) == b"TWO"
    assert engine.process_id == process


async def test_an_engine_that_dies_is_retryable_and_the_next_call_starts_another(
    engine: EngineProcess,
) -> None:
    with pytest.raises(RetryableError, match="voices died"):
        await engine.call(b"die", 10)
    assert await engine.call(b"one", 10) == b"ONE"


async def test_an_engine_that_hangs_is_killed(engine: EngineProcess) -> None:
    await engine.start()
    hanging = engine.process_id
    with pytest.raises(RetryableError, match="no answer in time"):
        await engine.call(b"hang", 0.05)
    assert await engine.call(b"one", 10) == b"ONE"
    assert engine.process_id != hanging


async def test_what_an_engine_refuses_is_permanent_and_what_breaks_tells_no_words(
    engine: EngineProcess,
) -> None:
    with pytest.raises(PermanentError, match="voices: not that"):
        await engine.call(b"refuse", 10)
    with pytest.raises(RetryableError) as broken:
        await engine.call(b"break", 10)
    assert str(broken.value) == "voices: ValueError"
    assert await engine.call(b"one", 10) == b"ONE"


async def test_an_engine_that_cannot_load_says_why_each_time() -> None:
    engine = EngineProcess("voices", MODULE, "cannot load")
    for _ in range(2):
        with pytest.raises(PermanentError, match="voices: no model here"):
            await engine.call(b"one", 10)
    await engine.close()


async def test_a_closed_engine_starts_nothing(engine: EngineProcess) -> None:
    await engine.call(b"one", 10)
    await engine.close()
    with pytest.raises(PermanentError, match="closed"):
        await engine.call(b"one", 10)
    assert engine.process_id is None
