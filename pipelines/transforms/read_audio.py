"""Step 1 of the ``window`` segmentation: read the shards; records keyed by session come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.async_dofn import DEAD_LETTERS
from beam_flink_kit.ticks import Tick
from beam_flink_kit.typed_outputs import typed
from pipelines.log.reader import ReadOptions
from pipelines.log.shards import SavedMarks
from pipelines.runtime.record_engine import RecordEngine
from pipelines.runtime.worker import WorkerSettings
from pipelines.session.records import ReadRecord
from pipelines.transforms.reader_step import TICKS, ReaderDoFn, TickHold, TickReaders
from schemas.values import DeadLetter


class ReadAudio(beam.PTransform[Any, Any]):
    """int (ticks) -> main: tuple[session, ReadRecord]; dead_letters."""

    def __init__(self, options: ReadOptions, settings: WorkerSettings, hold: TickHold) -> None:
        super().__init__()
        self._readers = options.readers
        self._dofn = ReadShards(options, settings, hold)

    def display_data(self) -> dict[str, Any]:
        return self._dofn.display_data()

    def expand(self, ticks: beam.PCollection[int]) -> Any:
        read: Any = beam.ParDo(self._dofn)
        outputs = (
            ticks
            | "Tick readers" >> TickReaders(self._readers)
            | "Read shards"
            >> read.with_output_types(tuple[str, ReadRecord]).with_outputs(
                DEAD_LETTERS, TICKS, main="main"
            )
        )
        return typed(outputs, dead_letters=DeadLetter, ticks=Tick)


class ReadShards(ReaderDoFn):
    """Out: (session, record). Event time is now, not the capture time, and neither before the tick
    nor before an earlier record's: no record is ever late (docs/decisions/0018).

    Marks are kept with every tick: an engine that has handed on more than Beam's state knows is
    begun anew from there.
    """

    save_every_s = 0.0

    def __init__(self, options: ReadOptions, settings: WorkerSettings, hold: TickHold) -> None:
        super().__init__("read_audio", options.readers, settings, hold)
        self._options = options

    def make_engine(self, number: int, saved: SavedMarks | None) -> RecordEngine:
        scope = self.scope
        return RecordEngine(number, self._options, scope.tools, saved, scope.bell.ring)

    def elements(self, engine: RecordEngine) -> Iterator[tuple[Any, int]]:
        now_s = engine.stamp_ms(max(self.scope.loop.now_ms(), self.tick_at_ms)) / 1000
        for session_id, record in engine.take_records():
            yield TimestampedValue((session_id, record), now_s), record.read_at_ms
