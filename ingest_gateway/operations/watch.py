"""Looks after everything that the operators' page shows: what passes by is noted, the rest is
asked for every few seconds, little at a time, whether an operator looks or not."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Histogram

from connectors.calls.policy import Policies, call
from connectors.interfaces.dead_letters import DeadLetterArchive
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.ledger import Ledger
from ingest_gateway.audio_in.put_queue import Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.backlog import Backlog, Waiting
from ingest_gateway.operations.document import (
    HISTORY_EVERY_S,
    LetterWatch,
    Operations,
    Point,
    SessionNow,
    Snapshot,
    operations_of,
    point_of,
    points_since,
)
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.windows import WINDOW_MS, LagWindows, PassedUtterance
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.sessions.hub import Hub
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from schemas.names import RECOGNISED_STAGES
from schemas.values import AudioChunk, LedgerEntry

HISTORY_S = 3600
LETTERS_EVERY_MS = 30_000
LETTERS_WITHIN_MS = 3_600_000
NEWEST_LETTERS = 8
LEDGERS_AT_A_TIME = 20
"""Sessions whose ledger is read in one turn: with many that are silent it takes some turns."""
_MINUTE_MS = 60_000
_SESSIONS_AT_A_STRETCH = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchDependencies:
    """``letters`` None: dead letters are not looked for."""

    live: LiveSessions
    hub: Hub
    captions: Captions
    writer: RecordWriter
    ledger: Ledger
    letters: DeadLetterArchive | None
    policies: Policies
    metrics: Metrics
    gateway_id: str
    flink_url: str | None
    now_ms: Callable[[], int]


class DeliveryStats:
    """What is noted as it passes by: clips on their way to listeners, records made durable."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.lags = LagWindows()
        self.backlog = Backlog()
        self.last_clip_at_ms: dict[str, int] = {}
        self._by_stage: dict[tuple[str, str], Histogram] = {}  # to look one up takes longest

    def passed(self, utterance: PassedUtterance) -> None:
        self.lags.add(utterance)
        self.backlog.passed(utterance)
        language = utterance.language
        if utterance.skipped is not None:
            self._metrics.skipped.labels(language, utterance.skipped).inc()
            return
        self.last_clip_at_ms[utterance.session_id] = utterance.at_ms
        if utterance.lag_ms is not None:
            self._metrics.delivery_seconds.labels(language).observe(utterance.lag_ms / 1000)
        for stage, spent_ms in utterance.stages_ms.items():
            if stage in RECOGNISED_STAGES:  # each name is a series of its own
                self._stage_seconds(stage, language).observe(spent_ms / 1000)

    def _stage_seconds(self, stage: str, language: str) -> Histogram:
        known = self._by_stage.get((stage, language))
        if known is None:
            known = self._metrics.stage_seconds.labels(stage, language)
            self._by_stage[stage, language] = known
        return known

    def stored(self, settled: Settled) -> None:
        chunks = [one.value for one in settled.stored if isinstance(one.value, AudioChunk)]
        self.backlog.stored(settled.session_id, chunks)

    def forget(self, live: Sequence[LiveSession], now_ms: int) -> None:
        sessions = {one.session_id for one in live if not one.ended}
        self.backlog.forget(sessions, now_ms)
        self.lags.forget_before(now_ms - WINDOW_MS)
        for session_id in self.last_clip_at_ms.keys() - {one.session_id for one in live}:
            del self.last_clip_at_ms[session_id]


