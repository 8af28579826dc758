"""Whether a session's speaker is there, by what is known of the connection. Times are arguments.

A connection that was closed is given ``GRACE_MS`` to come again before listeners are told. One that
stays open but brings nothing, where audio should flow, is as good as closed after ``SILENT_MS``.
"""

from __future__ import annotations

from connectors.interfaces.session_tables import ACTIVE, SessionRow
from ingest_gateway.protocol.messages import Place

LOOK_EVERY_MS = 500
SILENT_MS = 2500
GRACE_MS = 2000
STALE_MS = 15_000
"""So long after it last wrote of its speaker, another gateway is taken to be gone with them."""


def speaker_place(row: SessionRow, now_ms: int, *, read_at_ms: int) -> Place | None:
    """``read_at_ms``: when the row was read, if another gateway writes it (0: this one does). None:
    nobody has spoken yet."""
    if row.stream_id is None:
        return None
    seen_at_ms, lost_at_ms = row.speaker_seen_at_ms or 0, row.speaker_lost_at_ms
    if lost_at_ms is not None and lost_at_ms >= seen_at_ms:
        return "away" if now_ms - lost_at_ms >= GRACE_MS else "here"
    is_stale = row.info.status == ACTIVE and read_at_ms - seen_at_ms >= STALE_MS
    return "away" if is_stale else "here"


class SilenceMeter:
    """For how long one speaker's connection has brought nothing, by regular looks at it. Between
    two looks at most ``2 * LOOK_EVERY_MS`` count: when this process itself was held up, what was
    sent meanwhile has not been read yet."""

    def __init__(self) -> None:
        self.silent_ms = 0
        self._looked_at_ms: int | None = None
        self._sign_at_ms: int | None = None

    def look(self, sign_at_ms: int, now_ms: int) -> None:
        """``sign_at_ms``: the last time that something came."""
        before_ms = now_ms if self._looked_at_ms is None else self._looked_at_ms
        self._looked_at_ms = now_ms
        if sign_at_ms != self._sign_at_ms:
            self._sign_at_ms = sign_at_ms
            self.silent_ms = 0
            return
        self.silent_ms += max(0, min(now_ms - before_ms, 2 * LOOK_EVERY_MS))

    @property
    def is_silent(self) -> bool:
        return self.silent_ms >= SILENT_MS
