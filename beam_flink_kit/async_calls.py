"""Slow calls of a worker process, begun in one bundle and handed on in another.

``AsyncDoFn`` is the step that uses this; nothing in here knows Beam. What waits or runs is changed
in the process's loop only, one callback at a time; bundles' threads hand items in, take answers out
and read counts.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import traceback
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from beam_flink_kit.held_tick import Bell

_log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
At = TypeVar("At", contravariant=True)


class CallHandler(Protocol[In, Out, At]):
    """What a slow step does with one item. Picklable: it travels inside the DoFn."""

    @property
    def stage(self) -> str:
        """The step's name in logs and metrics."""
        ...

    def call_id(self, item: In) -> str:
        """The same item, the same id. It is logged, so it holds no content."""
        ...

    def answers(self, item: In, at: At) -> AsyncIterator[Out]:
        """Each answer as soon as it is there. Repeating the call must be harmless."""
        ...

    def failed(self, item: In, error: Exception, at: At) -> Iterable[Out]:
        """What to hand on in place of the answers that did not come: every item has an outcome."""
        ...


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How one step treats its calls."""

    most_in_flight: int = 1_000
    """Of a process; the items after these wait in their order."""
    attempts: int = 2
    """How often a call is tried that raises before its first answer."""
    retry_pause_s: float = 0.5
    """Before the second attempt; twice as long before each further one."""
    deadline_s: float = 60.0
    """Of a call, all attempts together, from when it was begun."""
    expected: tuple[type[Exception], ...] = ()
    """What a handler raises when it has retried by itself: ``failed`` is asked at once, and nothing
    is logged."""


@dataclass(frozen=True, slots=True)
class LostCall:
    """An item that has no outcome, since ``failed`` raised too."""

    stage: str
    call_id: str
    """"" if the handler's ``call_id`` raised."""
    item: Any
    cause: str
    """The names of the exceptions, without their messages: these may hold content."""


class CallFailedError(Exception):
    """Stands for what ended a call and is no ``Exception``: a cancellation by a library, say."""


@dataclass(frozen=True, slots=True)
class Answer:
    value: Any
    taken_s: float
    """When its item came; ``ready_s``: when the answer did."""
    ready_s: float
    is_lost: bool = False
    """``value`` is a ``LostCall``."""


@dataclass(slots=True)
class Totals:
    """Of a stage in this process, since it began."""

    begun: int = 0
    done: int = 0
    failed: int = 0
    """``failed`` was asked for these; of them ``timed_out`` for want of an answer."""
    timed_out: int = 0
    lost: int = 0
    retried: int = 0
    repeated: int = 0
    """Items that came again while their call was in flight or its answers waited."""


@dataclass(eq=False, slots=True)
class _Call:
    item: Any
    taken_s: float
    sink: deque[Any]
    """``Answer``s, and the call itself after the last of them."""
    finished: Future[None] | None = None
    """Of a bounded run, which waits for it."""
    call_id: str = ""
    is_over: bool = False
    answers: int = 0
    begun_s: float | None = None
    deadline: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None


