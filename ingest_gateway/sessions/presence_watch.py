"""Sees when a speaker's connection is gone or is back, and has the listeners of this gateway told,
whichever gateway the speaker is connected to: what the other one knows stands in the session's row.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import ACTIVE
from ingest_gateway.operations.background import Background
from ingest_gateway.sessions.hub import Connection, Hub
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from ingest_gateway.sessions.speaker_place import LOOK_EVERY_MS, SilenceMeter
from ingest_gateway.sessions.speakers import Speakers

READ_EVERY_LOOKS = 2
_CALLS_AT_ONCE = 16

_log = logging.getLogger(__name__)


class PresenceWatch:
    def __init__(
        self,
        live: LiveSessions,
        hub: Hub,
        speakers: Speakers,
        background: Background,
        now_ms: Callable[[], int],
    ) -> None:
        self._live = live
        self._hub = hub
        self._speakers = speakers
        self._background = background
        self._now_ms = now_ms
        self._meters: dict[str, tuple[Connection, SilenceMeter]] = {}
        self._unsaved: set[str] = set()
        self._shared = 0

    async def run(self) -> None:
        """The tables may be slow to answer: who listens here is told at once all the same."""
        keep = self._background.keep
        await asyncio.gather(
            keep("presence-look", self._look_on), keep("presence-share", self._share_on)
        )

    def look(self) -> None:
        """At every speaker who is connected here, and tell the listeners of what has changed."""
        speaking = [one for one in self._live.all() if one.speaker is not None and not one.ended]
        for session_id in self._meters.keys() - {live.session_id for live in speaking}:
            del self._meters[session_id]
        for live in speaking:
            if live.speaker is not None:
                self._look_at(live, live.speaker)
        for session_id in self._hub.listened_sessions():
            live = self._live.loaded(session_id)
            if live is not None:
                self._speakers.tell_listeners(live)

    async def share(self) -> None:
        """Write what was seen here for the other gateways; every second turn, read what they
        wrote of sessions that are listened to here."""
        turn = asyncio.Semaphore(_CALLS_AT_ONCE)
        failures: list[ConnectorError] = []

        async def in_turn(live: LiveSession, *, is_ours: bool) -> None:
            async with turn:
                try:
                    if is_ours:
                        await self._live.save_progress(live)
                    else:
                        await self._live.refresh(live)
                except ConnectorError as error:
                    if is_ours:
                        self._unsaved.add(live.session_id)
                    failures.append(error)

        unsaved, self._unsaved = self._unsaved, set()
        ours = [live for live in self._live.all() if live.session_id in unsaved]
        self._shared += 1
        listened: tuple[str, ...] = ()
        if self._shared % READ_EVERY_LOOKS == 0:
            listened = self._hub.listened_sessions()
        theirs = [live for live in map(self._live.loaded, listened) if live is not None]
        await asyncio.gather(
            *(in_turn(live, is_ours=True) for live in ours),
            *(in_turn(live, is_ours=False) for live in theirs),
        )
        if failures:
            _log.warning("%d sessions: where is the speaker: %s", len(failures), failures[0])

    def _look_at(self, live: LiveSession, speaker: Connection) -> None:
        watched, meter = self._meters.get(live.session_id, (None, None))
        if meter is None or watched is not speaker:
            meter = SilenceMeter()
            self._meters[live.session_id] = (speaker, meter)
        now_ms = self._now_ms()
        meter.look(now_ms if speaker.is_taking else speaker.last_active_at_ms, now_ms)
        # Nothing has to come through a pause.
        is_lost = meter.is_silent and live.row.info.status == ACTIVE
        if is_lost == (live.row.speaker_lost_at_ms is not None):
            return
        sign_at_ms = now_ms - meter.silent_ms if is_lost else now_ms
        live.row = replace(
            live.row,
            speaker_seen_at_ms=sign_at_ms,
            speaker_lost_at_ms=sign_at_ms if is_lost else None,
        )
        self._unsaved.add(live.session_id)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
            self.look()

    async def _share_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
            await self.share()
