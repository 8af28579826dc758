"""Drives the put queue: a few calls at a time, an answer to each session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol

from connectors.interfaces.errors import ConnectorError, PermanentError, ThrottledError, UnsentError
from connectors.interfaces.record_sink import RecordSink, SinkRecord
from ingest_gateway.audio_in.put_queue import Batch, Pending, PutQueue, Settled
from ingest_gateway.operations.background import Background
from ingest_gateway.operations.metrics import Metrics
from schemas.avro_codec import encode
from schemas.values import SessionControl, StreamRecord

LINGER_S = 0.01
"""A call waits this long for other sessions' records: at 1,000 sessions it carries about 40."""
CALLS_AT_ONCE = 4
_NOTHING_TAKEN = (PermanentError, ThrottledError, UnsentError)

_log = logging.getLogger(__name__)


class OnSettled(Protocol):
    def __call__(self, settled: Settled) -> Sequence[SessionControl]:
        """Told what is durable and what was given up; returned gaps take its place."""
        ...


class MayDeclare(Protocol):
    def __call__(self, gap: SessionControl) -> Awaitable[bool]:
        """Called when everything before the gap is settled; whether it may go on the stream."""
        ...


class RecordWriter:
    def __init__(
        self,
        sink: RecordSink,
        queue: PutQueue,
        on_settled: OnSettled,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        room_bytes: int,
        may_declare: MayDeclare | None = None,
    ) -> None:
        """``may_declare`` None: nobody but this writer's host writes of its sessions."""
        self._sink = sink
        self._queue = queue
        self._on_settled = on_settled
        self._now_ms = now_ms
        self._metrics = metrics
        self._background = Background(metrics)
        self._room_bytes = room_bytes
        self._may_declare = may_declare
        self._asking: set[int] = set()
        self._wake = asyncio.Event()
        self._settled = asyncio.Condition()
        self._calls: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        name = "record-writer"
        self._loop = asyncio.create_task(self._background.keep(name, self._run), name=name)

    def add(self, record: StreamRecord) -> None:
        """Queue behind everything of the same session."""
        pending = self._pending(record)
        self._queue.add(record.session_id, pending, held=self._is_held(pending))
        self._ask(record.session_id)
        self._wake.set()

    def disown(self, session_id: str) -> None:
        """Another gateway owns the session's audio now: nothing is said of what waits here."""
        self._queue.disown(session_id)
        self._spawn(self._notify(), "room")

    def has_room(self, session_id: str) -> bool:
        return self._queue.waiting_bytes(session_id) < self._room_bytes

    async def wait_for_room(self, session_id: str) -> None:
        """Until less than half of what a session may have waiting waits."""
        async with self._settled:
            await self._settled.wait_for(
                lambda: self._queue.waiting_bytes(session_id) < self._room_bytes / 2
            )

    async def wait_until_durable(self, session_id: str) -> None:
        async with self._settled:
            await self._settled.wait_for(lambda: self._queue.waiting_bytes(session_id) == 0)

    def waiting_records(self) -> tuple[int, int | None]:
        """As the queue's."""
        return self._queue.waiting_records()

    async def drain(self, timeout_s: float) -> bool:
        """Whether everything became durable (or was given up) in time."""
        try:
            async with asyncio.timeout(timeout_s), self._settled:
                await self._settled.wait_for(lambda: self._queue.empty)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        tasks = [*self._calls, *self._others, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _pending(self, record: StreamRecord) -> Pending:
        return Pending(
            value=record,
            record=SinkRecord(record.session_id, encode(record)),
            queued_at_ms=self._now_ms(),
        )

    async def _run(self) -> None:
        while True:
            due_in_ms = self._queue.due_in_ms(self._now_ms())
            if due_in_ms is None or len(self._calls) >= CALLS_AT_ONCE:
                await self._wake.wait()
            elif due_in_ms > 0:
                await self._wait_at_most(due_in_ms / 1000)
            self._wake.clear()
            await asyncio.sleep(LINGER_S)
            while len(self._calls) < CALLS_AT_ONCE:
                batch = self._queue.next_batch(self._now_ms())
                if batch is None:
                    break
                call = asyncio.create_task(self._put(batch), name="put-records")
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)

    async def _wait_at_most(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _put(self, batch: Batch) -> None:
        try:
            with self._metrics.put_seconds.time():
                answers = await self._sink.put(batch.records)
        except Exception as error:  # whatever it is, these sessions must not stay in flight
            if not isinstance(error, ConnectorError):
                _log.exception("put of %d records failed", len(batch.records))
            _log.warning("put of %d records failed: %s", len(batch.records), error)
            settled = self._queue.settle_failed_call(
                batch, self._now_ms(), may_be_stored=not isinstance(error, _NOTHING_TAKEN)
            )
        else:
            settled = self._queue.settle(batch, answers, self._now_ms())
        self._calls.discard(asyncio.current_task())  # type: ignore[arg-type]
        for part in settled:
            try:
                self._report(part)
                if part.lost or part.unsure:
                    self._report(self._queue.release(part.session_id))
                self._ask(part.session_id)
            except Exception:  # the other sessions of this call are told all the same
                self._background.failed("record-writer")
        await self._notify()

    def _report(self, part: Settled) -> None:
        self._metrics.records_stored.inc(len(part.stored))
        self._metrics.records_lost.inc(len(part.lost))
        self._metrics.records_unsure.inc(len(part.unsure))
        for record in reversed(self._on_settled(part)):
            pending = self._pending(record)
            self._queue.add_gap(part.session_id, pending, held=self._is_held(pending))

    def _is_held(self, pending: Pending) -> bool:
        return pending.is_declaration and self._may_declare is not None

    def _ask(self, session_id: str) -> None:
        """Ask for the gap that is the session's first, unless that is done already."""
        held = self._queue.asks(session_id)
        if held is None or id(held) in self._asking or self._may_declare is None:
            return
        if not isinstance(held.value, SessionControl):
            raise AssertionError("only controls are held")
        self._asking.add(id(held))
        answer = self._may_declare(held.value)
        self._spawn(self._declare(session_id, held, answer), "declare-gap")

    async def _declare(self, session_id: str, held: Pending, answer: Awaitable[bool]) -> None:
        try:
            is_permitted = await answer
        finally:
            self._asking.discard(id(held))
        if is_permitted:
            self._queue.permit(session_id, held)
        else:
            self._report(self._queue.withdraw(session_id, held))
            self._ask(session_id)
        await self._notify()

    def _spawn(self, doing: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(doing, name=name)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    async def _notify(self) -> None:
        self._wake.set()
        async with self._settled:
            self._settled.notify_all()
