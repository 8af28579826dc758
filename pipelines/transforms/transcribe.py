"""Step 1, live: read the shards, recognise, commit; committed utterances come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from beam_flink_kit.async_dofn import DEAD_LETTERS
from beam_flink_kit.ticks import Tick
from beam_flink_kit.typed_outputs import typed
from connectors.interfaces.speech_to_text import SharedSpeechToText
from pipelines.log.reader import ReadOptions
from pipelines.log.shards import SavedMarks
from pipelines.runtime.engine import Engine
from pipelines.runtime.worker import WorkerSettings
from pipelines.segmentation.segmenter import Segmenter
from pipelines.transforms.reader_step import (
    TICKS,
    ReaderDoFn,
    TickHold,
    TickReaders,
    had_all_at_ms,
)
from schemas.values import DeadLetter, Utterance


class Transcribe(beam.PTransform[Any, Any]):
    """int (ticks) -> main: Utterance; dead_letters; ticks: Tick, for the steps after it."""

    def __init__(
        self,
        options: ReadOptions,
        segmenter: Segmenter,
        settings: WorkerSettings,
        hold: TickHold,
    ) -> None:
        super().__init__()
        self._readers = options.readers
        self._dofn = TranscribeShards(options, segmenter, settings, hold)

    def display_data(self) -> dict[str, Any]:
        return self._dofn.display_data()

    def expand(self, ticks: beam.PCollection[int]) -> Any:
        transcribe: Any = beam.ParDo(self._dofn)
        outputs = (
            ticks
            | "Tick readers" >> TickReaders(self._readers)
            | "Transcribe shards"
            >> transcribe.with_output_types(Utterance).with_outputs(
                DEAD_LETTERS, TICKS, main="main"
            )
        )
        return typed(outputs, dead_letters=DeadLetter, ticks=Tick)


class TranscribeShards(ReaderDoFn):
    """Out: the utterances of the reader's sessions, as the ledger holds them."""

    def __init__(
        self,
        options: ReadOptions,
        segmenter: Segmenter,
        settings: WorkerSettings,
        hold: TickHold,
    ) -> None:
        super().__init__("transcribe", options.readers, settings, hold)
        self._options = options
        self._segmenter = segmenter
        self._without_stream = Metrics.gauge("transcribe", "waiting_for_a_stream")
        self._speculated = Metrics.counter("speculation", "begun")
        self._wasted = Metrics.counter("speculation", "wasted")

    def display_data(self) -> dict[str, Any]:
        return {**super().display_data(), "segmenter": type(self._segmenter).__name__}

    def setup(self) -> None:
        super().setup()
        recogniser = self.scope.connectors.speech_to_text
        self._shared = recogniser if isinstance(recogniser, SharedSpeechToText) else None

    def make_engine(self, number: int, saved: SavedMarks | None) -> Engine:
        scope = self.scope
        return Engine(number, self._options, self._segmenter, scope.tools, saved, scope.bell.ring)

    def elements(self, engine: Engine) -> Iterator[tuple[Utterance, int]]:
        for utterance in engine.take_utterances():
            yield utterance, had_all_at_ms(utterance)

    def finish_bundle(self) -> None:
        """What speculation costs when it is wrong is paid for: it is counted."""
        super().finish_bundle()
        if self._shared is not None:
            self._without_stream.set(self._shared.waiting)
        news = self.scope.speculation.take_counts()
        if news.begun or news.wasted:
            self._speculated.inc(news.begun)
            self._wasted.inc(news.wasted)
