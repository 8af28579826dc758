"""Step 1 of the ``window`` segmentation: read the shards; records keyed by session come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.async_dofn import DEAD_LETTERS
from pipelines.reading.reader import ReadOptions
from pipelines.reading.shards import SavedMarks
from pipelines.runtime.record_engine import RecordEngine
from pipelines.runtime.worker import WorkerSettings
from pipelines.session.records import ReadRecord
from pipelines.transforms.reader_step import TICKS, ReaderDoFn, TickHold, TickReaders


class ReadAudio(beam.PTransform[Any, Any]):
    """int (ticks) -> main: tuple[session, ReadRecord]; dead_letters."""

    def __init__(self, options: ReadOptions, settings: WorkerSettings, hold: TickHold) -> None:
        super().__init__()
        self._readers = options.readers
        self._dofn = ReadShards(options, settings, hold)

    def expand(self, ticks: beam.PCollection[int]) -> Any:
        read: Any = beam.ParDo(self._dofn)
        return (
            ticks
            | "Tick readers" >> TickReaders(self._readers)
            | "Read shards"
            >> read.with_output_types(tuple[str, ReadRecord]).with_outputs(
                DEAD_LETTERS, TICKS, main="main"
            )
        )


class ReadShards(ReaderDoFn):
    """Out: (session, record). Event time is now, not the capture time: no record is ever late
    (docs/decisions/0003)."""

    def __init__(self, options: ReadOptions, settings: WorkerSettings, hold: TickHold) -> None:
        super().__init__("read", settings, hold)
        self._options = options

    def make_engine(self, number: int, saved: SavedMarks | None) -> RecordEngine:
        scope = self.scope
        return RecordEngine(number, self._options, scope.tools, saved, scope.bell.ring)

    def elements(self, engine: RecordEngine) -> Iterator[Any]:
        now_s = self.scope.loop.now_ms() / 1000
        for record in engine.take_records():
            yield TimestampedValue(record, now_s)
