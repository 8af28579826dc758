"""Step 4: the languages that are listened to right now, for every utterance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from pipelines.coders import ValueCoder
from pipelines.core.routing import LanguageState, RoutingState, heard, route
from pipelines.worker.lookups import settled
from pipelines.worker.process import Worker, WorkerDoFn, WorkerSettings
from schemas.values import ListenerLanguages, RoutedUtterance, Utterance

LOOKUP_CHECK_MS = 100
RECONCILE_EVERY_MS = 30_000


class JoinLanguages:
    """The live form, part of the stage that follows sessions (``session_steps``).

    ``listeners`` records come in the session's own stream, in order with its utterances. A slow
    question to the tables mends what a dead gateway left behind.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def remember(self, session_id: str, state: LanguageState) -> None:
        """After a restart: what this process should know of the session's listeners."""
        if state.routing.knows_listeners:
            self._worker.heard(session_id, state.routing.listeners)

    def news(self, session_id: str, state: LanguageState, news: ListenerLanguages) -> LanguageState:
        before = state.routing.listeners
        state = replace(state, routing=heard(state.routing, news))
        after = state.routing.listeners
        self._worker.heard(session_id, after)
        new = {*after.languages} - {*before.languages}
        if new:
            self._worker.warming.expect(session_id, new)
        return state

    def route(
        self, session_id: str, state: LanguageState, utterances: list[Utterance]
    ) -> tuple[LanguageState, list[RoutedUtterance]]:
        """What goes on now; with nobody known yet, utterances wait for the tables' answer."""
        out: list[RoutedUtterance] = []
        if utterances:
            state = self._reconciled(session_id, state)
            self._worker.heard(session_id, state.routing.listeners)
        if state.waiting and not state.routing.knows_listeners:
            state = self._answered(session_id, state)
        if state.waiting and state.routing.knows_listeners:
            utterances = [*state.waiting, *utterances]
            state = replace(state, waiting=())
        for utterance in utterances:
            if state.routing.knows_listeners or utterance.entry.routes is not None:
                now_ms = self._worker.loop.now_ms()
                routing, routed = routed_utterance(state.routing, utterance, now_ms)
                state = replace(state, routing=routing)
                out += routed
            else:
                self._worker.listener_lookups.ask(session_id)
                state = replace(state, waiting=(*state.waiting, utterance))
        return state, out

    def _answered(self, session_id: str, state: LanguageState) -> LanguageState:
        answer = self._worker.listener_lookups.answer(session_id)
        if answer is None:
            self._worker.listener_lookups.ask(session_id)
            return state
        return replace(state, routing=heard(state.routing, settled(answer)))

    def _reconciled(self, session_id: str, state: LanguageState) -> LanguageState:
        lookups = self._worker.listener_lookups
        answer = lookups.answer(session_id) if not state.waiting else None
        if answer is not None:
            state = replace(state, routing=heard(state.routing, settled(answer)))
        now_ms = self._worker.loop.now_ms()
        if now_ms - state.asked_at_ms >= RECONCILE_EVERY_MS:
            if state.asked_at_ms:
                lookups.ask(session_id)
            state = replace(state, asked_at_ms=now_ms)
        return state


class LookUpLanguages(beam.PTransform[Any, Any]):
    """tuple[session, Utterance] -> RoutedUtterance: the same in a bounded run.

    ``languages`` is a side input, dict session -> languages.
    """

    def __init__(
        self,
        languages: beam.PCollection[tuple[str, ListenerLanguages]],
        settings: WorkerSettings,
    ) -> None:
        super().__init__()
        self._languages = languages
        self._settings = settings

    def expand(self, utterances: beam.PCollection[tuple[str, Utterance]]) -> Any:
        return utterances | "Look up languages" >> beam.ParDo(
            JoinBySideInput(self._settings), AsDict(self._languages)
        ).with_output_types(RoutedUtterance)


class JoinBySideInput(WorkerDoFn, beam.DoFn):
    STATE = ReadModifyWriteStateSpec("languages", ValueCoder(RoutingState))

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def process(
        self,
        element: tuple[str, Utterance],
        languages: dict[str, ListenerLanguages],
        cell: Any = beam.DoFn.StateParam(STATE),
    ) -> Iterator[RoutedUtterance]:
        session_id, utterance = element
        state: RoutingState = cell.read() or RoutingState()
        state = heard(state, languages.get(session_id, ListenerLanguages((), 0)))
        state, routed = routed_utterance(state, utterance, self.worker.loop.now_ms())
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
