"""Step 2 of the ``window`` segmentation: session windows of 3 s, let through in panes, which go to
their session's partition."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms import trigger, window
from apache_beam.utils.windowed_value import PaneInfoTiming

from beam_flink_kit.key_groups import spread_keys
from beam_flink_kit.process_scope import ScopedDoFn
from beam_flink_kit.step_metrics import StepMetrics
from pipelines.runtime.worker import Worker, WorkerSettings
from pipelines.session.records import Pane, ReadRecord


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """``pane_records`` 0: early panes by time alone (DirectRunner's TestStream cannot do more);
    ``pane_ms`` 0 as well: none, a window is one pane (bounded runs, where no time passes).
    ``partitions``: keys of the next step, fixed for the life of its state."""

    gap_s: int = 3
    pane_ms: int = 3_000
    pane_records: int = 100
    partitions: int = 4


class WindowAudio(beam.PTransform[Any, Any]):
    """tuple[session, ReadRecord] -> tuple[partition, Pane]."""

    def __init__(self, options: WindowOptions, settings: WorkerSettings) -> None:
        super().__init__()
        self._options = options
        self._settings = settings

    def display_data(self) -> dict[str, Any]:
        options = self._options
        return {
            "gap_s": options.gap_s,
            "pane_ms": options.pane_ms,
            "pane_records": options.pane_records,
            "partitions": options.partitions,
        }

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


class NamePanes(ScopedDoFn[Worker], beam.DoFn):
    """Makes a Pane, unordered still, of what fired; the last one of a window closes.

    A pane's time is when it was due: what came later than that is not the window's wait.
    """

    def __init__(self, options: WindowOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._pane_ms = options.pane_ms
        self._keys = spread_keys(options.partitions)
        self._metrics = StepMetrics("window_audio")
        self._records = Metrics.distribution("window_audio", "records_a_pane")

    def display_data(self) -> dict[str, Any]:
        return {
            "stage": self._metrics.stage,
            "pane_ms": self._pane_ms,
            "partitions": len(self._keys),
        }

    def process(
        self,
        element: tuple[str, Iterable[ReadRecord]],
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[tuple[str, Pane]]:
        session_id, records = element
        records = tuple(records)
        is_last = pane.timing != PaneInfoTiming.EARLY
        now_ms = fired_at_ms = self.scope.loop.now_ms()
        read_at_ms = min((record.read_at_ms for record in records), default=now_ms)
        if records and not is_last:
            fired_at_ms = min(fired_at_ms, read_at_ms + self._pane_ms)
        self._metrics.taken(len(records))
        self._metrics.handed_on(now_ms - read_at_ms)
        self._records.update(len(records))
        partition = self._keys[zlib.crc32(session_id.encode()) % len(self._keys)]
        yield partition, Pane(session_id, fired_at_ms, records, is_last)
