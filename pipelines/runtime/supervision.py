"""Tasks of which none dies silently: an unexpected error is logged without speech, counted, and the
task begun again a little later.

A ``CancelledError`` that nobody asked this task for is such an error: a library that cancels a
future of its own raises it in whoever waits for that.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


class ErrorCount:
    """Errors of this process that no step has reported yet; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._untaken = 0

    def add(self) -> None:
        with self._lock:
            self._untaken += 1

    def take(self) -> int:
        """How many came since it was last called."""
        with self._lock:
            taken, self._untaken = self._untaken, 0
        return taken


UNEXPECTED_ERRORS = ErrorCount()
"""Reported by the steps that are a source, as the counter ``supervision/unexpected_errors``."""


def unexpected(name: str) -> None:
    """Log and count the error that is being handled: its class and where it was raised, not its
    message, which may hold speech."""
    UNEXPECTED_ERRORS.add()
    kind, _, where = sys.exc_info()
    frames = "".join(traceback.format_tb(where))
    _log.error("%s failed: %s\n%s", name, kind.__name__ if kind else "?", frames)


class Supervised:
    """A group of tasks of one owner."""

    def __init__(self) -> None:
        self.is_closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run ``work`` in a task; again, after a growing wait, when it raises. Once it has run for
        longer than the longest wait, the next wait is the first one again."""
        return self._keep(asyncio.get_running_loop().create_task(self._insist(name, work)))

    def once(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` in a task; what it raises is logged and counted."""
        return self._keep(asyncio.get_running_loop().create_task(self._tried(name, work)))

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
        except asyncio.CancelledError:
            if self._is_asked_to_stop():
                raise
            unexpected(name)
        except Exception:
            unexpected(name)

    async def _insist(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        wait_s = FIRST_WAIT_S
        while True:
            begun_s = loop.time()
            try:
                await work()
                return
            except asyncio.CancelledError:
                if self._is_asked_to_stop():
                    raise
                unexpected(name)
            except Exception:
                unexpected(name)
            if loop.time() - begun_s > LONGEST_WAIT_S:
                wait_s = FIRST_WAIT_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _is_asked_to_stop(self) -> bool:
        """Whether somebody cancelled the running task, or closed its group."""
        task = asyncio.current_task()
        return self.is_closed or task is None or task.cancelling() > 0