class OperationsWatch:
    def __init__(self, needs: WatchDependencies, stats: DeliveryStats) -> None:
        self._needs = needs
        self._stats = stats
        self._letters = LetterWatch()
        self._looked_at_ms: int | None = None
        self._history: deque[Point] = deque(maxlen=HISTORY_S // HISTORY_EVERY_S)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(HISTORY_EVERY_S)

    async def look(self) -> None:
        """Ask for what does not pass by, and add a moment to the pictures."""
        now_ms = self._needs.now_ms()
        await asyncio.gather(
            self._look_for_letters(now_ms),
            *(
                self._read_ledger(session_id, number)
                for session_id, number in self._stats.backlog.to_ask(now_ms, LEDGERS_AT_A_TIME)
            ),
        )
        now_ms = self._needs.now_ms()
        live = self._needs.live.all()
        self._stats.forget(live, now_ms)
        point = point_of(
            now_ms,
            sessions=sum(not one.ended for one in live),
            listeners=self._needs.hub.listener_total(),
            undelivered=self._stats.backlog.total(),
            letters=self._letters,
            last_minute=self._stats.lags.since(now_ms - _MINUTE_MS),
        )
        self._history.append(point)
        self._show(point)

    async def document(self, history_since_ms: int) -> Operations:
        """Everything as it is now, and the moments behind ``history_since_ms``."""
        needs, stats = self._needs, self._stats
        sessions: list[SessionNow] = []
        for live in needs.live.all():
            sessions.append(self._session(live))
            if len(sessions) % _SESSIONS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # the audio of a thousand is not held up
        now_ms = needs.now_ms()
        return operations_of(
            Snapshot(
                at_ms=now_ms,
                gateway_id=needs.gateway_id,
                flink_url=needs.flink_url,
                sessions=tuple(sessions),
                lag=stats.lags.since(now_ms - WINDOW_MS),
                unstored=Waiting(*needs.writer.waiting_records()),
                undelivered=stats.backlog.total(),
                letters=self._letters,
                history=points_since(self._history, history_since_ms),
            )
        )

    def _session(self, live: LiveSession) -> SessionNow:
        info = live.row.info
        waiting = self._stats.backlog.waiting(live.session_id)
        return SessionNow(
            session_id=live.session_id,
            source_language=info.source_language,
            target_languages=info.target_languages,
            state=live.state,
            has_speaker=live.speaker is not None,
            created_at=info.created_at_ms,
            listeners=self._needs.hub.listener_counts(live.session_id),
            lag_ms=self._needs.captions.lag_ms(live.session_id),
            last_chunk_at=self._stats.backlog.last_chunk_at_ms(live.session_id),
            last_clip_at=self._stats.last_clip_at_ms.get(live.session_id),
            waiting_records=waiting.records,
            oldest_waiting_at=waiting.oldest_at_ms,
            feedback=live.feedback,
        )

    async def _read_ledger(self, session_id: str, number: int) -> None:
        try:
            entries = await call(
                self._needs.policies.directory, lambda: self._entries(session_id, number)
            )
        except ConnectorError as error:
            _log.warning("operations: %s", error)
            return
        heard_here = self._needs.hub.listener_counts(session_id)
        self._stats.backlog.committed(session_id, entries, heard_here, self._needs.now_ms())

    async def _entries(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        """Behind that number. Of a session that nothing is known of the last will do: behind a
        restart its whole ledger may be hours of speech."""
        if number >= 0:
            return await self._needs.ledger.after(session_id, number)
        last = await self._needs.ledger.last(session_id)
        return () if last is None else (last,)

    async def _look_for_letters(self, now_ms: int) -> None:
        archive = self._needs.letters
        if archive is None:
            return
        if self._looked_at_ms is not None and now_ms - self._looked_at_ms < LETTERS_EVERY_MS:
            return
        self._looked_at_ms = now_ms
        since_ms = now_ms - LETTERS_WITHIN_MS
        try:
            found = await call(
                self._needs.policies.directory, lambda: archive.since(since_ms, NEWEST_LETTERS)
            )
        except ConnectorError as error:
            _log.warning("operations: %s", error)
            self._letters = LetterWatch(
                self._letters.since_ms, self._letters.found, type(error).__name__
            )
        else:
            self._letters = LetterWatch(since_ms, found)

    def _show(self, point: Point) -> None:
        """The same figures for Prometheus."""
        metrics = self._needs.metrics
        metrics.sessions.set(point.sessions)
        unstored = Waiting(*self._needs.writer.waiting_records())
        for where, records, oldest_ms in (
            ("gateway", unstored.records, unstored.oldest_age_ms(point.at)),
            ("job", point.waiting_records, point.oldest_waiting_ms),
        ):
            metrics.waiting_records.labels(where).set(records)
            metrics.oldest_waiting_seconds.labels(where).set(oldest_ms / 1000)
        metrics.dead_letters.clear()
        for step, count in self._letters.found.by_stage.items():
            metrics.dead_letters.labels(step).set(count)
