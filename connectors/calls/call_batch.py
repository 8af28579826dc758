"""Calls that wait for a busy engine, sent together when it is free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class CallBatch(Generic[Q, A]):
    """``ask`` gets the questions in order, at most ``most`` of them, and answers each. The first
    question goes at once; those that come while it is asked go together. What ``ask`` raises is
    raised to all of them."""

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int) -> None:
        self._ask = ask
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def call(self, question: Q) -> A:
        """A caller that gives up while it waits is not asked for; later it stops nothing."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def close(self) -> None:
        """Wait for what is asked, or for its error."""
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        while self._waiting:
            batch = [each for each in self._waiting if not each[1].done()][: self._most]
            self._waiting = [
                each for each in self._waiting if each not in batch and not each[1].done()
            ]
            if not batch:
                return
            try:
                answers = await self._ask([question for question, _ in batch])
            except Exception as error:
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
