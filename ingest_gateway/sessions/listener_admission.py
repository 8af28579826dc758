"""The one way by which listeners get at a session: WebSockets, WHEP, and what is read over HTTP.

What a listener must show is decided by the session's rules (``access.listener_rules``). Guesses of
ids, keys and codes are counted here, and who has guessed too often gets no answer that tells
whether the next one was right, except by a right secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest_gateway.access.listener_rules import Decision, ListeningRules, Purpose, Shown, Verdict
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import TokenBucket
from ingest_gateway.protocol.messages import ErrorCode
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from ingest_gateway.sessions.request_limits import RequestLimits
from schemas.session_info import ROOM_ID

RULES_KEPT_MS = 2000
"""What an owner changes through another gateway holds here after that."""
_MOST_SEATED = 10_000
_LOOKUPS_PER_S, _LOOKUP_BURST = 20.0, 100
_SAID: dict[Verdict, tuple[ErrorCode, str]] = {
    Verdict.UNKNOWN: (
        "NO_SESSION",
        "there is no session with that id, or only its whole link leads there",
    ),
    Verdict.CODE_MISSING: ("ACCESS_CODE", "this session asks for its access code"),
    Verdict.CODE_WRONG: ("ACCESS_CODE", "that is not this session's access code"),
    Verdict.LOCKED: ("LOCKED", "its speaker has locked this session: nobody new is let in"),
    Verdict.REMOVED: ("REMOVED", "its speaker has removed you from this session"),
}


@dataclass(frozen=True, slots=True)
class Admitted:
    """``by_secret``: by the link's key, a seat, or as its owner. ``listener_id``: of the seat that
    was shown; None: a new listener."""

    live: LiveSession
    rules: ListeningRules
    by_secret: bool
    listener_id: str | None


class ListenerAdmission:
    def __init__(
        self, live: LiveSessions, limits: RequestLimits, now_ms: Callable[[], int]
    ) -> None:
        self._live = live
        self._limits = limits
        self._now_ms = now_ms
        self._seated: set[tuple[str, str]] = set()
        """Who joined which session here."""
        self._lookups = TokenBucket(_LOOKUPS_PER_S, _LOOKUP_BURST, now_ms())

    async def join(self, peer: Peer, session_id: str, shown: Shown) -> Admitted:
        """Raises Refusal: NO_SESSION, SESSION_ENDED, ACCESS_CODE, LOCKED, REMOVED,
        RATE_LIMITED."""
        admitted = await self.admit(peer, session_id, shown, Purpose.JOIN)
        if admitted.live.ended:
            raise Refusal("SESSION_ENDED", "this session has ended")
        await self._limits.check_join(peer, session_id, by_secret=admitted.by_secret)
        if len(self._seated) >= _MOST_SEATED:
            self._seated.clear()
        self._seated.add((peer.limit_name, session_id))
        return admitted

    async def admit(self, peer: Peer, session_id: str, shown: Shown, purpose: Purpose) -> Admitted:
        """Also to a session that has ended. Raises Refusal: NO_SESSION, ACCESS_CODE, LOCKED,
        REMOVED, RATE_LIMITED."""
        live = await self._find(peer, session_id, shown)
        extra = live.row.info.extra
        rules = ListeningRules.of(extra)
        if shown.room_id is not None and shown.room_id == extra.get(ROOM_ID):
            rules = replace(rules, code=None)  # it was asked for at the room's door
        if peer.identity is not None and peer.identity.subject == live.row.info.speaker_id:
            return Admitted(live, rules, True, None)
        decision = rules.decide(shown, purpose)
        if not decision.by_secret and rules.key is not None:
            self._check_alias(peer, session_id)
        if shown.code and rules.code is not None and decision.listener_id is None:
            self._limits.check_code_guesser(peer, session_id, by_secret=decision.by_secret)
        await self._judge(peer, session_id, decision)
        return Admitted(live, rules, decision.by_secret, decision.listener_id)

    async def _find(self, peer: Peer, session_id: str, shown: Shown) -> LiveSession:
        if self._live.loaded(session_id) is None:
            self._check_lookup(peer, shown)
        try:
            return await self._live.find_fresh(session_id, RULES_KEPT_MS)
        except Refusal as refusal:
            if refusal.code != "NO_SESSION":
                raise
            await self._limits.guessed(peer)
            raise refusal_of(Verdict.UNKNOWN) from None

    def _check_lookup(self, peer: Peer, shown: Shown) -> None:
        """A guesser may still hold a right secret, but not make us look up as many as it likes."""
        try:
            self._limits.check_guesser(peer)
        except Refusal:
            has_secret = shown.key is not None or shown.seat is not None
            if not has_secret or self._lookups.take(self._now_ms()):
                raise

    def _check_alias(self, peer: Peer, session_id: str) -> None:
        """A guesser behind a hall's address learns nothing of the talk in that hall by its id."""
        if (peer.limit_name, session_id) not in self._seated:
            self._limits.check_guesser(peer)

    async def _judge(self, peer: Peer, session_id: str, decision: Decision) -> None:
        by_secret = decision.by_secret
        match decision.verdict:
            case Verdict.ADMITTED:
                return
            case Verdict.UNKNOWN:
                await self._limits.guessed(peer)
            case Verdict.CODE_WRONG:
                await self._limits.guessed_code(peer, session_id, by_secret=by_secret)
            case _:
                pass
        raise refusal_of(decision.verdict)


def refusal_of(verdict: Verdict) -> Refusal:
    code, message = _SAID[verdict]
    return Refusal(code, message)
