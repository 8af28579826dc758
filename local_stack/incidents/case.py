"""What was done and seen about one trouble, as values and as the line that is printed. Pure, but
for waiting."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

T = TypeVar("T")
POLL_S = 0.2


class NotShownError(RuntimeError):
    """What the page says was not seen, or did not help."""


@dataclass(slots=True)
class Case:
    """``number``: of the run-book's trouble. Each step is noted when it is true, so that a case
    that ends early shows how far it came."""

    number: int
    name: str
    provoked: list[str] = field(default_factory=list[str])
    seen: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])
    helped: list[str] = field(default_factory=list[str])
    failure: str = ""
    took_s: float = 0.0

    @property
    def is_shown(self) -> bool:
        """Every part of it: a sign, a step of the page, and that it helped."""
        return not self.failure and all((self.provoked, self.seen, self.done, self.helped))

    @property
    def line(self) -> str:
        told = (
            f"{name}: {', '.join(notes)}"
            for name, notes in (
                ("provoked", self.provoked),
                ("seen", self.seen),
                ("done", self.done),
                ("helped", self.helped),
            )
            if notes
        )
        verdict = "ok " if self.is_shown else "BAD"
        failure = f" | failed: {self.failure}" if self.failure else ""
        head = f"{verdict} {self.number:2} {self.name} ({self.took_s:.0f} s)"
        return f"{' | '.join((head, *told))}{failure}"


async def until(
    look: Callable[[], T | None] | Callable[[], Awaitable[T | None]],
    what: str,
    timeout_s: float = 30.0,
) -> tuple[T, float]:
    """(the first answer that is true, seconds until it came). NotShownError: none did."""
    clock = asyncio.get_running_loop().time
    began_s = clock()
    while True:
        found = look()
        answer = cast("T | None", await found if inspect.isawaitable(found) else found)
        waited_s = clock() - began_s
        if answer:
            return answer, waited_s
        if waited_s > timeout_s:
            raise NotShownError(f"not within {timeout_s:.0f} s: {what}")
        await asyncio.sleep(POLL_S)


def ending(cases: list[Case]) -> str:
    """The last line."""
    shown = sum(case.is_shown for case in cases)
    return f"{shown} of {len(cases)} incidents provoked, seen and mended"
