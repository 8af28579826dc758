"""An event loop in a thread of its own: what is served there goes on while the caller blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_RESULT_WITHIN_S = 10.0


class ThreadLoop:
    """Runs coroutines for blocking code in other threads."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``. TimeoutError: it took longer than ten seconds."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_RESULT_WITHIN_S)

    def stop(self) -> None:
        """Cancel what still runs there, such as connections that clients keep open, and end."""
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result(_RESULT_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_RESULT_WITHIN_S)
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
