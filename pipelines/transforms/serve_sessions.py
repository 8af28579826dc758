"""Steps 3 to 7 live, one stage: a session is recognised, and its clips are made, in one place.

As stages of their own they cost a trip through Flink for every utterance and clip, with bundles,
ticks and state for each; and a session's services could not be asked at the moment of the commit,
because nobody knows in which process the next stage will run (docs/decisions/0011). Each step has
its file: ``session_steps`` (order, recognition, languages), ``translate``, ``synthesize``,
``publish``; in a bounded run they are stages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from connectors.speech_to_text import SharedSpeechToText
from pipelines.coders import ValueCoder
from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.partitions import ticked_partitions
from pipelines.core.records import TICK, Pane
from pipelines.core.session_log import LogHead
from pipelines.transforms.calls import DEAD_LETTERS, CallsInFlight
from pipelines.transforms.deliver import delivery
from pipelines.transforms.session_steps import SessionSteps
from pipelines.transforms.window_audio import WindowOptions
from pipelines.worker.process import WorkerDoFn, WorkerSettings
from schemas.values import Outcome, RoutedUtterance


class ServeSessions(beam.PTransform[Any, Any]):
    """panes: tuple[partition, Pane], ticks: int -> main: Outcome, one per utterance and language;
    dead_letters."""

    def __init__(
        self,
        cutter: Segmenter,
        window: WindowOptions,
        settings: WorkerSettings,
        ticks: beam.PCollection[int],
        every_ticks: int = 1,
    ) -> None:
        super().__init__()
        self._dofn = ServePartition(cutter, window, settings)
        self._partitions = window.partitions
        self._ticks = ticks
        self._every_ticks = every_ticks

    def expand(self, panes: beam.PCollection[tuple[str, Pane]]) -> Any:
        partitions, every_ticks = self._partitions, self._every_ticks

        def ticked(tick: int) -> Iterator[tuple[str, Pane]]:
            for partition in ticked_partitions(tick, every_ticks, partitions):
                yield partition, TICK

        ticks = self._ticks | "Partition ticks" >> beam.FlatMap(ticked).with_output_types(
            tuple[str, Pane]
        )
        return (
            (panes, ticks)
            | "Panes and ticks" >> beam.Flatten()
            | "Serve"
            >> beam.ParDo(self._dofn)
            .with_output_types(Outcome)
            .with_outputs(DEAD_LETTERS, main="main")
        )


class ServePartition(WorkerDoFn, beam.DoFn):
    LOG = BagStateSpec("log", BytesCoder())
    HEAD = ReadModifyWriteStateSpec("head", ValueCoder(LogHead))
    IN_FLIGHT = BagStateSpec("in_flight", BytesCoder())

    def __init__(self, cutter: Segmenter, window: WindowOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._cutter = cutter
        self._window = window
        self._begun = Metrics.counter("head_starts", "begun")
        self._in_vain = Metrics.counter("head_starts", "in_vain")
        self._waiting = Metrics.gauge("recognition", "waiting_for_a_stream")
        self._told_waiting = 0

    def setup(self) -> None:
        super().setup()
        self._steps = SessionSteps(self._cutter, self._window, self.worker, self.settings.time)
        recogniser = self.worker.connectors.speech_to_text
        self._shared = recogniser if isinstance(recogniser, SharedSpeechToText) else None
        self._calls = CallsInFlight(delivery(), ValueCoder(RoutedUtterance), self.worker)

    def process(
        self,
        element: tuple[str, Pane],
        timestamp: Any = beam.DoFn.TimestampParam,
        log: Any = beam.DoFn.StateParam(LOG),
        head: Any = beam.DoFn.StateParam(HEAD),
        in_flight: Any = beam.DoFn.StateParam(IN_FLIGHT),
    ) -> Iterator[Any]:
        partition, pane = element
        if pane.session_id:
            heard = [self._steps.pane(partition, pane, log, head)]
        else:
            self.worker.loop.advance(timestamp.micros // 1000)
            heard = self._steps.tick(partition, log, head)
            yield from self._calls.tick(partition, in_flight)
            self._count_head_starts()
            self._tell_who_waits()
        for each in heard:
            for routed in each.routed:
                self._calls.begin(partition, routed, in_flight)

    def _tell_who_waits(self) -> None:
        """Sessions that nobody recognises for now: the service's streams are too few."""
        if self._shared is not None and self._shared.waiting != self._told_waiting:
            self._told_waiting = self._shared.waiting
            self._waiting.set(self._told_waiting)

    def _count_head_starts(self) -> None:
        """What wrong guesses cost is paid for: it is to be seen."""
        news = self.worker.ahead.take_counts()
        if news.begun:
            self._begun.inc(news.begun)
            self._in_vain.inc(news.in_vain)
