"""How many talks go on at a time: as many as the job's recogniser holds (``talks_at_once``).

One more would wait for a stream, and its speaker not be told; it is refused instead, before
anything is said into it. A talk has a place while its speaker is connected to this gateway, and for
``KEPT_MS`` after the connection was lost.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions

KEPT_MS = 60_000
ASK_AGAIN_MS = 10_000


class TalkPlaces:
    """``most`` None: any number of talks."""

    def __init__(self, live: LiveSessions, most: int | None, now_ms: Callable[[], int]) -> None:
        self._live = live
        self._most = most
        self._now_ms = now_ms
        self._joining: set[str] = set()

    def check(self, session_id: str | None = None) -> None:
        """Whether this session (None: a new one) may be spoken into. Raises Refusal: RATE_LIMITED,
        for every place is another talk's."""
        if self._most is None:
            return
        others = self._joining | {live.session_id for live in self._live.all() if self._has(live)}
        others.discard(session_id or "")
        if len(others) >= self._most:
            raise Refusal(
                "RATE_LIMITED",
                f"{self._most} talks go on, which is all that can be recognised at a time: "
                "start when one has ended",
                retry_after_ms=ASK_AGAIN_MS,
            )

    @asynccontextmanager
    async def joining(self, session_id: str) -> AsyncGenerator[None]:
        """The place is taken while its speaker joins. Raises as ``check`` does."""
        self.check(session_id)
        self._joining.add(session_id)
        try:
            yield
        finally:
            self._joining.discard(session_id)

    def _has(self, live: LiveSession) -> bool:
        if live.ended:
            return False
        if live.speaker is not None:
            return True
        lost_at_ms = live.row.speaker_lost_at_ms
        if live.stream is None or lost_at_ms is None:
            return False  # no speaker has been here
        return self._now_ms() - lost_at_ms < KEPT_MS
