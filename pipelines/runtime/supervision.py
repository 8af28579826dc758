"""Tasks of which none dies silently: an unexpected error is logged without speech, counted, and the
task begun again a little later."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


class Supervised:
    """A group of tasks of one owner. ``errors`` counts what was not expected."""

    def __init__(self) -> None:
        self.errors = 0
        self.is_closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run ``work`` in a task; again, after a growing wait, when it raises."""
        return self._keep(asyncio.get_running_loop().create_task(self._insist(name, work)))

    def once(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` in a task; what it raises is logged and counted."""
        return self._keep(asyncio.get_running_loop().create_task(self._tried(name, work)))

    def unexpected(self, name: str) -> None:
        """Log and count the error that is being handled: its class and where it was raised, not its
        message, which may hold speech."""
        self.errors += 1
        kind, _, where = sys.exc_info()
        frames = "".join(traceback.format_tb(where))
        _log.error("%s failed: %s\n%s", name, kind.__name__ if kind else "?", frames)

    def last(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as ``once`` does; it is not cancelled by ``close``."""
        task = asyncio.get_running_loop().create_task(self._tried(name, work))
        self._last.add(task)
        task.add_done_callback(self._last.discard)

    def close(self) -> None:
        """Cancel all tasks."""
        self.is_closed = True
        for task in tuple(self._tasks):
            task.cancel()

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tried(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self.unexpected(name)

    async def _insist(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await work()
            except Exception:
                self.unexpected(name)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                return
