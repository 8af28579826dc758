"""How often a person, or an address for guests, may create and join: counted per minute in the
table, so that all gateways count together."""

from __future__ import annotations

from collections.abc import Callable

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.live_sessions import LiveSessions

_WINDOW_MS = 60_000


class RequestLimits:
    def __init__(self, live: LiveSessions, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._live = live
        self._limits = limits
        self._now_ms = now_ms

    async def check_create(self, peer: Peer) -> None:
        """Raises Refusal: RATE_LIMITED."""
        await self._check("create", peer, self._limits.creates_per_minute)

    async def check_join(self, peer: Peer) -> None:
        """Raises Refusal: RATE_LIMITED."""
        await self._check("join", peer, self._limits.joins_per_minute)

    async def _check(self, what: str, peer: Peer, allowed: int) -> None:
        now_ms = self._now_ms()
        window = now_ms // _WINDOW_MS
        ends_at_ms = (window + 1) * _WINDOW_MS
        key = f"{what}:{peer.limit_name}:{window}"
        count = await self._live.ask(lambda: self._live.tables.count_request(key, ends_at_ms))
        if count > allowed:
            raise Refusal(
                "RATE_LIMITED",
                f"at most {allowed} a minute",
                retry_after_ms=max(1, ends_at_ms - now_ms),
            )
