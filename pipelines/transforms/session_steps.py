"""Steps 2 to 4 of a session, whenever something comes for it: order, one recogniser, languages.

A partition's sessions share one log in Beam's state (``core.session_log``); what comes out is
committed in the ledger. The stages around it are ``serve_sessions`` (live) and ``transcribe``
(bounded).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.journal import Coverage, JournalItem, JournalKind, journal_items, uncovered
from pipelines.core.records import Pane, PaneItem
from pipelines.core.session_log import LogPage, Remembered, SessionState
from pipelines.transforms.active_languages import LOOKUP_CHECK_MS, JoinLanguages
from pipelines.transforms.restore_order import HOLE_CHECK_MS, RestoreOrder
from pipelines.transforms.window_audio import WindowOptions
from pipelines.worker.following import Following
from pipelines.worker.process import TimeMode, Worker
from schemas.values import (
    ControlKind,
    ListenerLanguages,
    RoutedUtterance,
    SessionControl,
    Utterance,
)

LOOK_AGAIN_MS = 5_000
"""How soon uncommitted audio is looked at when no panes come."""
ENDED_KEPT_MS = 60_000
"""Late repeats of an ended session meet its state for so long."""
IDLE_KEPT_MS = 3_600_000
ABANDONED_MS = 600_000
"""A session without a speaker for so long has ended (``shared/protocol.md``, lifetimes)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a visit brought: in a bounded run utterances, live those that are routed."""

    utterances: list[Utterance]
    routed: list[RoutedUtterance]


class SessionSteps:
    """``log`` and ``head`` everywhere: the cells of Beam's state (a bag, a value)."""

    def __init__(
        self, cutter: Segmenter, window: WindowOptions, worker: Worker, time: TimeMode
    ) -> None:
        self.worker = worker
        self._cutter = cutter
        self._order = RestoreOrder(window, worker, time)
        self._languages = JoinLanguages(worker)
        self._bounded = time is TimeMode.INLINE
        self._closing = JournalKind.FLUSH if self._bounded else JournalKind.SETTLE

    def pane(self, partition: str, pane: Pane, log: Any, head: Any) -> Heard:
        """Something came for a session."""
        following = self._following(partition, log, head)
        heard = self._visit(following, partition, pane.session_id, pane, log)
        following.save(log, head)
        return heard

    def tick(self, partition: str, log: Any, head: Any) -> list[Heard]:
        """Time has passed: what was committed meanwhile, and what was to be looked at by now."""
        following = self._following(partition, log, head)
        now_ms = self.worker.loop.now_ms()
        following.tick(now_ms)
        committed = self.worker.transcribers.take_ready(partition)
        due = following.due(now_ms)
        heard = [
            self._visit(following, partition, session_id, None, log)
            for session_id in dict.fromkeys((*committed, *due))
        ]
        following.save(log, head)
        return heard

    def _following(self, partition: str, log: Any, head: Any) -> Following:
        """The partition's sessions; read from the state when this process does not know them as the
        state does."""
        following = self.worker.following.get(partition)
        if following is None or following.head != head.read():
            following = self.worker.following[partition] = Following(log.read())
            head.write(following.head)
            for session_id, session in following.sessions.items():
                self._languages.remember(session_id, session.state.languages)
        return following

    def _visit(
        self, following: Following, partition: str, session_id: str, pane: Pane | None, log: Any
    ) -> Heard:
        session = following.sessions.get(session_id)
        if session is None:
            if pane is None or not pane.records:
                return Heard([], [])  # the end of a window, or a commit, of a session that is over
            session = Remembered(SessionState())
        now_ms = self.worker.loop.now_ms()
        state, items_in = self._ordered(session_id, session, pane, now_ms)
        for news in _listeners(items_in):
            heard = self._languages.news(session_id, state.languages, news)
            state = replace(state, languages=heard)
        items = journal_items(
            items_in,
            first_index=state.next_index,
            fired_at_ms=now_ms if pane is None else pane.fired_at_ms,
            # What waited for a hole is all there is for now: its window has closed long ago.
            closing=self._closing if (items_in if pane is None else pane.closing) else None,
        )
        if not items and self._is_abandoned(following, session, now_ms):
            # No end was ever declared (a gateway died): what is left is over now.
            items = (JournalItem(state.next_index, JournalKind.FLUSH, -1),)
        utterances, coverage = self._heard(partition, session_id, session, state, items)
        state = replace(
            state,
            coverage=coverage,
            next_index=state.next_index + len(items),
            active_at_ms=pane.fired_at_ms if pane is not None and items else state.active_at_ms,
            ended=state.ended or _ends(items_in),
        )
        routed: list[RoutedUtterance] = []
        if not self._bounded:
            heard, routed = self._languages.route(session_id, state.languages, utterances)
            state = replace(state, languages=heard)
        if items or state != session.state:
            following.write(LogPage(session_id, state, items), log)
            session = following.sessions[session_id]
        if pane is None and self._is_over(following, session, now_ms):
            self.worker.transcribers.discard(session_id)
            following.write(LogPage(session_id, None), log)
        else:
            self._look_again(session, now_ms)
        return Heard(utterances, routed)

    def _ordered(
        self, session_id: str, session: Remembered, pane: Pane | None, now_ms: int
    ) -> tuple[SessionState, tuple[PaneItem, ...]]:
        if pane is not None and pane.records:
            step = self._order.step(session_id, session.state, pane.records)
        elif pane is None and 0 < session.hole_at_ms <= now_ms:
            step = self._order.look_at_hole(session_id, session.state)
        else:
            return session.state, ()
        session.hole_at_ms = 0  # and again so far from now: see _look_again
        return replace(session.state, order=step.state, held=step.held), step.items

    def _heard(
        self,
        partition: str,
        session_id: str,
        session: Remembered,
        state: SessionState,
        items: tuple[JournalItem, ...],
    ) -> tuple[list[Utterance], Coverage]:
        """Feed the session's transcriber; what was committed meanwhile, and what that covers."""
        registry, coverage = self.worker.transcribers, state.coverage
        transcriber = registry.attached(session_id, state.next_index, coverage.last_number)
        if transcriber is not None:
            transcriber.feed(items)
        else:
            left = uncovered((*session.journal, *items), coverage)
            if not left:
                return [], coverage
            next_index = state.next_index + len(items)
            transcriber = registry.open(
                session_id, self._cutter, coverage, next_index, left, partition
            )
            self._languages.remember(session_id, state.languages)
        if self._bounded:
            transcriber.settle()
        utterances = transcriber.drain()
        for utterance in utterances:
            coverage = coverage.with_entry(utterance.entry)
        return utterances, coverage

    def _is_abandoned(self, following: Following, session: Remembered, now_ms: int) -> bool:
        journal = session.journal
        if self._bounded or not journal or journal[-1].kind is JournalKind.FLUSH:
            return False
        return following.idle_ms(session, now_ms) >= ABANDONED_MS

    def _is_over(self, following: Following, session: Remembered, now_ms: int) -> bool:
        state = session.state
        if self._bounded or session.journal or state.held or state.languages.waiting:
            return False
        kept_ms = ENDED_KEPT_MS if state.ended else IDLE_KEPT_MS
        return following.idle_ms(session, now_ms) >= kept_ms

    def _look_again(self, session: Remembered, now_ms: int) -> None:
        """Have the session looked at before long, even if nothing comes for it."""
        within_ms = LOOK_AGAIN_MS if session.journal else ENDED_KEPT_MS
        if session.state.languages.waiting:
            within_ms = LOOKUP_CHECK_MS
        if not now_ms < session.look_at_ms <= now_ms + within_ms:
            session.look_at_ms = now_ms + within_ms
        if session.state.order.holding and not session.hole_at_ms:
            session.hole_at_ms = now_ms + HOLE_CHECK_MS


def _controls(items: Iterable[PaneItem], kind: ControlKind) -> Iterator[SessionControl]:
    for item in items:
        control = item.read.control if item.read is not None else None
        if control is not None and control.kind is kind:
            yield control


def _listeners(items: Iterable[PaneItem]) -> Iterator[ListenerLanguages]:
    return (control.heard() for control in _controls(items, ControlKind.LISTENERS))


def _ends(items: Iterable[PaneItem]) -> bool:
    return any(_controls(items, ControlKind.END))
