"""The sessions this gateway serves: their rows, who speaks, and where the audio stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from connectors.policy import Policies, call
from connectors.session_tables import ENDED, PAUSED, Progress, SessionRow, SessionTables
from ingest_gateway.hub import Connection
from ingest_gateway.protocol import Refusal
from ingest_gateway.speaker_stream import SpeakerStream
from schemas.values import ControlKind, SessionControl

T = TypeVar("T")


@dataclass(slots=True)
class LiveSession:
    """``joining`` lets one speaker in at a time. ``durable_sequence`` is of the newest stream."""

    row: SessionRow
    speaker: Connection | None = None
    stream: SpeakerStream | None = None
    durable_sequence: int = -1
    joining: asyncio.Lock = field(default_factory=asyncio.Lock)
    acked_at_ms: int = 0
    ack_due: bool = False
    ack_timer_set: bool = False
    saved: Progress | None = None
    slowed_at_ms: int = 0

    @property
    def session_id(self) -> str:
        return self.row.session_id

    @property
    def ended(self) -> bool:
        return self.row.info.status == ENDED

    @property
    def state(self) -> str:
        """As ``broadcastState`` names it."""
        if self.ended:
            return "ended"
        if self.row.info.status == PAUSED:
            return "paused"
        return "muted" if self.row.muted else "live"

    def control(
        self,
        kind: ControlKind,
        at_ms: int,
        *,
        revision: int = 0,
        languages: tuple[str, ...] | None = None,
        partial_languages: tuple[str, ...] | None = None,
    ) -> SessionControl:
        """A record about the session as it is now: behind the last chunk that was taken."""
        return SessionControl(
            session_id=self.session_id,
            epoch=max(self.row.epoch, 0),
            after_sequence=-1 if self.stream is None else self.stream.next_sequence - 1,
            revision=revision,
            kind=kind,
            at_ms=at_ms,
            languages=languages,
            partial_languages=partial_languages,
        )

    def progress(self, now_ms: int) -> Progress | None:
        """What the row should know; None: nothing new."""
        if self.stream is None or self.ended:
            return None
        seen_at_ms = self.row.speaker_seen_at_ms or now_ms
        if self.speaker is not None:
            seen_at_ms = now_ms
        new = Progress(
            session_id=self.session_id,
            epoch=self.stream.epoch,
            durable_sequence=self.durable_sequence,
            clock_offset_ms=self.stream.clock_offset_ms,
            speaker_seen_at_ms=seen_at_ms,
        )
        old = self.saved
        if old is not None and (old.epoch, old.durable_sequence) == (
            new.epoch,
            new.durable_sequence,
        ):
            still_here = self.speaker is not None
            if not still_here or now_ms - old.speaker_seen_at_ms < SEEN_EVERY_MS:
                return None
        return new


SEEN_EVERY_MS = 30_000


class LiveSessions:
    def __init__(
        self, tables: SessionTables, policies: Policies, now_ms: Callable[[], int]
    ) -> None:
        self.tables = tables
        self._policy = policies.directory
        self._now_ms = now_ms
        self._sessions: dict[str, LiveSession] = {}
        self.on_load: Callable[[LiveSession], None] = lambda _live: None
        """Told of each session as it is read; set by a host that keeps nothing between calls."""

    async def ask(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        """A call of the tables, tried again as the policy says."""
        return await call(self._policy, attempt_once)

    def loaded(self, session_id: str) -> LiveSession | None:
        return self._sessions.get(session_id)

    def all(self) -> tuple[LiveSession, ...]:
        return tuple(self._sessions.values())

    def add(self, row: SessionRow) -> LiveSession:
        live = self._sessions.get(row.session_id)
        if live is None:
            live = self._sessions[row.session_id] = LiveSession(row)
            self.on_load(live)
        return live

    async def find(self, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION."""
        live = self._sessions.get(session_id)
        if live is not None:
            return live
        row = await self.ask(lambda: self.tables.get(session_id))
        if row is None:
            raise Refusal("NO_SESSION", "there is no session with that id")
        # While we waited somebody else may have loaded it: one object per session.
        return self.add(row)

    async def find_going_on(self, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION, SESSION_ENDED."""
        live = await self.find(session_id)
        if live.ended:
            raise Refusal("SESSION_ENDED", "this session has ended")
        return live

    async def save_progress(self, live: LiveSession) -> None:
        progress = live.progress(self._now_ms())
        if progress is not None:
            await self.ask(lambda: self.tables.save_progress(progress))
            live.saved = progress

    def forget(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)
