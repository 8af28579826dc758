"""Step 3 in a bounded run: records that are there become utterances, committed in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from pipelines.coders import ValueCoder
from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.records import Pane
from pipelines.core.session_log import LogHead
from pipelines.transforms.session_steps import SessionSteps
from pipelines.transforms.window_audio import WindowOptions
from pipelines.worker.process import WorkerDoFn, WorkerSettings
from schemas.values import Utterance


class Transcribe(beam.PTransform[Any, Any]):
    """tuple[partition, Pane] -> tuple[session, Utterance]."""

    def __init__(self, cutter: Segmenter, window: WindowOptions, settings: WorkerSettings) -> None:
        super().__init__()
        self._dofn = TranscribeSessions(cutter, window, settings)

    def expand(self, panes: beam.PCollection[tuple[str, Pane]]) -> Any:
        return panes | "Transcribe sessions" >> beam.ParDo(self._dofn).with_output_types(
            tuple[str, Utterance]
        )


class TranscribeSessions(WorkerDoFn, beam.DoFn):
    LOG = BagStateSpec("log", BytesCoder())
    HEAD = ReadModifyWriteStateSpec("head", ValueCoder(LogHead))

    def __init__(self, cutter: Segmenter, window: WindowOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._cutter = cutter
        self._window = window

    def setup(self) -> None:
        super().setup()
        self._steps = SessionSteps(self._cutter, self._window, self.worker, self.settings.time)

    def process(
        self,
        element: tuple[str, Pane],
        log: Any = beam.DoFn.StateParam(LOG),
        head: Any = beam.DoFn.StateParam(HEAD),
    ) -> Iterator[tuple[str, Utterance]]:
        partition, pane = element
        for utterance in self._steps.pane(partition, pane, log, head).utterances:
            yield pane.session_id, utterance
