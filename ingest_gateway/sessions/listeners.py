"""The listeners' side: joins, changes and leaves, counted so that the job knows who hears what.

A connection's row is written before it is counted and removed before it is counted down, and
only the one that removed the row counts down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.notifier import CAPTIONS_ONLY, INLINE_AUDIO, PARTIAL_CAPTIONS
from connectors.interfaces.session_tables import (
    ConnectionRow,
    CountChange,
    ListenerCounts,
    count_change,
)
from ingest_gateway.access.listener_rules import ListeningRules, Shown, Verdict
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import (
    ChangeLanguage,
    ClipUrl,
    FeedbackKind,
    JoinSession,
    ListenerCount,
    RefreshUrl,
    SessionJoined,
    SessionLeft,
)
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.sessions.hub import Connection, Hub, Peer
from ingest_gateway.sessions.ids import new_listener_id
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.sessions.listener_admission import ListenerAdmission, refusal_of
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from ingest_gateway.sessions.request_limits import RequestLimits
from ingest_gateway.sessions.talk_caps import TalkCaps
from schemas.values import ControlKind

CLOSE_REMOVED = 4403
FULL_RETRY_MS = 10_000
_CAPABILITIES = (INLINE_AUDIO, PARTIAL_CAPTIONS, CAPTIONS_ONLY)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListenerDependencies:
    live: LiveSessions
    hub: Hub
    captions: Captions
    languages: Languages
    admission: ListenerAdmission
    request_limits: RequestLimits
    limits: Limits
    writer: RecordWriter
    gateway_id: str
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Lost:
    """A listener without a connection: still counted, until it is back or ``until_ms``."""

    session_id: str
    listener_id: str
    until_ms: int


class Listeners:
    def __init__(self, needs: ListenerDependencies) -> None:
        self._lost: dict[str, _Lost] = {}
        self._needs = needs
        self._live = needs.live
        self._hub = needs.hub
        self._now_ms = needs.now_ms

    async def join(self, connection: Connection, wanted: JoinSession) -> SessionJoined:
        """Raises Refusal as ``ListenerAdmission.join``, and BAD_LANGUAGE."""
        shown = Shown(wanted.key, wanted.access_code, wanted.seat, connection.room_id)
        admitted = await self._needs.admission.join(connection.peer, wanted.session_id, shown)
        live = admitted.live
        await self._hub.gather(live.session_id)
        if connection.session_id not in (None, live.session_id):
            await self.leave(connection)
        capabilities = tuple(name for name in _CAPABILITIES if name in wanted.capabilities)
        connection.listener_id = admitted.listener_id or connection.listener_id or new_listener_id()
        connection.by_secret = admitted.by_secret
        language = await self._listen_to(connection, live, wanted.target_language, capabilities)
        await self._forget_lost(
            lambda lost: (
                lost.listener_id == connection.listener_id and lost.session_id == live.session_id
            )
        )
        joined = await self._joined(live, language, wanted.since_sequence)
        seat = admitted.rules.seat(connection.listener_id)
        return joined if seat is None else msgspec.structs.replace(joined, seat=seat)

    async def change_language(
        self, connection: Connection, wanted: ChangeLanguage
    ) -> SessionJoined:
        """Raises Refusal: SESSION_ENDED, BAD_LANGUAGE."""
        live = await self._live.find_going_on(wanted.session_id)
        await self._hub.gather(live.session_id)
        language = await self._listen_to(
            connection, live, wanted.target_language, connection.capabilities
        )
        return await self._joined(live, language, None)

    async def lose(self, connection: Connection) -> None:
        """Its connection is gone without a word: its language stays active for a while, so that
        there is nothing that it misses when it comes back."""
        session_id, listener_id = connection.session_id, connection.listener_id
        if session_id is None:
            return
        self._hub.stop_listening(connection)
        await self.keep_lost(session_id, connection.connection_id, listener_id)

    async def keep_lost(self, session_id: str, connection_id: str, listener_id: str) -> None:
        """Count it for ``lost_listener_ms`` more. If this gateway ends before that, the row
        expires, and another gateway mends the counter."""
        until_ms = self._now_ms() + self._needs.limits.lost_listener_ms
        self._lost[connection_id] = _Lost(session_id, listener_id, until_ms)
        await self._live.ask(lambda: self._live.tables.lose_connection(connection_id, until_ms))

    async def forget_lost(self) -> None:
        """Count down those that did not come back; the tables may have been away before."""
        await self._forget_lost(lambda lost: lost.until_ms <= self._now_ms())

    async def _forget_lost(self, is_due: Callable[[_Lost], bool]) -> None:
        for connection_id, lost in [each for each in self._lost.items() if is_due(each[1])]:
            await self.forget(lost.session_id, connection_id)
            self._lost.pop(connection_id, None)

    async def leave(self, connection: Connection) -> SessionLeft:
        """One that does not listen has left already."""
        session_id = connection.session_id
        if session_id is None:
            return SessionLeft(session_id="")
        self._hub.stop_listening(connection)
        await self.forget(session_id, connection.connection_id)
        return SessionLeft(session_id=session_id)

    def remove(self, live: LiveSession, listener_id: str) -> None:
        """Close the connections that this listener has here: the session's rules say so."""
        for connection in self._hub.listeners(live.session_id):
            if connection.listener_id == listener_id:
                connection.send(refusal_of(Verdict.REMOVED).answer(None))
                connection.close(CLOSE_REMOVED, "REMOVED")

    async def remove_removed(self, session_id: str) -> None:
        """Those who were removed through another gateway."""
        live = self._live.loaded(session_id)
        if live is None:
            return
        await self._live.read_extra(live)
        for listener_id in ListeningRules.of(live.row.info.extra).removed:
            self.remove(live, listener_id)

    async def forget(self, session_id: str, connection_id: str) -> None:
        """Remove a connection's row and count it down, unless another caller did."""
        removed = await self._live.ask(lambda: self._live.tables.remove_connection(connection_id))
        if removed is not None:
            if await self._still_there(session_id) is not None:
                await self._count(session_id, count_change(removed, None))
            return
        # The gateway that counted it down may not have written it into the session's stream.
        live = await self._still_there(session_id)
        if live is not None:
            counts = await self._live.ask(lambda: self._live.tables.listener_counts(session_id))
            self._announce(live, counts)

    async def _still_there(self, session_id: str) -> LiveSession | None:
        """None: it was deleted, and nothing is to be counted or said of it any more."""
        try:
            return await self._live.find(session_id)
        except Refusal:
            return None

    async def refresh_url(self, wanted: RefreshUrl) -> ClipUrl:
        live = await self._live.find(wanted.session_id)
        # Also a language that the session was offered in before: its clips are there.
        source = live.row.info.source_language
        language = self._needs.languages.choose_target(source, wanted.target_language)
        url = await self._needs.captions.url(wanted.session_id, language, wanted.sequence_number)
        if url is None:
            raise Refusal(
                "BAD_FIELD", "there is no such utterance", sequence=wanted.sequence_number
            )
        return ClipUrl(
            session_id=wanted.session_id,
            target_language=language,
            sequence_number=wanted.sequence_number,
            url=url,
        )

    async def feedback(self, peer: Peer, session_id: str, kind: FeedbackKind) -> None:
        """Count what a listener says of how the talk is heard; its speaker and operators see it.
        Raises Refusal: NO_SESSION, RATE_LIMITED."""
        await self._needs.request_limits.check_feedback(peer, session_id)
        live = await self._live.find(session_id)
        change = CountChange(feedback={kind: 1})
        counts = await self._live.ask(
            lambda: self._live.tables.count_listeners(session_id, change, self._now_ms())
        )
        live.feedback = counts.feedback

    async def mend(self, session_id: str) -> None:
        """Compare the counter with the connections and announce what changed by it."""
        live = self._live.loaded(session_id)
        if live is None or live.ended:
            return
        before = await self._live.ask(lambda: self._live.tables.listener_counts(session_id))
        now = await self._live.ask(lambda: self._live.tables.listeners(session_id))
        if now.revision != before.revision:
            counts = await self._live.ask(lambda: self._live.tables.listener_counts(session_id))
            self._announce(live, counts)

    async def _listen_to(
        self, connection: Connection, live: LiveSession, tag: str, capabilities: tuple[str, ...]
    ) -> str:
        """The language that was chosen. One language after the other is begun: of many that come at
        once only as many as there may be."""
        async with live.widening:
            language = await self._choose_language(live, tag)
            begins = not self._hub.listeners(live.session_id, language)
            if begins:
                await self._listen(connection, live, language, capabilities)
        if not begins:
            await self._listen(connection, live, language, capabilities)
        return language

    async def _choose_language(self, live: LiveSession, tag: str) -> str:
        """The language that ``tag`` asks for. Raises Refusal: BAD_LANGUAGE, also for a language
        more than the session may have."""
        info = live.row.info
        language = self._needs.languages.choose_target(
            info.source_language, tag, info.target_languages
        )
        if info.target_languages or self._hub.listeners(live.session_id, language):
            return language  # its speaker named it, or it is translated already
        own = TalkCaps.of(info.extra).languages
        most = self._needs.limits.languages_per_session if own is None else own
        counts = await self._live.ask(lambda: self._live.tables.listener_counts(live.session_id))
        if language not in counts.languages and len(counts.languages) >= most:
            there = ", ".join(counts.languages)
            raise Refusal("BAD_LANGUAGE", f"this talk has its {most} languages: choose of {there}")
        return language

    async def _listen(
        self,
        connection: Connection,
        live: LiveSession,
        language: str,
        capabilities: tuple[str, ...],
    ) -> None:
        before = None
        if connection.session_id == live.session_id and connection.language is not None:
            before = self._row(connection, live.session_id, connection.language)
            if (connection.language, connection.capabilities) == (language, capabilities):
                return
        limit = self._needs.limits.listeners_per_session
        if before is None and self._is_full(connection, live.session_id, limit):
            raise Refusal(
                "RATE_LIMITED",
                f"this session has its {limit} listeners",
                retry_after_ms=FULL_RETRY_MS,
            )
        self._hub.start_listening(connection, live.session_id, language, capabilities)
        row = self._row(connection, live.session_id, language)
        try:
            await self._live.ask(lambda: self._live.tables.add_connection(row))
        except ConnectorError:
            self._hub.stop_listening(connection)
            raise
        change = count_change(before, row)
        if not change:
            return
        try:
            await self._count(live.session_id, change)
        except ConnectorError:  # not counted: who asks again is to be
            self._hub.stop_listening(connection)
            if before is not None:
                self._hub.start_listening(
                    connection, before.session_id, before.language, before.capabilities
                )
            raise

    def _is_full(self, connection: Connection, session_id: str, limit: int) -> bool:
        """Guests who know the id alone take no places of those who have the link."""
        here = self._hub.listeners(session_id)
        alike = sum(one.by_secret == connection.by_secret for one in here)
        return alike >= limit or len(here) >= 2 * limit

    def _row(self, connection: Connection, session_id: str, language: str) -> ConnectionRow:
        return ConnectionRow(
            connection_id=connection.connection_id,
            session_id=session_id,
            language=language,
            gateway_id=self._needs.gateway_id,
            connected_at_ms=connection.connected_at_ms,
            expires_at_ms=self._now_ms() + 2 * self._needs.limits.heartbeat_timeout_ms,
            capabilities=connection.capabilities,
            listener_id=connection.listener_id,
        )

    async def _joined(self, live: LiveSession, language: str, since: int | None) -> SessionJoined:
        info = live.row.info
        history = await self._needs.captions.history(live.session_id, language, since)
        standing = live.standing(self._now_ms())
        if len(self._hub.listeners(live.session_id)) == 1:
            live.told = standing
        return SessionJoined(
            session_id=live.session_id,
            source_language=info.source_language,
            target_language=language,
            target_languages=info.target_languages,
            state=standing.state,
            volume=standing.volume,
            history=history,
            speaker=standing.speaker or UNSET,
        )

    async def _count(self, session_id: str, change: CountChange) -> None:
        counts = await self._live.ask(
            lambda: self._live.tables.count_listeners(session_id, change, self._now_ms())
        )
        live = await self._live.find(session_id)
        # The row changes at once, so exactly one change sees a language's first listener come
        # and one its last listener go, whichever gateway it comes through.
        if counts.begins_or_ends(change):
            self._announce(live, counts)
        self._tell_speaker(live, counts)

    def _announce(self, live: LiveSession, counts: ListenerCounts) -> None:
        if live.ended:
            return
        self._needs.writer.add(
            live.control(
                ControlKind.LISTENERS,
                self._now_ms(),
                revision=counts.revision,
                languages=counts.languages,
                partial_languages=counts.partial_languages,
                caption_languages=counts.caption_languages,
            )
        )
        _log.info("session %s: heard in %s", live.session_id, ",".join(counts.languages) or "none")

    def _tell_speaker(self, live: LiveSession, counts: ListenerCounts) -> None:
        if live.speaker is not None:
            heard = {language: counts.by_language[language] for language in counts.languages}
            live.speaker.send(ListenerCount(session_id=live.session_id, by_language=heard))
