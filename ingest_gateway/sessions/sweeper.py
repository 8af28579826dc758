"""What happens without anybody asking: lifetimes, heartbeats, saved progress, mended counters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import ENDED, SessionRow
from ingest_gateway.operations.background import Background
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.rooms.deletion import Deletions
from ingest_gateway.sessions.hub import Hub
from ingest_gateway.sessions.listeners import Listeners
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from ingest_gateway.sessions.speakers import Speakers
from ingest_gateway.sessions.talk_caps import TalkCaps

CLOSE_SILENT = 4408
SAVE_EVERY_S = 2.0
SWEEP_EVERY_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sweeper:
    live: LiveSessions
    hub: Hub
    captions: Captions
    speakers: Speakers
    listeners: Listeners
    limits: Limits
    gateway_id: str
    now_ms: Callable[[], int]
    deletions: Deletions
    background: Background
    _silent: dict[str, int] = field(default_factory=dict[str, int])
    """By session, when its speaker was last seen, of those that seemed silent at the last look."""

    async def recover(self) -> None:
        """At the start: the connections of this gateway's earlier life are lost."""
        rows = await self.live.ask(lambda: self.live.tables.connections_of_gateway(self.gateway_id))
        for row in rows:
            await self.listeners.keep_lost(row.session_id, row.connection_id, row.listener_id)
        if rows:
            _log.info("%d connections of an earlier life are lost", len(rows))

    async def run(self) -> None:
        await asyncio.gather(
            self._repeat(SAVE_EVERY_S, self.save_progress),
            self._repeat(SAVE_EVERY_S, self.listeners.forget_lost),
            self._repeat(SWEEP_EVERY_S, self.sweep),
        )

    async def save_progress(self) -> None:
        """Of every session. Others' turns come between two of them: a thousand at a stretch
        would hold up the audio."""
        for live in self.live.all():
            await self._tolerate(self.live.save_progress(live))
            await asyncio.sleep(0)

    async def sweep(self) -> None:
        await self._tolerate(self.keep_connections())
        await self._tolerate(self.end_expired_sessions())
        spoken = {live.session_id for live in self.live.all() if live.speaker is not None}
        listened = set(self.hub.listened_sessions())
        for session_id in spoken | listened:
            await self._tolerate(self.listeners.mend(session_id))
        for session_id in listened:
            await self._tolerate(self.listeners.remove_removed(session_id))
        self.forget_ended_sessions()
        await self._tolerate(self.speakers.delete_left_channels())
        await self._tolerate(self.deletions.carry_out())

    async def keep_connections(self) -> None:
        """Put off the expiry of the rows of everybody who is still here."""
        expires_at_ms = self.now_ms() + 2 * self.limits.heartbeat_timeout_ms
        here = [one.connection_id for one in self.hub.all() if one.session_id is not None]
        for connection_id in here:
            await self._tolerate(
                self.live.ask(
                    lambda connection_id=connection_id: self.live.tables.keep_connection(
                        connection_id, expires_at_ms
                    )
                )
            )

    async def end_expired_sessions(self) -> None:
        """Those too old, or too long without speaker at this look and at the one before, whichever
        gateway they began on."""
        rows = await self.live.ask(self.live.tables.live_sessions)
        looks_silent = {
            row.session_id: self._seen_at_ms(row) for row in rows if self._is_silent(row)
        }
        stayed_silent = dict(looks_silent.items() & self._silent.items())
        self._silent.clear()
        self._silent.update(looks_silent)
        for row in rows:
            if self._is_too_old(row) or row.session_id in stayed_silent:
                await self._tolerate(self.speakers.end_by_itself(self.live.add(row)))
        going_on = {row.session_id for row in rows}
        for live in self.live.all():
            if live.speaker is None and not live.ended and live.session_id not in going_on:
                await self._tolerate(self._learn_of_end(live))

    async def _learn_of_end(self, live: LiveSession) -> None:
        """Another gateway may have ended it, of which nobody told us: it would stay for good."""
        row = await self.live.ask(lambda: self.live.tables.get(live.session_id))
        if row is None:
            live.row = live.row.with_status(ENDED, self.now_ms())
        elif row.info.status == ENDED:
            live.row = row

    def forget_ended_sessions(self) -> None:
        listened = set(self.hub.listened_sessions())
        for live in self.live.all():
            if live.ended and live.speaker is None and live.session_id not in listened:
                self.live.forget(live.session_id)
        self.captions.keep_only({live.session_id for live in self.live.all()})

    def is_over(self, row: SessionRow) -> bool:
        """By one look, for hosts whose clocks are the same."""
        return self._is_too_old(row) or self._is_silent(row)

    def _is_too_old(self, row: SessionRow) -> bool:
        """Older than any session may be, or than its owner lets it be."""
        caps = TalkCaps.of(row.info.extra)
        ends_at_ms = caps.ends_at_ms(row.info.created_at_ms, self.limits.session_lifetime_ms)
        return self.now_ms() >= ends_at_ms

    def _is_silent(self, row: SessionRow) -> bool:
        """Too long without speaker, by this machine's clock. Another gateway, which has the
        speaker, may go by another one: what it writes meanwhile shows that it is not."""
        live = self.live.loaded(row.session_id)
        if live is not None and live.speaker is not None:
            return False
        return self.now_ms() - self._seen_at_ms(row) >= self.limits.without_speaker_ms

    def _seen_at_ms(self, row: SessionRow) -> int:
        live = self.live.loaded(row.session_id)
        return max(
            row.info.created_at_ms,
            row.speaker_seen_at_ms or 0,
            (live.row.speaker_seen_at_ms or 0) if live is not None else 0,
        )

    async def _repeat(self, every_s: float, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._tolerate(once())

    async def _tolerate(self, doing: Awaitable[object]) -> None:
        """What fails now is done at the next turn, and holds up nothing that comes after it."""
        try:
            await doing
        except ConnectorError as error:
            _log.warning("sweep: %s", error)
        except Exception:
            self.background.failed("sweep")
