"""Step 3 of the ``window`` segmentation: panes become utterances, committed in the ledger.

Live, ticks hand on what was committed; a bounded run has none, and waits for each session to be
worked off. What Beam's state holds is which host served the partition last, so that after a restart
its sessions are taken over anew. A host keeps the records that the ledger does not cover
(``runtime.kept_records``); those of a host that is gone come again from the log.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_flink_kit.async_dofn import DEAD_LETTERS
from beam_flink_kit.held_tick import HeldTick
from beam_flink_kit.key_groups import spread_keys
from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import ScopedDoFn
from beam_flink_kit.step_metrics import StepMetrics
from beam_flink_kit.ticks import TICK, Tick
from beam_flink_kit.typed_outputs import typed
from pipelines.coders import StateCoder
from pipelines.log.shards import SavedMarks
from pipelines.runtime.reading_engine import claim_generation, emptied, wait_for_generation
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.supervision import UNEXPECTED_ERRORS
from pipelines.runtime.worker import ServedPartition, Worker, WorkerSettings
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.records import Pane
from pipelines.transforms.reader_step import (
    SAVE_EVERY_S,
    TICKS,
    TickHold,
    had_all_at_ms,
    unexpected_errors,
)
from pipelines.transforms.window_audio import WindowOptions
from schemas.values import DeadLetter, Utterance

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.005


class SessionsLostError(Exception):
    """Another process of this very run has taken over sessions whose panes come here. What was read
    and not committed is with neither: the job is restarted, and reads it again."""


class TranscribePanes(beam.PTransform[Any, Any]):
    """tuple[partition, Pane] -> main: Utterance; dead_letters; ticks: Tick.

    ``ticks`` None: a bounded run.
    """

    def __init__(
        self,
        job_name: str,
        segmenter: Segmenter,
        settings: WorkerSettings,
        hold: TickHold,
        window: WindowOptions,
        ticks: beam.PCollection[int] | None = None,
        *,
        raw: bool = False,
    ) -> None:
        super().__init__()
        self._dofn = TranscribePartition(
            job_name, segmenter, settings, hold, pane_s=window.pane_ms / 1000, raw=raw
        )
        self._partitions = window.partitions
        self._ticks = ticks

    def display_data(self) -> dict[str, Any]:
        return {**self._dofn.display_data(), "partitions": self._partitions}

    def expand(self, panes: beam.PCollection[tuple[str, Pane]]) -> Any:
        keys = spread_keys(self._partitions)

        def tick_partitions(tick: int) -> Iterator[tuple[str, Pane]]:
            for key in keys:
                yield key, Pane("", 0, tick=tick)

        transcribe: Any = beam.ParDo(self._dofn)
        inputs: Any = panes
        if self._ticks is not None:
            ticks = self._ticks | "Tick partitions" >> beam.FlatMap(
                tick_partitions
            ).with_output_types(tuple[str, Pane])
            inputs = (panes, ticks) | "Panes and ticks" >> beam.Flatten()
        outputs = inputs | "Transcribe panes" >> transcribe.with_output_types(
            Utterance
        ).with_outputs(DEAD_LETTERS, TICKS, main="main")
        return typed(outputs, dead_letters=DeadLetter, ticks=Tick)


class TranscribePartition(ScopedDoFn[Worker], beam.DoFn):
    HOST = ReadModifyWriteStateSpec("host", StateCoder(SavedMarks))

    def __init__(
        self,
        job_name: str,
        segmenter: Segmenter,
        settings: WorkerSettings,
        hold: TickHold,
        *,
        pane_s: float,
        raw: bool,
    ) -> None:
        self.settings = settings
        self._job_name = job_name
        self._segmenter = segmenter
        self._hold = hold
        self._pane_s = pane_s
        self._raw = raw
        self._metrics = StepMetrics("transcribe")
        self._superseded = Metrics.counter("transcribe", "superseded_records")
        self._unexpected = unexpected_errors()

    def display_data(self) -> dict[str, Any]:
        return {
            "stage": self._metrics.stage,
            "segmenter": type(self._segmenter).__name__,
            "tick_ms": self._hold.tick_ms,
            "hold_ms": self._hold.hold_ms,
        }

    def setup(self) -> None:
        super().setup()
        hold = self._hold
        self._held = HeldTick(self.scope.bell, tick_ms=hold.tick_ms, hold_ms=hold.hold_ms)
        self._keys: set[str] = set()

    def process(
        self,
        element: tuple[str, Pane],
        timestamp: Any = beam.DoFn.TimestampParam,
        host: Any = beam.DoFn.StateParam(HOST),
    ) -> Iterator[Any]:
        key, pane = element
        mine = self._host(key, host)
        if pane.session_id and mine.is_superseded:
            yield from self._refused(key, pane)
        elif pane.session_id:
            yield from self._taken(mine, pane)
        else:
            yield from self._ticked(key, pane.tick, timestamp.micros // 1000)

    def finish_bundle(self) -> None:
        self._unexpected.inc(UNEXPECTED_ERRORS.take())

    def _ticked(self, key: str, tick: int, tick_at_ms: int) -> Iterator[Any]:
        self.scope.loop.advance(tick_at_ms)
        yield from self._handed_on(key)
        if self._held.is_last_key(key, tick):
            for _ in self._held.until_due(tick_at_ms):
                for each in tuple(self._keys):
                    yield from self._handed_on(each)
                yield TaggedOutput(TICKS, TICK)

    def _refused(self, key: str, pane: Pane) -> Iterator[Any]:
        """A newer run of the job owns the partition's sessions: it reads the same log. This one
        drops what it has read, and says so once."""
        self._superseded.inc(len(pane.records))
        served = self.scope.hosts[key]
        if not served.is_superseded_told:
            served.is_superseded_told = True
            generation = served.saved.generation
            _log.error("partition %s: a newer run than generation %d owns it", key, generation)
            at_ms = self.scope.loop.now_ms()
            letter = DeadLetter("transcribe", "SupersededError", f"partition/{key}", at_ms)
            yield TaggedOutput(DEAD_LETTERS, letter)

    def _taken(self, host: SessionHost, pane: Pane) -> Iterator[Any]:
        self._metrics.taken(len(pane.records))
        records = sorted(pane.records, key=lambda each: int(each.place.number))
        session_id, fired_at_ms = pane.session_id, pane.fired_at_ms
        scope, is_bounded = self.scope, self.scope.time_mode is TimeMode.INLINE

        def take() -> None:
            host.take(session_id, records, fired_at_ms)
            # At once: where utterances end must not depend on what is recognised in between.
            if is_bounded and pane.is_last:
                host.input_is_over(session_id)

        scope.in_loop(take)
        if not is_bounded:
            return
        while not scope.in_loop(lambda: host.is_done(session_id)):
            time.sleep(LOOK_EVERY_S)
        yield from self._waiting(host)

    def _handed_on(self, key: str) -> Iterator[Any]:
        served = self.scope.hosts.get(key)
        if served is None:
            return
        yield from self._waiting(served.host)

    def _waiting(self, host: SessionHost) -> Iterator[Any]:
        now_ms = self.scope.loop.now_ms()
        for utterance in emptied(host.utterances):
            self._metrics.handed_on(now_ms - had_all_at_ms(utterance))
            yield utterance
        for letter in emptied(host.letters):
            yield TaggedOutput(DEAD_LETTERS, letter)

    def _host(self, key: str, cell: Any) -> SessionHost:
        """The partition's host in this process, if it stands where Beam's state stands, and no
        other host of this run has taken its sessions over. It is the process's, not the DoFn's:
        another instance may have begun it."""
        self._keys.add(key)
        saved: SavedMarks | None = cell.read()
        scope, now_s = self.scope, self.scope.loop.now_s()
        served = scope.hosts.get(key)
        if served is not None and saved in (None, served.saved) and not _has_lost(served.host):
            if now_s - served.saved_at_s >= SAVE_EVERY_S:
                before = served.saved
                served.saved = SavedMarks(before.generation, before.engine, before.count + 1)
                served.saved_at_s = now_s
                cell.write(served.saved)
            return served.host
        if served is not None:
            scope.in_loop(scope.hosts.pop(key).host.close)
            if saved == served.saved:
                raise SessionsLostError(f"partition {key}: another process serves its sessions")
        generation = self._claimed() if saved is None else saved.generation
        host = scope.in_loop(
            lambda: SessionHost(
                scope.tools,
                self._segmenter,
                generation,
                raw=self._raw,
                rung=scope.bell.ring,
                read_again=None,
                lost=lambda _generation: None,
                delivers_all=scope.time_mode is TimeMode.INLINE,
                audio_every_s=self._pane_s,
            )
        )
        first = SavedMarks(generation, uuid.uuid4().hex, 1)
        scope.hosts[key] = ServedPartition(host, first, now_s)
        cell.write(first)
        return host

    def _claimed(self) -> int:
        """Live, the bundle waits for the positions table: nothing can be served before."""
        scope, loop = self.scope, self.scope.loop
        claim = claim_generation if scope.time_mode is TimeMode.INLINE else wait_for_generation
        return loop.wait(loop.start(claim(scope.connectors, self._job_name)))


def _has_lost(host: SessionHost) -> bool:
    """Whether a host of this very run has taken sessions over. What a newer run took is its own."""
    return bool(host.lost_to) and not host.is_superseded
