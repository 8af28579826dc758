"""Questions to tables that a bundle must not wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from connectors.policy import Policy, call
from pipelines.worker.loops import WorkerLoop
from schemas.values import ListenerLanguages

K = TypeVar("K")
T = TypeVar("T")


class Lookups(Generic[K, T]):
    """One kind of question, asked about keys; at most one a key is under way."""

    def __init__(
        self, loop: WorkerLoop, policy: Policy, question: Callable[[K], Awaitable[T]]
    ) -> None:
        self._loop = loop
        self._policy = policy
        self._question = question
        self._asked: dict[K, Future[T]] = {}

    def ask(self, key: K) -> None:
        if key not in self._asked:
            self._asked[key] = self._loop.start(call(self._policy, lambda: self._question(key)))

    def answer(self, key: K) -> T | None:
        """The answer, once; None while there is none. A failed question is forgotten."""
        asked = self._asked.get(key)
        if asked is None or not asked.done():
            return None
        del self._asked[key]
        if asked.cancelled() or asked.exception() is not None:
            return None
        return asked.result()


def settled(listeners: ListenerLanguages) -> ListenerLanguages:
    """A session without a counter has no listeners: that is knowledge too, at revision 0."""
    return listeners if listeners.revision >= 0 else ListenerLanguages((), 0)
