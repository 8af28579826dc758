"""What was said is forgotten: on request, and after a talk of a room that keeps nothing.

A session is erased twice. Its job may still write what was on its way when it was erased first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from connectors.calls.policy import call
from connectors.interfaces.erasure import Erased, Erasure
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import ENDED, SessionRow
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.rooms.records import RoomRecords
from ingest_gateway.sessions.live_sessions import LiveSessions
from schemas.rooms import Deletion
from schemas.session_info import keep_days

AGAIN_AFTER_MS = 3 * 60_000
"""What a job has read it has written, or given up, by then."""
DELIVERED_AFTER_MS = 5 * 60_000
"""After the end of a talk of which nothing is kept: listeners have their last clips by then."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deletions:
    records: RoomRecords
    erasure: Erasure
    live: LiveSessions
    captions: Captions
    now_ms: Callable[[], int]

    async def erase(self, session_id: str, created_at_ms: int) -> Erased:
        """Now, and once more later. The session has ended."""
        due_ms = self.now_ms() + AGAIN_AFTER_MS
        await self._put(Deletion(session_id, created_at_ms, due_ms))
        return await self._erase(session_id, created_at_ms)

    async def session_ends(self, row: SessionRow) -> None:
        """What is kept for no day goes once it is delivered. Noted before the end: a process that
        died between the two would leave it for as long as anything is kept."""
        if keep_days(row.info) == 0:
            due_ms = self.now_ms() + DELIVERED_AFTER_MS
            await self._put(Deletion(row.session_id, row.info.created_at_ms, due_ms))

    async def carry_out(self) -> int:
        """Those that are due and have ended; how many."""
        waiting = await self.records.ask(self.records.tables.deletions)
        done = 0
        for one in waiting:
            if one.due_ms > self.now_ms():
                continue
            try:
                row = await self.live.ask(lambda one=one: self.live.tables.get(one.session_id))
                if row is not None and row.info.status != ENDED:
                    continue
                await self._erase(one.session_id, one.created_at_ms)
                await self.records.ask(
                    lambda one=one: self.records.tables.remove_deletion(one.session_id)
                )
                done += 1
            except ConnectorError as error:
                _log.warning("session %s is not erased yet: %s", one.session_id, error)
        return done

    async def _put(self, deletion: Deletion) -> None:
        await self.records.ask(lambda: self.records.tables.put_deletion(deletion))

    async def _erase(self, session_id: str, created_at_ms: int) -> Erased:
        policy = self.records.policies.directory
        erased = await call(policy, lambda: self.erasure.erase(session_id, created_at_ms))
        self.live.forget(session_id)
        self.captions.forget(session_id)
        _log.info("session %s erased: %d objects, %d rows", session_id, erased.objects, erased.rows)
        return erased
