"""Notices a wait that takes too long, for the price of two assignments a wait.

``asyncio.timeout`` sets and clears a timer each time. With a thousand speakers that is a tenth of
the gateway's CPU for timers of which none ever fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager


class StallTimeout:
    """Calls ``on_over`` once, when one wait between ``begin`` and ``end`` has lasted ``limit_s``.

    Time is the loop's; waits do not overlap.
    """

    def __init__(self, limit_s: float, on_over: Callable[[], object]) -> None:
        self._limit_s = limit_s
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._since_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._since_s = self._loop.time()

    def end(self) -> None:
        self._since_s = None

    @contextmanager
    def watching(self) -> Generator[None, None, None]:
        """Only in here a wait is noticed."""
        self._look_in(self._limit_s)
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _look_in(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """A wait that begins after this look is not over before the next one."""
        since_s = self._since_s
        left_s = self._limit_s if since_s is None else since_s + self._limit_s - self._loop.time()
        if left_s <= 0:
            self._on_over()
        else:
            self._look_in(left_s)