class StageCalls:
    """The calls of one step in this process."""

    def __init__(
        self, handler: CallHandler[Any, Any, Any], at: Any, policy: CallPolicy, bell: Bell
    ) -> None:
        self._handler, self._at, self._policy = handler, at, policy
        self._bell, self._loop = bell, bell.loop
        self._known: dict[str, _Call] = {}  # in flight, waiting, or with answers not yet taken
        self._waiting: deque[_Call] = deque()
        self._in_flight: set[_Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself holds them weakly
        self._answers: deque[Any] = deque()
        self._is_closed = False
        self._logged: dict[str, tuple[float, int]] = {}  # by fault: when, and how many since
        self._totals = Totals()
        self._reported = Totals()
        self._reporting = threading.Lock()
        self._call_ms: deque[int] = deque(maxlen=100_000)

    # Bundles' threads ---------------------------------------------------------------------------

    def begin(self, item: Any) -> None:
        """Have the call begun, unless it is in flight; return at once."""
        call = _Call(item, self._loop.now_s(), self._answers)
        self._loop.call(lambda: self._accept(call))

    def run(self, item: Any) -> list[Answer]:
        """The call in a bounded run: waits for all its answers."""
        call = _Call(item, self._loop.now_s(), deque(), Future())
        assert call.finished is not None
        self._loop.call(lambda: self._accept(call))
        self._loop.wait(call.finished)
        return [each for each in call.sink if isinstance(each, Answer)]

    def take(self) -> Iterator[Answer]:
        """The answers that came since the last time, in the order in which they came."""
        while True:
            try:
                next_one = self._answers.popleft()
            except IndexError:  # another instance of the DoFn may take them at the same time
                return
            if isinstance(next_one, Answer):
                yield next_one
            else:
                self._known.pop(next_one.call_id, None)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def unreported(self) -> list[tuple[str, int]]:
        """What was counted since the last time, by name."""
        with self._reporting:
            found: list[tuple[str, int]] = []
            for name in Totals.__slots__:
                total = getattr(self._totals, name)
                if total != (before := getattr(self._reported, name)):
                    setattr(self._reported, name, total)
                    found.append((name, total - before))
            return found

    def take_call_ms(self) -> Iterator[int]:
        """How long the calls took that ended since the last time."""
        while self._call_ms:
            try:
                yield self._call_ms.popleft()
            except IndexError:
                return

    # The loop -----------------------------------------------------------------------------------

    def close(self) -> None:
        """In the loop: cancel everything. Answers that come all the same are dropped."""
        self._is_closed = True
        for call in (*self._waiting, *self._in_flight):
            self._end(call)
        for task in self._tasks:
            task.cancel()
        self._waiting.clear()
        self._answers.clear()
        self._known.clear()

    def _accept(self, call: _Call) -> None:
        if self._is_closed:
            self._end(call)
            return
        try:
            call.call_id = self._handler.call_id(call.item)
        except Exception as error:  # any bug: it is the item's outcome, not the loop's end
            self._log_fault(call, error, "call_id()")
            self._fail(call, error)
            return
        if call.finished is None:
            if call.call_id in self._known:
                self._totals.repeated += 1
                return
            self._known[call.call_id] = call
        self._waiting.append(call)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._in_flight) < self._policy.most_in_flight:
            call = self._waiting.popleft()
            self._in_flight.add(call)
            self._totals.begun += 1
            call.begun_s = self._loop.now_s()
            loop = asyncio.get_running_loop()
            call.deadline = loop.call_later(self._policy.deadline_s, self._time_out, call)
            call.task = loop.create_task(self._run(call))
            self._tasks.add(call.task)
            call.task.add_done_callback(self._tasks.discard)

    async def _run(self, call: _Call) -> None:
        attempt = 0
        while not call.is_over:
            attempt += 1
            try:
                async for value in self._handler.answers(call.item, self._at):
                    if call.is_over:
                        return
                    call.answers += 1
                    self._put(call, value)
            except BaseException as error:  # a library's cancellation and SystemExit included
                task = asyncio.current_task()
                if call.is_over or (task is not None and task.cancelling()):
                    return
                if isinstance(error, self._policy.expected):
                    self._fail(call, error)
                    return
                self._log_fault(call, error, f"attempt {attempt}")
                if call.answers or attempt >= self._policy.attempts:
                    self._fail(call, error)
                    return
                self._totals.retried += 1
            else:
                if not call.is_over:
                    self._totals.done += 1
                    self._end(call)
                return
            await asyncio.sleep(self._policy.retry_pause_s * 2 ** (attempt - 1))

    def _time_out(self, call: _Call) -> None:
        """The outcome does not depend on whether the call lets itself be cancelled."""
        if call.is_over:
            return
        self._totals.timed_out += 1
        _log.warning(
            "%s: call %s has no end after %s s",
            self._handler.stage,
            call.call_id,
            self._policy.deadline_s,
        )
        self._fail(call, TimeoutError(f"no end after {self._policy.deadline_s} s"))
        if call.task is not None:
            call.task.cancel()

    def _fail(self, call: _Call, error: BaseException) -> None:
        self._totals.failed += 1
        told = error if isinstance(error, Exception) else CallFailedError(type(error).__name__)
        try:
            values = list(self._handler.failed(call.item, told, self._at))
        except Exception as second:
            self._totals.lost += 1
            self._log_fault(call, second, "failed()")
            cause = f"{type(error).__name__}, then {type(second).__name__}"
            lost = LostCall(self._handler.stage, call.call_id, call.item, cause)
            self._put(call, lost, is_lost=True)
        else:
            for value in values:
                self._put(call, value)
        self._end(call)

    def _put(self, call: _Call, value: Any, *, is_lost: bool = False) -> None:
        call.sink.append(Answer(value, call.taken_s, self._loop.now_s(), is_lost))
        if call.finished is None:
            self._bell.ring()

    def _end(self, call: _Call) -> None:
        call.is_over = True
        if call.begun_s is not None:
            self._call_ms.append(round((self._loop.now_s() - call.begun_s) * 1000))
        if call.deadline is not None:
            call.deadline.cancel()
        self._in_flight.discard(call)
        if call.finished is not None:
            if not call.finished.done():
                call.finished.set_result(None)
        elif self._known.get(call.call_id) is call:
            call.sink.append(call)
            self._bell.ring()  # a call without answers is over too: its id is free again
        if not self._is_closed:
            self._start_waiting()

    def _log_fault(self, call: _Call, error: BaseException, what: str) -> None:
        """Where it was raised and its type; its message may hold the item's content. In an outage
        all calls fail alike: one line in ten seconds, and how many it stands for."""
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(f"{each.filename}:{each.lineno} {each.name}" for each in frames[::-1])
        fault = f"{type(error).__name__} at {where}"
        now_s = self._loop.now_s()
        logged_s, unlogged = self._logged.get(fault, (-math.inf, 0))
        if now_s - logged_s < LOG_EVERY_S:
            self._logged[fault] = logged_s, unlogged + 1
            return
        self._logged[fault] = now_s, 0
        more = f", and {unlogged} more before it" if unlogged else ""
        _log.error("%s: call %s, %s: %s%s", self._handler.stage, call.call_id, what, fault, more)


class AsyncCalls:
    """The steps of this process, each by the identity that its DoFn was given when it was made: an
    instance of the DoFn finds again what another one began."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lock = threading.Lock()
        self._stages: dict[str, StageCalls] = {}

    def of_step(
        self, step_id: str, handler: CallHandler[Any, Any, Any], at: Any, policy: CallPolicy
    ) -> StageCalls:
        with self._lock:
            stage = self._stages.get(step_id)
            if stage is None:
                stage = self._stages[step_id] = StageCalls(handler, at, policy, self._bell)
            return stage

    def close(self) -> None:
        with self._lock:
            stages, self._stages = list(self._stages.values()), {}
        self._bell.loop.wait(self._bell.loop.start(_close(stages)), 10)


async def _close(stages: list[StageCalls]) -> None:
    for stage in stages:
        stage.close()
