"""Session tables in memory: one process, nothing survives it. For tests and single runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connectors.interfaces.session_tables import (
    ENDED,
    SETTLED_AFTER_MS,
    ConnectionRow,
    CountChange,
    ListenerCounts,
    Progress,
    SessionChange,
    SessionRow,
    agree,
    counted,
)
from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages


class MemorySessionTables:
    """``now_ms`` tells the time to ``listeners``, which takes none."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._sessions: dict[str, SessionRow] = {}
        self._connections: dict[str, ConnectionRow] = {}
        self._counts: dict[str, ListenerCounts] = {}
        self._counted_at_ms: dict[str, int] = {}
        self._requests: dict[str, int] = {}

    async def find(self, session_id: str) -> SessionInfo | None:
        row = self._sessions.get(session_id)
        return None if row is None else row.info

    async def create(self, row: SessionRow) -> bool:
        if row.session_id in self._sessions:
            return False
        self._sessions[row.session_id] = row
        return True

    async def get(self, session_id: str) -> SessionRow | None:
        return self._sessions.get(session_id)

    async def open_stream(
        self, session_id: str, speaker_id: str, stream_id: str, connection_id: str, now_ms: int
    ) -> SessionRow | None:
        row = self._live(session_id)
        if row is None or row.info.speaker_id != speaker_id:
            return None
        self._sessions[session_id] = row.opened(stream_id, connection_id, now_ms)
        return self._sessions[session_id]

    async def save_progress(self, progress: Progress) -> SessionRow | None:
        row = self._live(progress.session_id)
        if row is None or row.generation != progress.generation:
            return None
        if row.epoch == progress.epoch and row.durable_sequence <= progress.durable_sequence:
            self._sessions[progress.session_id] = replace(
                row,
                durable_sequence=progress.durable_sequence,
                clock_offset_ms=progress.clock_offset_ms,
                speaker_seen_at_ms=progress.speaker_seen_at_ms,
                speaker_lost_at_ms=progress.speaker_lost_at_ms,
            )
        return self._sessions[progress.session_id]

    async def declare_gap(
        self, session_id: str, generation: int, epoch: int, until_sequence: int
    ) -> bool:
        row = self._sessions.get(session_id)
        if row is None or row.generation != generation:
            return False
        if row.info.status != ENDED:
            self._sessions[session_id] = row.settled(epoch, until_sequence)
        return True

    async def change(self, session_id: str, change: SessionChange) -> SessionRow | None:
        row = self._live(session_id)
        if row is None:
            return None
        if change.status is not None:
            row = row.with_status(change.status)
        if change.target_languages is not None:
            row = replace(row, info=replace(row.info, target_languages=change.target_languages))
        if change.muted is not None:
            row = replace(row, muted=change.muted)
        if change.volume is not None:
            row = replace(row, volume=change.volume)
        if change.extra is not None:
            extra = row.info.extra | dict(change.extra)
            row = replace(row, info=replace(row.info, extra=extra))
        self._sessions[session_id] = row
        return row

    async def end(self, session_id: str, now_ms: int) -> SessionRow | None:
        row = self._live(session_id)
        if row is None:
            return None
        self._sessions[session_id] = row.with_status(ENDED, now_ms)
        return self._sessions[session_id]

    async def live_sessions(self) -> tuple[SessionRow, ...]:
        return tuple(row for row in self._sessions.values() if row.info.status != ENDED)

    async def add_connection(self, row: ConnectionRow) -> None:
        self._connections[row.connection_id] = row

    async def remove_connection(self, connection_id: str) -> ConnectionRow | None:
        return self._connections.pop(connection_id, None)

    async def lose_connection(self, connection_id: str, expires_at_ms: int) -> None:
        row = self._connections.get(connection_id)
        if row is not None and row.expires_at_ms > expires_at_ms:
            self._connections[connection_id] = replace(row, expires_at_ms=expires_at_ms)

    async def keep_connection(self, connection_id: str, expires_at_ms: int) -> bool:
        row = self._connections.get(connection_id)
        if row is None:
            return False
        self._connections[connection_id] = replace(row, expires_at_ms=expires_at_ms)
        return True

    async def connections(self, session_id: str, now_ms: int) -> tuple[ConnectionRow, ...]:
        return tuple(
            row
            for row in self._connections.values()
            if row.session_id == session_id and row.expires_at_ms > now_ms
        )

    async def connections_of_gateway(self, gateway_id: str) -> tuple[ConnectionRow, ...]:
        return tuple(row for row in self._connections.values() if row.gateway_id == gateway_id)

    async def count_listeners(
        self, session_id: str, change: CountChange, now_ms: int
    ) -> ListenerCounts:
        before = self._counts.get(session_id, ListenerCounts())
        return self.set_counts(session_id, before.after(change), now_ms)

    async def listener_counts(self, session_id: str) -> ListenerCounts:
        return self._counts.get(session_id, ListenerCounts())

    async def mend_listener_counts(
        self, session_id: str, seen: ListenerCounts, mended: ListenerCounts, now_ms: int
    ) -> ListenerCounts | None:
        before = self._counts.get(session_id, ListenerCounts())
        if before.revision != seen.revision:
            return None
        after = replace(mended, revision=seen.revision + 1, feedback=before.feedback)
        return self.set_counts(session_id, after, now_ms)

    async def listeners(self, session_id: str) -> ListenerLanguages:
        now_ms = self._now_ms()
        counts = await self.listener_counts(session_id)
        settled_at_ms = self._counted_at_ms.get(session_id, now_ms) + SETTLED_AFTER_MS
        if now_ms < settled_at_ms:
            return counts.listener_languages()
        here = counted(await self.connections(session_id, now_ms))
        if agree(here, counts):
            return counts.listener_languages()
        mended = await self.mend_listener_counts(session_id, counts, here, now_ms)
        return (mended or await self.listener_counts(session_id)).listener_languages()

    async def count_request(self, limit_key: str, expires_at_ms: int) -> int:
        self._requests[limit_key] = self._requests.get(limit_key, 0) + 1
        return self._requests[limit_key]

    def rows(self) -> tuple[object, ...]:
        """All that is held, for tests that look for traces."""
        counts = tuple(self._counts.items())
        return (*self._sessions.values(), *self._connections.values(), *counts)

    def forget(self, session_id: str) -> int:
        """Remove a session's row, counts and connections; how many rows there were."""
        own = [one for one, row in self._connections.items() if row.session_id == session_id]
        for connection_id in own:
            del self._connections[connection_id]
        self._counted_at_ms.pop(session_id, None)
        counts = self._counts.pop(session_id, None)
        row = self._sessions.pop(session_id, None)
        return len(own) + int(counts is not None) + int(row is not None)

    async def close(self) -> None:
        pass

    def _live(self, session_id: str) -> SessionRow | None:
        row = self._sessions.get(session_id)
        return row if row is not None and row.info.status != ENDED else None

    def set_counts(self, session_id: str, counts: ListenerCounts, now_ms: int) -> ListenerCounts:
        self._counts[session_id] = counts
        self._counted_at_ms[session_id] = now_ms
        return counts
