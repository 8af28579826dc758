"""Slow calls in flight in this process, and their answers until a tick collects them.

Beam's state says which calls should be in flight; this registry says which are. ``DrainCalls``
(``pipelines.transforms.calls``) keeps the two the same.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from connectors.registry import Connectors
from pipelines.worker.ahead import Ahead
from pipelines.worker.loops import WorkerLoop

_log = logging.getLogger(__name__)

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class CallHandler(Protocol[In, Out]):
    """What a slow step does with one item. Picklable: it travels inside the DoFn."""

    @property
    def stage(self) -> str: ...

    def call_id(self, item: In) -> str:
        """The same item, the same id: after a restart it is how work is recognised again."""
        ...

    def answers(self, item: In, at: CallSite) -> AsyncIterator[Out]:
        """Each answer as soon as it is there. Repeating the call must be harmless."""
        ...

    def failed(self, item: In, error: Exception, at: CallSite) -> Iterable[Out]:
        """What to say instead when ``answers`` raised: every item has an outcome."""
        ...


@dataclass(frozen=True, slots=True)
class CallSite:
    """What a handler finds around it."""

    connectors: Connectors
    loop: WorkerLoop
    ahead: Ahead

    def now_ms(self) -> int:
        return self.loop.now_ms()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a call; ``value`` None and ``finished``: there are no more."""

    call_id: str
    value: Any = None
    finished: bool = False


@dataclass
class _Slot:
    """The calls of one (stage, partition)."""

    running: dict[str, Future[None]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)


class CallRegistry:
    """All methods may be called from any thread."""

    def __init__(self, loop: WorkerLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, str], _Slot] = defaultdict(_Slot)

    def submit(
        self, slot: tuple[str, str], handler: CallHandler[Any, Any], item: Any, at: CallSite
    ) -> None:
        """Start the call unless it is in flight or its answer waits."""
        call_id = handler.call_id(item)
        with self._lock:
            if call_id in self._slots[slot].running:
                return
            self._slots[slot].running[call_id] = Future()
        future = self._loop.start(self._run(slot, call_id, handler, item, at))
        with self._lock:
            if call_id in self._slots[slot].running:
                self._slots[slot].running[call_id] = future

    def has_answers(self, slot: tuple[str, str]) -> bool:
        with self._lock:
            return bool(self._slots[slot].answers)

    def collect(self, slot: tuple[str, str]) -> list[Answer]:
        """Take the answers that came since the last time, in the order in which they came."""
        with self._lock:
            mine = self._slots[slot]
            answers, mine.answers = mine.answers, []
            for answer in answers:
                if answer.finished:
                    mine.running.pop(answer.call_id, None)
            return answers

    def known(self, slot: tuple[str, str]) -> frozenset[str]:
        with self._lock:
            return frozenset(self._slots[slot].running)

    def drop(self, slot: tuple[str, str], call_ids: Iterable[str]) -> None:
        """Forget calls that the state knows nothing of: they belong to a lost past."""
        with self._lock:
            mine = self._slots[slot]
            for call_id in call_ids:
                future = mine.running.pop(call_id, None)
                if future is not None:
                    future.cancel()
                mine.answers = [each for each in mine.answers if each.call_id != call_id]

    def close(self) -> None:
        with self._lock:
            for slot in self._slots.values():
                for future in slot.running.values():
                    future.cancel()
            self._slots.clear()

    async def _run(
        self,
        slot: tuple[str, str],
        call_id: str,
        handler: CallHandler[Any, Any],
        item: Any,
        at: CallSite,
    ) -> None:
        try:
            async for value in answered(handler, item, at):
                self._put(slot, Answer(call_id, value))
        except Exception:  # or the call would be in flight for ever
            _log.exception("call %s failed, and so did telling it", call_id)
        self._put(slot, Answer(call_id, finished=True))

    def _put(self, slot: tuple[str, str], answer: Answer) -> None:
        with self._lock:
            if answer.call_id in self._slots[slot].running:
                self._slots[slot].answers.append(answer)


async def answered(handler: CallHandler[Any, Any], item: Any, at: CallSite) -> AsyncIterator[Any]:
    """All answers of a call, what ``failed`` says in place of those that did not come included."""
    try:
        async for value in handler.answers(item, at):
            yield value
    except Exception as error:
        for value in handler.failed(item, error, at):
            yield value


async def run_to_end(handler: CallHandler[Any, Any], item: Any, at: CallSite) -> list[Any]:
    """The same call in a bounded run: all its answers at once."""
    return [value async for value in answered(handler, item, at)]
