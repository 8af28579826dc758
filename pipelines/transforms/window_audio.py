"""Step 2: session windows of 3 s, let through in panes, which go to their session's partition."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.transforms import trigger, window
from apache_beam.utils.windowed_value import PaneInfoTiming

from pipelines.core.partitions import partition_of
from pipelines.core.records import Pane, ReadRecord
from pipelines.worker.process import WorkerDoFn, WorkerSettings

SHORT_PANE_MS = 1_000


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """``pane_records`` 0: early panes by time alone (DirectRunner's TestStream cannot do more);
    ``pane_ms`` 0 as well: none, a window is one pane (bounded runs, where no time passes).
    ``partitions``: keys of the next stage, fixed for the life of its state."""

    job_name: str
    gap_s: int = 3
    pane_ms: int = 3_000
    pane_records: int = 100
    retry_deadline_ms: int = 35_000
    readers: int = 4
    record_format: str = "avro"
    partitions: int = 4

    @property
    def log_level(self) -> int:
        """A line for every pane, unless nearly every chunk is a pane of its own."""
        return logging.DEBUG if 0 < self.pane_ms < SHORT_PANE_MS else logging.INFO


class WindowAudio(beam.PTransform[Any, Any]):
    """tuple[session, ReadRecord] -> tuple[partition, Pane]."""

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
            >> beam.ParDo(NamePanes(options, self._settings)).with_output_types(tuple[str, Pane])
            | "Leave windows" >> beam.WindowInto(window.GlobalWindows())
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

    def __init__(self, options: WindowOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._pane_ms = options.pane_ms
        self._partitions = options.partitions

    def process(
        self,
        element: tuple[str, Iterable[ReadRecord]],
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[tuple[str, Pane]]:
        session_id, records = element
        records = tuple(records)
        closing = pane.timing != PaneInfoTiming.EARLY
        fired_at_ms = self.worker.loop.now_ms()
        if records and not closing:
            first_read_at_ms = min(record.read_at_ms for record in records)
            fired_at_ms = min(fired_at_ms, first_read_at_ms + self._pane_ms)
        partition = partition_of(session_id, self._partitions)
        yield partition, Pane(session_id, fired_at_ms, records, closing)
