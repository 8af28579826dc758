"""How often a person, or an address for guests, may create, join and guess: counted per minute in
the table, so that all gateways count together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.live_sessions import LiveSessions

_WINDOW_MS = 60_000
_MOST_HELD_UP = 10_000
_EVERYBODY = "everybody"


class RequestLimits:
    """Who guessed too often is remembered by this process, and let in by a secret only."""

    def __init__(self, live: LiveSessions, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._live = live
        self._limits = limits
        self._now_ms = now_ms
        self._held_up: dict[str, int] = {}
        """Until when (ms), by what was guessed and by whom."""

    async def check_create(self, peer: Peer) -> None:
        """Raises Refusal: RATE_LIMITED."""
        await self._count("create", peer.limit_name, self._limits.creates_per_minute)

    async def check_keys(self, peer: Peer) -> None:
        """Keys for a signaling channel. Raises Refusal: RATE_LIMITED."""
        await self._count("keys", peer.limit_name, self._limits.joins_per_minute)

    async def check_offer(self, peer: Peer) -> None:
        """A speaker's offer of WebRTC: its answer costs 20 ms of the loop. Raises Refusal:
        RATE_LIMITED."""
        await self._count("offer", peer.limit_name, self._limits.joins_per_minute)

    async def check_feedback(self, peer: Peer, session_id: str) -> None:
        """Raises Refusal: RATE_LIMITED."""
        allowed = self._limits.feedback_per_minute
        await self._count(f"feedback:{session_id}", peer.limit_name, allowed)

    async def check_join(self, peer: Peer, session_id: str, *, by_secret: bool) -> None:
        """Everybody behind a hall's address joins the same session; those with the link's secret
        are counted apart, so that nobody without it keeps them out. Who has to wait is told the
        place in the queue. Raises Refusal: RATE_LIMITED."""
        is_guest = peer.identity is None
        limits = self._limits
        allowed = limits.hall_joins_per_minute if is_guest else limits.joins_per_minute
        way = "link" if by_secret else "id"
        await self._count(f"join:{way}:{session_id}", peer.limit_name, allowed, queued=is_guest)

    def check_guesser(self, peer: Peer) -> None:
        """Before a session is looked up by what may be a guess. Raises Refusal: RATE_LIMITED."""
        self._check_held_up("guess", peer.limit_name, self._limits.joins_per_minute)
        self._check_held_up("guess", _EVERYBODY, self._limits.guesses_per_minute)

    async def guessed(self, peer: Peer) -> None:
        """An id that leads nowhere, or a wrong key. Raises Refusal: RATE_LIMITED."""
        await self._guess("guess", peer.limit_name, self._limits.joins_per_minute)
        await self._guess("guess", _EVERYBODY, self._limits.guesses_per_minute)

    def check_foreign(self, peer: Peer) -> None:
        """Before a session is looked up by who may not be its speaker. Raises Refusal:
        RATE_LIMITED."""
        self._check_held_up("foreign", peer.limit_name, self._limits.joins_per_minute)

    async def asked_for_foreign(self, peer: Peer) -> None:
        """A person with a token, for no session or another's. Raises Refusal: RATE_LIMITED."""
        await self._guess("foreign", peer.limit_name, self._limits.joins_per_minute)

    def check_code_guesser(self, peer: Peer, session_id: str, *, by_secret: bool) -> None:
        """Before an access code is compared; ``by_secret``: shown beside the link's key, so that
        only this peer's own guesses count. Raises Refusal: RATE_LIMITED."""
        what = f"code:{session_id}"
        self._check_held_up(what, peer.limit_name, self._limits.joins_per_minute)
        if not by_secret:
            self._check_held_up(what, _EVERYBODY, self._limits.code_guesses_per_minute)

    async def guessed_code(self, peer: Peer, session_id: str, *, by_secret: bool) -> None:
        """Raises Refusal: RATE_LIMITED."""
        what = f"code:{session_id}"
        await self._guess(what, peer.limit_name, self._limits.joins_per_minute)
        if not by_secret:
            await self._guess(what, _EVERYBODY, self._limits.code_guesses_per_minute)

    def _check_held_up(self, what: str, who: str, allowed: int) -> None:
        now_ms = self._now_ms()
        until_ms = self._held_up.get(f"{what}:{who}", 0)
        if until_ms > now_ms:
            raise _limited(allowed, until_ms - now_ms)

    async def _guess(self, what: str, who: str, allowed: int) -> None:
        try:
            await self._count(what, who, allowed)
        except Refusal:
            if len(self._held_up) >= _MOST_HELD_UP:
                self._held_up.clear()
            self._held_up[f"{what}:{who}"] = self._now_ms() + _WINDOW_MS
            raise

    async def _count(self, what: str, who: str, allowed: int, *, queued: bool = False) -> None:
        now_ms = self._now_ms()
        window = now_ms // _WINDOW_MS
        ends_at_ms = (window + 1) * _WINDOW_MS
        # The row names neither a session nor an address: it outlives its minute.
        key = hashlib.sha256(f"{what}:{who}:{window}".encode()).hexdigest()
        count = await self._live.ask(lambda: self._live.tables.count_request(key, ends_at_ms))
        if count <= allowed:
            return
        wait_ms = ends_at_ms - now_ms
        if not queued:
            raise _limited(allowed, wait_ms)
        place = count - allowed
        raise Refusal(
            "RATE_LIMITED",
            f"many are coming in: you are number {place} of those who wait",
            retry_after_ms=wait_ms + place * _WINDOW_MS // allowed,
            place=place,
        )


def _limited(allowed: int, wait_ms: int) -> Refusal:
    return Refusal("RATE_LIMITED", f"at most {allowed} a minute", retry_after_ms=max(1, wait_ms))
