"""Step 2: session windows of 3 s, let through in panes, each pane in order and each chunk once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.transforms import trigger, window
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.windowed_value import PaneInfoTiming

from pipelines.coders import ValueCoder
from pipelines.core.order import OrderState, OrderStep, number_by_arrival, restore_order
from pipelines.core.reading import read_through
from pipelines.core.records import Pane, PaneItem, ReadRecord
from pipelines.transforms.latest import Latest
from pipelines.worker.process import TimeMode, WorkerDoFn, WorkerSettings

_log = logging.getLogger(__name__)

HOLE_CHECK_MS = 10_000
"""A pane's wait and the way to here, with room: what was read before is here by then."""

WHOLE_INPUT_MS = 2**53
SHORT_PANE_MS = 1_000


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """``pane_records`` 0: early panes by time alone (DirectRunner's TestStream cannot do more);
    ``pane_ms`` 0 as well: none, a window is one pane (bounded runs, where no time passes)."""

    job_name: str
    gap_s: int = 3
    pane_ms: int = 3_000
    pane_records: int = 100
    retry_deadline_ms: int = 35_000
    readers: int = 4
    record_format: str = "avro"

    @property
    def log_level(self) -> int:
        """A line for every pane, unless nearly every chunk is a pane of its own."""
        return logging.DEBUG if 0 < self.pane_ms < SHORT_PANE_MS else logging.INFO


class WindowAudio(beam.PTransform[Any, Any]):
    """tuple[session, ReadRecord] -> tuple[session, Pane]."""

    def __init__(self, options: WindowOptions, settings: WorkerSettings) -> None:
        super().__init__()
        self._options = options
        self._settings = settings

    def expand(self, records: beam.PCollection[tuple[str, ReadRecord]]) -> Any:
        options = self._options
        return (
            records
            | "Session windows"
            >> beam.WindowInto(
                window.Sessions(options.gap_s),
                trigger=panes(options),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=0,
            )
            | "Group by session" >> beam.GroupByKey()
            | "Name panes"
            >> beam.ParDo(NamePanes(self._settings, options.pane_ms)).with_output_types(
                tuple[str, Pane]
            )
            | "Leave windows" >> beam.WindowInto(window.GlobalWindows())
            | "Restore order"
            >> beam.ParDo(RestoreOrder(options, self._settings)).with_output_types(tuple[str, Pane])
        )


def panes(options: WindowOptions) -> Any:
    """When a window lets its chunks through: early, and the rest when it closes."""
    if options.pane_ms <= 0:
        return trigger.AfterWatermark()
    early: Any = AfterMilliseconds(options.pane_ms)
    if options.pane_records > 0:
        early = trigger.AfterAny(trigger.AfterCount(options.pane_records), early)
    return trigger.AfterWatermark(early=early)


class AfterMilliseconds(trigger.AfterProcessingTime):
    """Beam's Python trigger takes whole seconds; Flink, through the graph's proto, milliseconds."""

    def __init__(self, delay_ms: int) -> None:
        super().__init__(delay_ms / 1000)  # pyright: ignore[reportArgumentType] (a float will do)
        self._delay_ms = delay_ms

    def to_runner_api(self, context: Any) -> Any:
        proto = trigger.AfterProcessingTime(0).to_runner_api(context)
        proto.after_processing_time.timestamp_transforms[0].delay.delay_millis = self._delay_ms
        return proto


