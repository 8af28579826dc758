"""One question at a time about each key, whose answer serves everybody for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

_MOST_ANSWERS = 1024


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    fresh_until_s: float


class SingleFlightCache(Generic[K, T]):
    """``question`` may raise: callers that wait get the error, and the next one asks again."""

    def __init__(self, question: Callable[[K], Awaitable[T]], fresh_s: float) -> None:
        self._question = question
        self._fresh_s = fresh_s
        self._asked: dict[K, asyncio.Task[_Answer[T]]] = {}

    async def get(self, key: K) -> T:
        """An answer at most ``fresh_s`` old; callers at the same time share one question."""
        asked = self._asked.get(key)
        if asked is None or self._is_stale(asked):
            self._drop_stale()
            asked = asyncio.create_task(self._ask(key))
            self._asked[key] = asked
        return (await asyncio.shield(asked)).value

    def close(self) -> None:
        for asked in self._asked.values():
            asked.cancel()
        self._asked.clear()

    async def _ask(self, key: K) -> _Answer[T]:
        value = await self._question(key)
        return _Answer(value, asyncio.get_running_loop().time() + self._fresh_s)

    def _is_stale(self, asked: asyncio.Task[_Answer[T]]) -> bool:
        if not asked.done():
            return False
        if asked.cancelled() or asked.exception() is not None:
            return True
        return asked.result().fresh_until_s <= asyncio.get_running_loop().time()

    def _drop_stale(self) -> None:
        if len(self._asked) >= _MOST_ANSWERS:
            for key in [key for key, asked in self._asked.items() if self._is_stale(asked)]:
                del self._asked[key]
