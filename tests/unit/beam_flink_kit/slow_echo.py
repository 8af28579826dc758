"""A handler for the tests of slow calls, and its calls in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from beam_flink_kit.async_calls import CallPolicy, LostCall, StageCalls
from beam_flink_kit.call_scope import PlainCallScope
from beam_flink_kit.loops import TimeMode

START_MS = 1_800_000_000_000


class BusyError(Exception):
    """What the handler raises when it has retried by itself."""


@dataclass
class SlowEcho:
    """Answers ``item`` as ``item.1``, ``item.2`` ... one each ``pause_s``. The first letter of an
    item says what becomes of it: ``?`` raises at once, ``!`` after its first answer, ``~`` never
    answers, ``#`` is busy, ``@`` has no id, ``^`` is cancelled from inside, ``%`` asks the process
    to exit, ``=`` answers all the same when it is cancelled."""

    answers_each: int = 1
    pause_s: float = 1.0
    bad_attempts: int = 99
    """So many attempts at an item raise; the next one is well."""
    failed_fails: bool = False
    stage: str = "echo"
    started: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def call_id(self, item: str) -> str:
        if item.startswith("@"):
            raise KeyError(f"secret of {item}")
        return item

    async def answers(self, item: str, at: Any) -> AsyncIterator[str]:
        self.started.append(item)
        is_bad = self.bad_attempts == 99 or self.started.count(item) <= self.bad_attempts
        try:
            for number in range(1, self.answers_each + 1):
                if item.startswith("="):
                    try:
                        await asyncio.sleep(3_600)
                    except asyncio.CancelledError:
                        yield f"{item} all the same"
                    return
                await asyncio.sleep(3_600 if item.startswith("~") else self.pause_s)
                if is_bad:
                    self._raise(item, number)
                yield f"{item}.{number}"
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise

    def _raise(self, item: str, number: int) -> None:
        match item[0]:
            case "?":
                raise ValueError(f"secret of {item}")
            case "!" if number > 1:
                raise ValueError(f"secret of {item}")
            case "#":
                raise BusyError
            case "^":
                raise asyncio.CancelledError
            case "%":
                raise SystemExit(1)
            case _:
                pass

    def failed(self, item: str, error: Exception, at: Any) -> Iterator[str]:
        yield f"{item} failed: {type(error).__name__}"
        if self.failed_fails:
            raise KeyError(f"secret of {item}")


class Desk:
    """The calls of one step."""

    def __init__(self, echo: SlowEcho, policy: CallPolicy | None = None) -> None:
        self.echo = echo
        self.scope = PlainCallScope(TimeMode.VIRTUAL)
        self.scope.loop.advance(START_MS)
        self.calls: StageCalls = self.scope.calls.of_step(
            "step", echo, self.scope.call_site(), policy or CallPolicy()
        )

    def begin(self, *items: str) -> None:
        for item in items:
            self.calls.begin(item)

    def after(self, seconds: float) -> list[Any]:
        loop = self.scope.loop
        loop.advance(loop.now_ms() + round(seconds * 1000))
        return self.values()

    def values(self) -> list[Any]:
        return [answer.value for answer in self.calls.take()]


def lost(call_id: str, item: str, cause: str) -> LostCall:
    return LostCall("echo", call_id, item, cause)