class NamePanes(WorkerDoFn, beam.DoFn):
    """Makes a Pane, unordered still, of what fired; the last one of a window closes.

    A pane's time is when it was due: what came later than that is not the window's wait.
    """

    def __init__(self, settings: WorkerSettings, pane_ms: int) -> None:
        self.settings = settings
        self._pane_ms = pane_ms

    def process(
        self,
        element: tuple[str, Iterable[ReadRecord]],
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[tuple[str, Pane]]:
        session_id, records = element
        items = tuple(PaneItem(read=record) for record in records)
        closing = pane.timing != PaneInfoTiming.EARLY
        fired_at_ms = self.worker.loop.now_ms()
        if items and not closing:
            first_read_at_ms = min(item.read.read_at_ms for item in items if item.read)
            fired_at_ms = min(fired_at_ms, first_read_at_ms + self._pane_ms)
        yield session_id, Pane(session_id, fired_at_ms, items, closing)


class RestoreOrder(WorkerDoFn, beam.DoFn):
    ORDER = BagStateSpec("order", ValueCoder(OrderState))
    """See ``Latest``."""
    HELD = BagStateSpec("held", ValueCoder(ReadRecord))
    HOLE = TimerSpec("hole", TimeDomain.WATERMARK)

    def __init__(self, options: WindowOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._options = options
        self._bounded = settings.time is TimeMode.INLINE

    def process(
        self,
        element: tuple[str, Pane],
        order: Any = beam.DoFn.StateParam(ORDER),
        held: Any = beam.DoFn.StateParam(HELD),
        hole: Any = beam.DoFn.TimerParam(HOLE),
    ) -> Iterator[tuple[str, Pane]]:
        session_id, pane = element
        cell = Latest(order)
        state: OrderState = cell.value or OrderState()
        incoming = [item.read for item in pane.items if item.read is not None]
        if self._options.record_format == "pcm":
            step = number_by_arrival(state, incoming)
        else:
            step = restore_order(
                state,
                list(held.read()) if state.holding else [],
                incoming,
                retry_deadline_ms=self._options.retry_deadline_ms,
                # A bounded input is read to its end: what is missing will never come.
                read_through_ms=WHOLE_INPUT_MS if self._bounded else 0,
            )
        self._remember(step, state, cell, held, hole)
        _log_pane(session_id, step, self._options.log_level)
        yield session_id, Pane(session_id, pane.fired_at_ms, step.items, pane.closing)

    @on_timer(HOLE)
    def look_at_hole(
        self,
        key: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        order: Any = beam.DoFn.StateParam(ORDER),
        held: Any = beam.DoFn.StateParam(HELD),
        hole: Any = beam.DoFn.TimerParam(HOLE),
    ) -> Iterator[tuple[str, Pane]]:
        """No more records came to prove a hole: ask how far the log has been read."""
        cell = Latest(order)
        state: OrderState = cell.value or OrderState()
        if not state.holding or self.time_is_over(fired_at):
            return
        step = restore_order(
            state,
            list(held.read()),
            (),
            retry_deadline_ms=self._options.retry_deadline_ms,
            read_through_ms=self._known_read_through_ms(key),
        )
        self._remember(step, state, cell, held, hole)
        if step.items:
            _log_pane(key, step, self._options.log_level)
            # Its window has closed long ago: what waited is all there is for now.
            yield key, Pane(key, self.worker.loop.now_ms(), step.items, closing=True)

    def _remember(
        self, step: OrderStep, before: OrderState, order: Latest, held: Any, hole: Any
    ) -> None:
        if step.state != before:
            order.write(step.state)
        if before.holding:
            held.clear()
        for record in step.held:
            held.add(record)
        if step.held:
            hole.set((self.worker.loop.now_ms() + HOLE_CHECK_MS) / 1000)

    def _known_read_through_ms(self, session_id: str) -> int:
        """What an earlier look asked the positions table for; asks again for the next look.

        The answer is used one look later, when everything read before it was asked is here.
        """
        lookups = self.worker.position_lookups
        question = self._options.job_name, session_id  # each session waits for its own answer
        answer = lookups.answer(question)
        lookups.ask(question)
        return 0 if answer is None else read_through(answer, session_id, self._options.readers)


def _log_pane(session_id: str, step: OrderStep, level: int) -> None:
    chunks = [item.read.chunk for item in step.items if item.read and item.read.chunk]
    if not chunks and not step.held:
        return
    samples = sum(chunk.samples for chunk in chunks)
    _log.log(
        level,
        "pane session=%s chunks=%d bytes=%d seconds=%.2f held=%d repeats=%d",
        session_id,
        len(chunks),
        sum(len(chunk.pcm) for chunk in chunks),
        samples / 16_000,
        len(step.held),
        step.repeats,
    )
