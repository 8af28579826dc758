"""Step 3: one recogniser per session; utterances leave it committed in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    TimerSpec,
    on_timer,
)

from pipelines.coders import ValueCoder
from pipelines.core.cutting import Cutter
from pipelines.core.journal import (
    Coverage,
    JournalItem,
    JournalKind,
    journal_items,
    uncovered,
)
from pipelines.core.records import Pane, SessionEvent
from pipelines.transforms.latest import Latest
from pipelines.worker.process import TimeMode, WorkerDoFn, WorkerSettings
from pipelines.worker.transcribing import SessionTranscriber
from schemas.values import ControlKind, ListenerLanguages, Utterance

LOOK_AGAIN_MS = 5_000
"""How soon uncommitted audio is looked at when no panes come."""
ENDED_KEPT_MS = 60_000
"""Late repeats of an ended session meet its state for so long."""
IDLE_KEPT_MS = 3_600_000
ABANDONED_MS = 600_000
"""A session without a speaker for so long has ended (``shared/protocol.md``, lifetimes)."""
WAKE_EVERY_TICKS = 2


@dataclass(frozen=True, slots=True)
class TranscriptState:
    """What is remembered of a session, beside the journal itself."""

    coverage: Coverage = field(default_factory=Coverage)
    next_index: int = 0
    active_at_ms: int = 0
    ended: bool = False
    look_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class JournalPage:
    """One append to the journal."""

    items: tuple[JournalItem, ...]


class Transcribe(beam.PTransform[Any, Any]):
    """panes: tuple[session, Pane], ticks: int (live) -> tuple[session, SessionEvent]."""

    def __init__(
        self,
        cutter: Cutter,
        settings: WorkerSettings,
        ticks: beam.PCollection[int] | None = None,
    ) -> None:
        super().__init__()
        self._cutter = cutter
        self._settings = settings
        self._ticks = ticks

    def expand(self, panes: beam.PCollection[tuple[str, Pane]]) -> Any:
        if self._ticks is not None:
            wakes = (
                self._ticks
                | "Thin ticks" >> beam.Filter(_wakes)
                | "Wake sessions"
                >> beam.ParDo(WakeSessions(self._settings)).with_output_types(tuple[str, Pane])
            )
            panes = (panes, wakes) | "With wakes" >> beam.Flatten()
        return panes | "Recognise" >> beam.ParDo(
            RecogniseSessions(self._cutter, self._settings)
        ).with_output_types(tuple[str, SessionEvent])


def _wakes(tick: int) -> bool:
    return tick % WAKE_EVERY_TICKS == 0


class WakeSessions(WorkerDoFn, beam.DoFn):
    """Names the sessions of this process that have committed something since their last pane.

    The session's key may live in another process; it is reached by the shuffle. A lost wake does
    no harm: the next pane, or the look-again timer, finds the same.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def process(
        self, tick: int, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[tuple[str, Pane]]:
        self.worker.loop.advance(timestamp.micros // 1000)
        now_ms = self.worker.loop.now_ms()
        for session_id in self.worker.transcribers.wanting_attention(now_ms):
            yield session_id, Pane(session_id, now_ms, ())


class RecogniseSessions(WorkerDoFn, beam.DoFn):
    STATE = BagStateSpec("transcript", ValueCoder(TranscriptState))
    """See ``Latest``."""
    JOURNAL = BagStateSpec("journal", ValueCoder(JournalPage))
    LOOK = TimerSpec("look", TimeDomain.WATERMARK)

    def __init__(self, cutter: Cutter, settings: WorkerSettings) -> None:
        self.settings = settings
        self._cutter = cutter
        bounded = settings.time is TimeMode.INLINE
        self._closing = JournalKind.FLUSH if bounded else JournalKind.SETTLE

    def process(
        self,
        element: tuple[str, Pane],
        state_cell: Any = beam.DoFn.StateParam(STATE),
        journal: Any = beam.DoFn.StateParam(JOURNAL),
        look: Any = beam.DoFn.TimerParam(LOOK),
    ) -> Iterator[tuple[str, SessionEvent]]:
        session_id, pane = element
        cell = Latest(state_cell)
        known: TranscriptState | None = cell.value
        # A wake, or the end of a window, of a session that is over finds no state: nothing to do.
        if known is not None or pane.items:
            before = known or TranscriptState()
            yield from self._recognised(session_id, pane, before, cell, journal, look)

    def _recognised(
        self,
        session_id: str,
        pane: Pane,
        before: TranscriptState,
        state_cell: Latest,
        journal: Any,
        look: Any,
    ) -> Iterator[tuple[str, SessionEvent]]:
        for listeners in _listeners(pane):
            yield session_id, SessionEvent(listeners=listeners)
        items = journal_items(
            pane.items,
            first_index=before.next_index,
            fired_at_ms=pane.fired_at_ms,
            closing=self._closing if pane.closing else None,
        )
        if items:
            journal.add(JournalPage(items))
        transcriber = self._transcriber(session_id, before, items, journal)
        state = replace(
            before,
            next_index=before.next_index + len(items),
            ended=before.ended or _ends(pane),
            active_at_ms=pane.fired_at_ms if items else before.active_at_ms,
        )
        if self.settings.time is TimeMode.INLINE:
            transcriber.settle()
        state, out = self._drained(state, transcriber, journal)
        state = self._look_again(state, look, LOOK_AGAIN_MS)
        if state != before:
            state_cell.write(state)
        for utterance in out:
            yield session_id, SessionEvent(utterance=utterance)

    @on_timer(LOOK)
    def look_again(
        self,
        key: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        state_cell: Any = beam.DoFn.StateParam(STATE),
        journal: Any = beam.DoFn.StateParam(JOURNAL),
        look: Any = beam.DoFn.TimerParam(LOOK),
    ) -> Iterator[tuple[str, SessionEvent]]:
        """Go on with what no pane asks for (after a restart, say); forget what is over."""
        cell = Latest(state_cell)
        state: TranscriptState | None = cell.value
        if state is None or self.time_is_over(fired_at):
            return
        state = replace(state, look_at_ms=0)
        idle_ms = self.worker.loop.now_ms() - state.active_at_ms
        if uncovered(_journal(journal), state.coverage):
            flush = self._flush_of_abandoned(state, journal) if idle_ms >= ABANDONED_MS else ()
            transcriber = self._transcriber(key, state, flush, journal)
            state = replace(state, next_index=state.next_index + len(flush))
            state, out = self._drained(state, transcriber, journal)
            for utterance in out:
                yield key, SessionEvent(utterance=utterance)
            cell.write(self._look_again(state, look, LOOK_AGAIN_MS))
            return
        journal.clear()
        if idle_ms >= (ENDED_KEPT_MS if state.ended else IDLE_KEPT_MS):
            self.worker.transcribers.discard(key)
            cell.clear()
        else:
            cell.write(self._look_again(state, look, ENDED_KEPT_MS))

    def _flush_of_abandoned(self, state: TranscriptState, journal: Any) -> tuple[JournalItem, ...]:
        """No end was ever declared (a gateway died): what is left is over now."""
        flush = (JournalItem(state.next_index, JournalKind.FLUSH, -1),)
        journal.add(JournalPage(flush))
        return flush

    def _transcriber(
        self,
        session_id: str,
        state: TranscriptState,
        items: tuple[JournalItem, ...],
        journal: Any,
    ) -> SessionTranscriber:
        """The session's transcriber, fed with ``items``; one is opened from state if need be."""
        registry = self.worker.transcribers
        last_number = state.coverage.last_number
        transcriber = registry.attached(session_id, state.next_index, last_number)
        if transcriber is not None:
            transcriber.feed(items)
            return transcriber
        left = uncovered(_journal(journal), state.coverage)
        next_index = state.next_index + len(items)
        return registry.open(session_id, self._cutter, state.coverage, next_index, left)

    def _drained(
        self, state: TranscriptState, transcriber: SessionTranscriber, journal: Any
    ) -> tuple[TranscriptState, list[Utterance]]:
        """Take what was committed and forget its audio."""
        out = transcriber.drain()
        if not out:
            return state, out
        left = _journal(journal)
        coverage = state.coverage
        for utterance in out:
            coverage = coverage.with_entry(utterance.entry)
            left = uncovered(left, coverage)
        journal.clear()
        if left:
            journal.add(JournalPage(left))
        return replace(state, coverage=coverage), out

    def _look_again(self, state: TranscriptState, look: Any, within_ms: int) -> TranscriptState:
        """Have the timer set within ``within_ms``; one that is due by then already will do."""
        now_ms = self.worker.loop.now_ms()
        if self.settings.time is TimeMode.INLINE:
            return state  # everything is worked off; event time has no end to look again at
        if now_ms < state.look_at_ms <= now_ms + within_ms:
            return state
        look.set((now_ms + within_ms) / 1000)
        return replace(state, look_at_ms=now_ms + within_ms)


def _listeners(pane: Pane) -> Iterator[ListenerLanguages]:
    for item in pane.items:
        control = item.read.control if item.read is not None else None
        if control is not None and control.kind is ControlKind.LISTENERS:
            yield control.heard()


def _ends(pane: Pane) -> bool:
    return any(
        item.read is not None
        and item.read.control is not None
        and item.read.control.kind is ControlKind.END
        for item in pane.items
    )


def _journal(journal: Any) -> tuple[JournalItem, ...]:
    items = [item for page in journal.read() for item in page.items]
    return tuple(sorted(items, key=lambda item: item.index))
