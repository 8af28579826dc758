"""Sessions as their speakers get at them: who asks for another's learns no more than a guest does.

A token is easily had where people sign themselves up. So ids that lead nowhere, or to another
person's session, are guesses like a listener's. They count for that person alone: a speaker who
comes back is not kept out by what others try.
"""

from __future__ import annotations

from ingest_gateway.access.auth import Identity
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from ingest_gateway.sessions.request_limits import RequestLimits


class Owners:
    def __init__(self, live: LiveSessions, limits: RequestLimits) -> None:
        self._live = live
        self._limits = limits

    async def find(self, identity: Identity, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION, FORBIDDEN (another's, or another than the token is for),
        RATE_LIMITED, BAD_FIELD."""
        person = Peer("", "", identity)
        if self._live.loaded(session_id) is None:
            self._limits.check_foreign(person)
        try:
            live = await self._live.find(session_id)
        except Refusal as refusal:
            if refusal.code == "NO_SESSION":
                await self._limits.asked_for_foreign(person)
            raise
        if live.row.info.speaker_id != identity.subject:
            self._limits.check_foreign(person)
            await self._limits.asked_for_foreign(person)
            raise Refusal("FORBIDDEN", "this session belongs to another speaker")
        if identity.session_id not in (None, session_id):
            raise Refusal("FORBIDDEN", "this token is for another session")
        return live

    async def find_going_on(self, identity: Identity, session_id: str) -> LiveSession:
        """Raises Refusal: SESSION_ENDED, too."""
        live = await self.find(identity, session_id)
        if live.ended:
            raise Refusal("SESSION_ENDED", "this session has ended")
        return live
