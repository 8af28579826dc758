"""A step that is a source: engines work beside the bundles, and ticks hand on what they have.

A tick is *held*, so that what gets ready meanwhile need not wait for the next
(``beam_flink_kit.held_tick``); about once a second it keeps each reader's low-water marks in Beam's
state, which is all that this job keeps there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_flink_kit.async_dofn import DEAD_LETTERS
from beam_flink_kit.held_tick import HeldTick
from beam_flink_kit.key_groups import spread_keys
from beam_flink_kit.process_scope import ScopedDoFn
from beam_flink_kit.step_metrics import StepMetrics
from beam_flink_kit.ticks import TICK
from pipelines.coders import StateCoder
from pipelines.log.shards import UNREADABLE_MARKS, SavedMarks
from pipelines.runtime.reading_engine import ReadingEngine
from pipelines.runtime.supervision import UNEXPECTED_ERRORS
from pipelines.runtime.worker import Worker, WorkerSettings
from schemas.values import Utterance

TICKS = "ticks"
SAVE_EVERY_S = 1.0
TICK_MS = 100
"""The period of a live job's clock. Each tick is a bundle for every step; what gets ready in
between does not wait for the next (``beam_flink_kit.held_tick``)."""


@dataclass(frozen=True, slots=True)
class TickHold:
    """Of every ``tick_ms`` a tick is held for ``hold_ms``."""

    tick_ms: int = TICK_MS
    hold_ms: int = 70


class TickReaders(beam.PTransform[Any, Any]):
    """int (ticks) -> tuple[reader's key, tuple[reader's number, tick]]."""

    def __init__(self, readers: int) -> None:
        super().__init__()
        self._readers = readers

    def display_data(self) -> dict[str, Any]:
        return {"readers": self._readers}

    def expand(self, ticks: beam.PCollection[int]) -> Any:
        keys = spread_keys(self._readers)

        def tick_readers(tick: int) -> Iterator[tuple[str, tuple[int, int]]]:
            for number, key in enumerate(keys):
                yield key, (number, tick)

        return ticks | "Name readers" >> beam.FlatMap(tick_readers).with_output_types(
            tuple[str, tuple[int, int]]
        )


def unexpected_errors() -> Any:
    """The counter of what was not expected in tasks beside the bundles."""
    return Metrics.counter("supervision", "unexpected_errors")


class ReaderDoFn(ScopedDoFn[Worker], beam.DoFn):
    """A reader's key and number, and the number of the tick, in; what its engine has, out."""

    MARKS = ReadModifyWriteStateSpec("marks", StateCoder(SavedMarks, UNREADABLE_MARKS))
    save_every_s = SAVE_EVERY_S

    def __init__(self, stage: str, readers: int, settings: WorkerSettings, hold: TickHold) -> None:
        self.settings = settings
        self._hold = hold
        self._readers = readers
        self._metrics = StepMetrics(stage)
        self._sessions = Metrics.gauge(stage, "sessions")
        self._superseded = Metrics.counter(stage, "superseded_ticks")
        self._unexpected = unexpected_errors()

    @abstractmethod
    def make_engine(self, number: int, saved: SavedMarks | None) -> ReadingEngine:
        """In the loop."""

    @abstractmethod
    def elements(self, engine: Any) -> Iterator[tuple[Any, int]]:
        """What the engine has by now, and when (ms since 1970) it had what each is made of."""

    def display_data(self) -> dict[str, Any]:
        return {
            "stage": self._metrics.stage,
            "readers": self._readers,
            "tick_ms": self._hold.tick_ms,
            "hold_ms": self._hold.hold_ms,
        }

    def setup(self) -> None:
        super().setup()
        hold = self._hold
        self._held = HeldTick(self.scope.bell, tick_ms=hold.tick_ms, hold_ms=hold.hold_ms)
        self._saved_at_s: dict[str, float] = {}
        self.tick_at_ms = 0

    def process(
        self,
        element: tuple[str, tuple[int, int]],
        timestamp: Any = beam.DoFn.TimestampParam,
        marks: Any = beam.DoFn.StateParam(MARKS),
    ) -> Iterator[Any]:
        key, (number, tick) = element
        self.tick_at_ms = tick_at_ms = timestamp.micros // 1000
        self.scope.loop.advance(tick_at_ms)
        engine = self._engine(key, number, marks.read())
        if engine is not None:
            now_s = self.scope.loop.now_s()
            if now_s - self._saved_at_s.get(key, float("-inf")) >= self.save_every_s:
                self._saved_at_s[key] = now_s
                saved = self.scope.in_loop(engine.marks)
                if saved is not None:
                    marks.write(saved)
            yield from self._handed_on(key)
        if self._held.is_last_key(key, tick):
            for _ in self._held.until_due(tick_at_ms):
                for mine in tuple(self._saved_at_s):
                    yield from self._handed_on(mine)
                yield TaggedOutput(TICKS, TICK)
            engines = self.scope.engines
            self._sessions.set(sum(engines[k].sessions for k in self._saved_at_s if k in engines))

    def finish_bundle(self) -> None:
        self._unexpected.inc(UNEXPECTED_ERRORS.take())

    def _engine(self, key: str, number: int, saved: SavedMarks | None) -> ReadingEngine | None:
        """The engine that stands where Beam's state stands; None: a newer run has taken over."""
        engines = self.scope.engines
        engine = engines.get(key)
        if engine is not None:
            self.scope.in_loop(engine.asked)
            if engine.is_superseded:
                self._superseded.inc()
                return None
            if not engine.is_stopped and engine.stands_at(saved):
                return engine
            self.scope.in_loop(engine.stop)
        engine = engines[key] = self.scope.in_loop(lambda: self.make_engine(number, saved))
        self._saved_at_s[key] = float("-inf")
        return engine

    def _handed_on(self, key: str) -> Iterator[Any]:
        engine = self.scope.engines.get(key)
        if engine is None:
            return
        self._metrics.taken(engine.take_count_of_read())
        now_ms = self.scope.loop.now_ms()
        for element, since_ms in self.elements(engine):
            self._metrics.handed_on(now_ms - since_ms)
            yield element
        for letter in engine.take_letters():
            yield TaggedOutput(DEAD_LETTERS, letter)


def had_all_at_ms(utterance: Utterance) -> int:
    """When the session had taken the last sample that the utterance needed: before the last stage
    of its timeline, which is recognition and commit."""
    timeline = utterance.timeline
    spent_ms = timeline.stages[-1][1] if timeline.stages else 0
    return timeline.marked_at_ms - spent_ms
