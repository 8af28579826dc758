"""How often a person, or an address for guests, may create and join: counted per minute in the
table, so that all gateways count together."""

from __future__ import annotations

from collections.abc import Callable

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions

_WINDOW_MS = 60_000
_MOST_GUESSERS = 10_000


class RequestLimits:
    def __init__(self, live: LiveSessions, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._live = live
        self._limits = limits
        self._now_ms = now_ms
        self._guessers: dict[str, int] = {}
        """Until when (ms) who has guessed too often gets no session that is not known here."""

    async def check_create(self, peer: Peer) -> None:
        """Raises Refusal: RATE_LIMITED."""
        await self._check("create", peer, self._limits.creates_per_minute)

    async def check_keys(self, peer: Peer) -> None:
        """Keys for a signaling channel. Raises Refusal: RATE_LIMITED."""
        await self._check("keys", peer, self._limits.joins_per_minute)

    async def check_feedback(self, peer: Peer, session_id: str) -> None:
        """Raises Refusal: RATE_LIMITED."""
        await self._check(f"feedback:{session_id}", peer, self._limits.feedback_per_minute)

    async def session_to_join(self, peer: Peer, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION, SESSION_ENDED, RATE_LIMITED.

        Who knows a session's id is let in with everybody behind the same address; who guesses is
        held up soon, and then no answer tells whether an id was right.
        """
        if self._live.loaded(session_id) is None:
            self.check_guesser(peer)
        try:
            live = await self._live.find_going_on(session_id)
        except Refusal as refusal:
            if refusal.code == "NO_SESSION":
                await self.guessed(peer)
            raise
        is_guest = peer.identity is None
        limits = self._limits
        allowed = limits.hall_joins_per_minute if is_guest else limits.joins_per_minute
        await self._check(f"join:{session_id}", peer, allowed)
        return live

    def check_guesser(self, peer: Peer) -> None:
        """Raises Refusal: RATE_LIMITED, for who has guessed too often."""
        now_ms = self._now_ms()
        until_ms = self._guessers.get(peer.limit_name, 0)
        if until_ms > now_ms:
            raise _limited(self._limits.joins_per_minute, until_ms - now_ms)

    async def guessed(self, peer: Peer) -> None:
        """``peer`` asked for what is not there. Raises Refusal: RATE_LIMITED."""
        try:
            await self._check("guess", peer, self._limits.joins_per_minute)
        except Refusal:
            if len(self._guessers) >= _MOST_GUESSERS:
                self._guessers.clear()
            self._guessers[peer.limit_name] = self._now_ms() + _WINDOW_MS
            raise

    async def _check(self, what: str, peer: Peer, allowed: int) -> None:
        now_ms = self._now_ms()
        window = now_ms // _WINDOW_MS
        ends_at_ms = (window + 1) * _WINDOW_MS
        key = f"{what}:{peer.limit_name}:{window}"
        count = await self._live.ask(lambda: self._live.tables.count_request(key, ends_at_ms))
        if count > allowed:
            raise _limited(allowed, ends_at_ms - now_ms)


def _limited(allowed: int, wait_ms: int) -> Refusal:
    return Refusal("RATE_LIMITED", f"at most {allowed} a minute", retry_after_ms=max(1, wait_ms))
