"""Step 4: the languages that are listened to right now, for every utterance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)

from pipelines.coders import ValueCoder
from pipelines.core.records import SessionEvent
from pipelines.core.routing import RoutingState, heard, route
from pipelines.worker.lookups import settled
from pipelines.worker.process import WorkerDoFn, WorkerSettings
from schemas.values import ListenerLanguages, RoutedUtterance, Utterance

LOOKUP_CHECK_MS = 100
RECONCILE_EVERY_MS = 30_000


@dataclass(frozen=True, slots=True)
class JoinState:
    routing: RoutingState = field(default_factory=RoutingState)
    waiting: bool = False
    asked_at_ms: int = 0


class JoinLanguages(beam.PTransform[Any, Any]):
    """tuple[session, SessionEvent] -> RoutedUtterance, by keyed state: the live form.

    ``listeners`` records come in the session's own stream, in order with its utterances. A slow
    question to the tables mends what a dead gateway left behind.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, events: beam.PCollection[tuple[str, SessionEvent]]) -> Any:
        return events | "Join languages" >> beam.ParDo(
            JoinByState(self._settings)
        ).with_output_types(RoutedUtterance)


class LookUpLanguages(beam.PTransform[Any, Any]):
    """The same in a bounded run: ``languages`` is a side input, dict session -> languages."""

    def __init__(
        self,
        languages: beam.PCollection[tuple[str, ListenerLanguages]],
        settings: WorkerSettings,
    ) -> None:
        super().__init__()
        self._languages = languages
        self._settings = settings

    def expand(self, events: beam.PCollection[tuple[str, SessionEvent]]) -> Any:
        return events | "Look up languages" >> beam.ParDo(
            JoinBySideInput(self._settings), AsDict(self._languages)
        ).with_output_types(RoutedUtterance)


class JoinByState(WorkerDoFn, beam.DoFn):
    STATE = ReadModifyWriteStateSpec("languages", ValueCoder(JoinState))
    WAITING = BagStateSpec("waiting", ValueCoder(Utterance))
    LOOKUP = TimerSpec("lookup", TimeDomain.WATERMARK)

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def process(
        self,
        element: tuple[str, SessionEvent],
        cell: Any = beam.DoFn.StateParam(STATE),
        waiting: Any = beam.DoFn.StateParam(WAITING),
        lookup: Any = beam.DoFn.TimerParam(LOOKUP),
    ) -> Iterator[RoutedUtterance]:
        session_id, event = element
        before: JoinState = cell.read() or JoinState()
        state = before
        if event.listeners is not None:
            state = replace(state, routing=heard(state.routing, event.listeners))
            self.worker.heard(session_id, state.routing.listeners)
            new = {*state.routing.listeners.languages} - {*before.routing.listeners.languages}
            if new:
                self.worker.warming.expect(session_id, new)
        if state.waiting and state.routing.knows_listeners:
            state, routed = self._release(state, waiting)
            yield from routed
        if event.utterance is not None:
            state = self._reconciled(session_id, state)
            self.worker.heard(session_id, state.routing.listeners)
            if state.routing.knows_listeners or event.utterance.entry.routes is not None:
                state, routed = self._routed(state, event.utterance)
                yield from routed
            else:
                waiting.add(event.utterance)
                self.worker.listener_lookups.ask(session_id)
                self._set(lookup)
                state = replace(state, waiting=True)
        if state != before:
            cell.write(state)

    @on_timer(LOOKUP)
    def look_for_answer(
        self,
        key: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        cell: Any = beam.DoFn.StateParam(STATE),
        waiting: Any = beam.DoFn.StateParam(WAITING),
        lookup: Any = beam.DoFn.TimerParam(LOOKUP),
    ) -> Iterator[RoutedUtterance]:
        """Utterances that came before any ``listeners`` record wait for the tables' answer."""
        state: JoinState = cell.read() or JoinState()
        if not state.waiting or self.time_is_over(fired_at):
            return
        answer = self.worker.listener_lookups.answer(key)
        if answer is None:
            self.worker.listener_lookups.ask(key)
            self._set(lookup)
            return
        state = replace(state, routing=heard(state.routing, settled(answer)))
        state, routed = self._release(state, waiting)
        yield from routed
        cell.write(state)

    def _release(self, state: JoinState, waiting: Any) -> tuple[JoinState, list[RoutedUtterance]]:
        out: list[RoutedUtterance] = []
        for utterance in sorted(waiting.read(), key=lambda each: each.entry.number):
            state, routed = self._routed(state, utterance)
            out += routed
        waiting.clear()
        return replace(state, waiting=False), out

    def _routed(
        self, state: JoinState, utterance: Utterance
    ) -> tuple[JoinState, list[RoutedUtterance]]:
        routing, routed = routed_utterance(state.routing, utterance, self.worker.loop.now_ms())
        return replace(state, routing=routing), routed

    def _reconciled(self, session_id: str, state: JoinState) -> JoinState:
        answer = self.worker.listener_lookups.answer(session_id) if not state.waiting else None
        if answer is not None:
            state = replace(state, routing=heard(state.routing, settled(answer)))
        now_ms = self.worker.loop.now_ms()
        if now_ms - state.asked_at_ms >= RECONCILE_EVERY_MS:
            if state.asked_at_ms:
                self.worker.listener_lookups.ask(session_id)
            state = replace(state, asked_at_ms=now_ms)
        return state

    def _set(self, lookup: Any) -> None:
        lookup.set((self.worker.loop.now_ms() + LOOKUP_CHECK_MS) / 1000)


class JoinBySideInput(WorkerDoFn, beam.DoFn):
    STATE = ReadModifyWriteStateSpec("languages", ValueCoder(RoutingState))

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def process(
        self,
        element: tuple[str, SessionEvent],
        languages: dict[str, ListenerLanguages],
        cell: Any = beam.DoFn.StateParam(STATE),
    ) -> Iterator[RoutedUtterance]:
        session_id, event = element
        if event.utterance is not None:
            state: RoutingState = cell.read() or RoutingState()
            state = heard(state, languages.get(session_id, ListenerLanguages((), 0)))
            state, routed = routed_utterance(state, event.utterance, self.worker.loop.now_ms())
            cell.write(state)
            yield from routed


def routed_utterance(
    state: RoutingState, utterance: Utterance, now_ms: int
) -> tuple[RoutingState, list[RoutedUtterance]]:
    """At most one; none when nobody listens, or there is nothing to say."""
    state, routes = route(state, utterance.entry)
    if not routes:
        return state, []
    timeline = utterance.timeline.mark("languages", now_ms)
    return state, [RoutedUtterance(replace(utterance, timeline=timeline), routes)]
