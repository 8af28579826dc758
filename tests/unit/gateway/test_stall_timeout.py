"""A wait that takes too long is noticed; one that ended in time is not. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ingest_gateway.hosts.server.stall_timeout import StallTimeout

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


async def noticed_at_s(*script: tuple[str, float]) -> list[float]:
    """Do each step at its time, with a limit of 10 s, and watch for 100 s in all."""
    loop = asyncio.get_running_loop()
    noticed: list[float] = []
    timeout = StallTimeout(10.0, lambda: noticed.append(loop.time()))
    with timeout.watching():
        for step, at_s in script:
            await asyncio.sleep(at_s - loop.time())
            getattr(timeout, step)()
        await asyncio.sleep(100 - loop.time())
    return noticed


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param([("begin", 0)], [10.0], id="from the start"),
        pytest.param([("begin", 3)], [13.0], id="begun between two looks"),
        pytest.param([("begin", 0), ("end", 9.5)], [], id="over in time"),
        pytest.param([], [], id="nobody waits"),
        pytest.param(
            [("begin", 0), ("end", 9), ("begin", 9), ("end", 18), ("begin", 18)],
            [28.0],
            id="only the last of several",
        ),
        pytest.param(
            [("begin", 0), ("end", 4), ("begin", 50)], [60.0], id="after a long time of nothing"
        ),
    ],
)
def test_one_wait_over_the_limit_is_noticed_once_and_on_time(
    run_virtual: RunVirtual, script: list[tuple[str, float]], expected: list[float]
) -> None:
    assert run_virtual(noticed_at_s(*script)) == pytest.approx(expected)


def test_nothing_is_noticed_when_nobody_watches_any_more(run_virtual: RunVirtual) -> None:
    async def leave_early() -> list[str]:
        noticed: list[str] = []
        timeout = StallTimeout(10.0, lambda: noticed.append("over"))
        with timeout.watching():
            timeout.begin()
            await asyncio.sleep(9)
        await asyncio.sleep(100)
        return noticed

    assert run_virtual(leave_early()) == []
