"""The event loop that runs slow calls beside the bundles, in real time or in a test's time."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from enum import StrEnum
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class TimeMode(StrEnum):
    LIVE = "live"
    """Calls run beside the bundles; ticks hand their answers on."""
    INLINE = "inline"
    """A bounded run: a bundle waits for its own calls; there are no ticks."""
    VIRTUAL = "virtual"
    """Tests: like live, in a time that only ticks move."""


class WorkerLoop(Protocol):
    """Runs coroutines for DoFns, which are called from Beam's threads."""

    @property
    def is_virtual(self) -> bool: ...

    def now_ms(self) -> int:
        """Milliseconds since 1970, for timestamps."""
        ...

    def now_s(self) -> float:
        """Seconds of the loop's own steady clock, for durations. From any thread."""
        ...

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin ``work`` and return at once."""
        ...

    def call(self, work: Callable[[], None]) -> None:
        """Have ``work``, which does not wait, done in the loop, in the order of the calls."""
        ...

    def call_later(self, delay_s: float, work: Callable[[], None]) -> None:
        """Have ``work``, which does not wait, done in the loop after ``delay_s``."""
        ...

    def wait(self, future: Future[T], timeout_s: float | None = None) -> T:
        """Its result. Only bounded runs and ``setup`` may wait."""
        ...

    def advance(self, now_ms: int) -> None:
        """A tick: in virtual time everything due until now happens; in real time it has."""
        ...

    def stop(self) -> None:
        """Cancel what runs and end."""
        ...


def loop_for(time_mode: TimeMode) -> WorkerLoop:
    return VirtualLoop() if time_mode is TimeMode.VIRTUAL else LiveLoop()


class LiveLoop:
    """An asyncio loop in a thread of its own."""

    is_virtual = False

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._called: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._thread = threading.Thread(target=self._run, name="worker-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    def now_s(self) -> float:
        return self._loop.time()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Callable[[], None]) -> None:
        """Waking the loop (a write to a pipe) costs more than most work that it is woken for: the
        loop is woken once for all work that comes before it is awake, and not at all by itself."""
        if threading.get_ident() == self._thread.ident:
            self._loop.call_soon(work)
            return
        self._called.append(work)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._take_calls)

    def _take_calls(self) -> None:
        self._is_woken = False  # before the calls are taken: who comes after that wakes again
        while self._called:
            self._loop.call_soon(self._called.popleft())

    def call_later(self, delay_s: float, work: Callable[[], None]) -> None:
        self.call(lambda: self._set_timer(delay_s, work))

    def _set_timer(self, delay_s: float, work: Callable[[], None]) -> None:
        self._loop.call_later(delay_s, work)

    def wait(self, future: Future[T], timeout_s: float | None = None) -> T:
        return future.result(timeout_s)

    def advance(self, now_ms: int) -> None:
        """Real time advances by itself."""

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class VirtualLoop:
    """An asyncio loop whose time moves only when a tick says so, and then without waiting.

    A task that sleeps until T is woken at T in order, whatever the step of the ticks. Only for work
    that waits by ``asyncio.sleep``: threads and sockets know nothing of this time.
    """

    is_virtual = True

    def __init__(self) -> None:
        self._selector = _TimeTravel()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        # Seconds since the first tick, not since 1970: asyncio reckons in nanoseconds, for which
        # a double of 1970's seconds is too coarse.
        self._loop.time = lambda: self._selector.now_s  # type: ignore[method-assign]
        self._started_at_ms: int | None = None
        self._lock = threading.RLock()

    def now_ms(self) -> int:
        return (self._started_at_ms or 0) + round(self._selector.now_s * 1000)

    def now_s(self) -> float:
        return self._selector.now_s

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        future: Future[T] = Future()

        async def run() -> None:
            try:
                result = await work
            except BaseException as error:  # handed to the caller who asks for the result
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        with self._lock:
            task = self._loop.create_task(run())
            future.add_done_callback(lambda done: task.cancel() if done.cancelled() else None)
            self._turn()
        return future

    def call(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._loop.call_soon(work)
            self._turn()

    def call_later(self, delay_s: float, work: Callable[[], None]) -> None:
        with self._lock:
            self._loop.call_later(delay_s, work)

    def wait(self, future: Future[T], timeout_s: float | None = None) -> T:
        with self._lock:
            deadline_s = self._selector.now_s + (timeout_s or 3600)
            while not future.done() and self._selector.now_s < deadline_s:
                self._sleep_until(self._selector.now_s + 0.01)
        return future.result(0)

    def advance(self, now_ms: int) -> None:
        with self._lock:
            if self._started_at_ms is None:
                self._started_at_ms = now_ms
            self._sleep_until((now_ms - self._started_at_ms) / 1000)

    def stop(self) -> None:
        with self._lock:
            self._loop.run_until_complete(_cancel_all())
            self._loop.close()

    def _sleep_until(self, at_s: float) -> None:
        delay_s = at_s - self._selector.now_s
        if delay_s > 0:
            self._loop.run_until_complete(asyncio.sleep(delay_s))
            self._selector.now_s = max(at_s, self._selector.now_s)
        self._turn()

    def _turn(self) -> None:
        """Let everything that is ready now run, and what that makes ready. Work that begins other
        work is in a turn already."""
        if self._loop.is_running():
            return

        async def turns() -> None:
            for _ in range(100):
                await asyncio.sleep(0)

        self._loop.run_until_complete(turns())


class _TimeTravel(selectors.SelectSelector):
    """Where a selector would wait for the next timer, it moves the time there instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self.now_s += timeout
        return super().select(0)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
