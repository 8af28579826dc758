"""The speaker's side: sessions made, streams joined and taken over, audio in, state told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_events import SessionEventType
from connectors.interfaces.session_tables import ACTIVE, ENDED, PAUSED, SessionChange, SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.access.listener_rules import ListeningRules, ListeningWish
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.audio_in.speaker_stream import SpeakerStream
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import (
    CreateSession,
    ErrorMessage,
    ListeningBy,
    ServerMessage,
    SessionStatus,
    SpeakerJoined,
)
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.sessions.channels import SessionChannels
from ingest_gateway.sessions.event_publisher import EventPublisher
from ingest_gateway.sessions.hub import Connection, Hub, Peer, known
from ingest_gateway.sessions.ids import NewId
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.sessions.listening_changes import changed_texts, first_rules
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions, with_settings_of
from ingest_gateway.sessions.owners import Owners
from ingest_gateway.sessions.request_limits import RequestLimits
from ingest_gateway.sessions.talk_caps import TalkCaps
from ingest_gateway.sessions.talk_places import TalkPlaces
from ingest_gateway.sessions.views import broadcast_state, talk_state
from schemas.session_info import ROOM_ID, SessionInfo
from schemas.values import ControlKind

CLOSE_TAKEN = 4409
_ID_ATTEMPTS = 20
_CONTROLS = {
    "pause": (SessionChange(status=PAUSED), ControlKind.PAUSE),
    "resume": (SessionChange(status=ACTIVE), ControlKind.RESUME),
    "mute": (SessionChange(muted=True), ControlKind.MUTE),
    "unmute": (SessionChange(muted=False), ControlKind.UNMUTE),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpeakerDependencies:
    """``before_end`` is called with a session that is about to end, again when that failed."""

    live: LiveSessions
    owners: Owners
    hub: Hub
    captions: Captions
    languages: Languages
    request_limits: RequestLimits
    places: TalkPlaces
    writer: RecordWriter
    events: EventPublisher
    channels: SessionChannels
    new_session_id: NewId
    listening_by: ListeningBy
    before_end: Callable[[SessionRow], Awaitable[None]]
    now_ms: Callable[[], int]


class Speakers:
    def __init__(self, needs: SpeakerDependencies) -> None:
        self._needs = needs
        self._live = needs.live
        self._writer = needs.writer
        self._now_ms = needs.now_ms
        self.on_change: Callable[[str], None] = lambda _session_id: None
        """Called with the id of a session whose speaker comes or goes, or whose state changes."""

    async def create(
        self,
        peer: Peer,
        wanted: CreateSession,
        rules: ListeningRules | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> SessionRow:
        """``rules``: who may listen; None: as ``wanted`` and the gateway's option say, by a key of
        its own. ``extra``: for the session's row. Raises Refusal: UNAUTHORIZED, BAD_LANGUAGE,
        BAD_FIELD, RATE_LIMITED (also when no signaling channel or no place is left)."""
        identity = known(peer)
        self._needs.places.check()
        await self._needs.request_limits.check_create(peer)
        source = self._needs.languages.choose_source(wanted.source_language)
        targets = self._needs.languages.choose_targets(source, wanted.target_languages)
        rules = rules or first_rules(wanted, self._needs.listening_by)
        own = rules.extra() | TalkCaps(wanted.max_languages, wanted.max_minutes).extra()
        for _ in range(_ID_ATTEMPTS):
            session_id = self._needs.new_session_id()
            if self._needs.channels.used and await self._is_taken(session_id):
                continue  # its channel is another session's
            row = SessionRow(
                SessionInfo(
                    session_id=session_id,
                    speaker_id=identity.subject,
                    source_language=source,
                    target_languages=targets,
                    quality_tier=wanted.quality_tier,
                    status=ACTIVE,
                    created_at_ms=self._now_ms(),
                    extra=await self._needs.channels.open(session_id) | own | dict(extra or {}),
                )
            )
            try:
                is_new = await self._live.ask(lambda row=row: self._live.tables.create(row))
            except BaseException:
                await self._needs.channels.close(row.info)
                raise
            if is_new:
                self._live.add(row)
                _log.info("session %s created", row.session_id)
                at_ms = row.info.created_at_ms
                await self._needs.events.publish(SessionEventType.CREATED, row, at_ms)
                return row
        raise Refusal("INTERNAL", "no free session id was found: try again")

    async def check_speaker(self, peer: Peer, session_id: str) -> None:
        """Whether ``peer`` may speak into the session, before anything is built for it. Raises
        Refusal as ``join`` does."""
        identity = known(peer)
        await self._needs.owners.find_going_on(identity, session_id)
        self._needs.places.check(session_id)

    async def join(self, connection: Connection, session_id: str, stream_id: str) -> SpeakerJoined:
        """Raises Refusal: UNAUTHORIZED, NO_SESSION, SESSION_ENDED, FORBIDDEN, RATE_LIMITED (no
        place is left)."""
        identity = known(connection.peer)
        live = await self._needs.owners.find_going_on(identity, session_id)
        async with self._needs.places.joining(session_id), live.owning:
            row = await self._live.ask(
                lambda: self._live.tables.open_stream(
                    session_id,
                    identity.subject,
                    stream_id,
                    connection.connection_id,
                    self._now_ms(),
                )
            )
            if row is None:
                await self._reload(live)
                raise Refusal("SESSION_ENDED", "this session has ended")
            self._follow(live, row)
            if live.speaker is not None and live.speaker is not connection:
                _taken(live.speaker)
            live.speaker = connection
        self.on_change(session_id)
        await self._needs.hub.gather(session_id)
        self.tell_listeners(live)
        _log.info(
            "session %s: speaker joined, epoch %d, generation %d",
            session_id,
            row.epoch,
            row.generation,
        )
        return SpeakerJoined(
            session_id=session_id,
            epoch=live.row.epoch,
            sequence=live.durable_sequence,
            state=live.state,
        )

    async def control(self, identity: Identity, session_id: str, name: str) -> LiveSession:
        """``name``: pause, resume, mute, unmute. Repeating it changes nothing."""
        change, kind = _CONTROLS[name]
        return await self._change(identity, session_id, change, kind)

    async def set_volume(self, identity: Identity, session_id: str, volume: float) -> LiveSession:
        return await self._change(identity, session_id, SessionChange(volume=volume), None)

    async def set_targets(
        self, identity: Identity, session_id: str, languages: tuple[str, ...]
    ) -> LiveSession:
        live = await self._needs.owners.find_going_on(identity, session_id)
        source = live.row.info.source_language
        chosen = self._needs.languages.choose_targets(source, languages)
        change = SessionChange(target_languages=chosen)
        return await self._change(identity, session_id, change, None)

    async def set_listening(
        self, identity: Identity, session_id: str, wanted: ListeningWish
    ) -> LiveSession:
        """Who may listen from now on, to how many languages, how long; present listeners stay."""
        live = await self._needs.owners.find(identity, session_id)
        async with live.ruling:
            await self._live.read_extra(live)
            extra = changed_texts(live.row.info.extra, wanted)
            return await self._change(identity, session_id, SessionChange(extra=extra), None)

    async def end(self, identity: Identity, session_id: str) -> LiveSession:
        live = await self._needs.owners.find(identity, session_id)
        await self.end_by_itself(live)
        return live

    async def end_by_itself(self, live: LiveSession) -> None:
        """End it for any reason; ending again changes nothing."""
        if live.ended:
            return
        await self._needs.hub.gather(live.session_id)
        await self._live.save_progress(live)
        await self._needs.before_end(live.row)
        async with live.owning:
            row = await self._live.ask(
                lambda: self._live.tables.end(live.session_id, self._now_ms())
            )
            if row is None:  # another gateway, or an attempt of ours whose answer was lost
                await self._reload(live)
            else:
                live.row = row
        self._writer.add(live.control(ControlKind.END, self._now_ms()))
        self._tell_all(live)
        _log.info("session %s ended", live.session_id)
        if row is not None:  # the gateway that ended it tells of it
            ended_at_ms = row.info.ended_at_ms or self._now_ms()
            await self._needs.events.publish(SessionEventType.ENDED, row, ended_at_ms)
        await self._needs.channels.close(live.row.info)

    async def delete_left_channels(self) -> None:
        """Those that could not be deleted when their sessions ended."""
        await self._needs.channels.delete_left()

    async def status(self, session_id: str) -> SessionStatus:
        live = await self._live.find(session_id)
        counts = await self._live.ask(lambda: self._live.tables.listener_counts(session_id))
        live.feedback = counts.feedback
        heard = {language: counts.by_language[language] for language in counts.languages}
        return SessionStatus(
            session_id=session_id,
            state=live.state,
            listeners=heard,
            lag_ms=self._needs.captions.lag_ms(session_id),
            sequence=live.durable_sequence,
            feedback=counts.feedback,
        )

    async def disconnected(self, connection: Connection, session_id: str) -> None:
        live = self._live.loaded(session_id)
        if live is None or live.speaker is not connection:
            return
        live.speaker = None
        seen_at_ms = live.row.speaker_lost_at_ms or self._now_ms()
        live.row = replace(live.row, speaker_seen_at_ms=seen_at_ms, speaker_lost_at_ms=seen_at_ms)
        try:
            await self._live.save_progress(live)
        except ConnectorError as error:  # the next save says so
            _log.warning("session %s: its speaker has gone: %s", session_id, error)
        self.on_change(session_id)

    def tell(self, live: LiveSession, message: ServerMessage) -> None:
        """To the speaker, if one is connected here."""
        if live.speaker is not None:
            live.speaker.send(message)

    async def _change(
        self,
        identity: Identity,
        session_id: str,
        change: SessionChange,
        kind: ControlKind | None,
    ) -> LiveSession:
        live = await self._needs.owners.find_going_on(identity, session_id)
        await self._needs.hub.gather(session_id)
        before = (live.row.info.status, live.row.muted)
        row = await self._live.ask(lambda: self._live.tables.change(session_id, change))
        if row is None:
            await self._reload(live)
            raise Refusal("SESSION_ENDED", "this session has ended")
        if live.stream is None:
            live.row = row  # another gateway has the audio, and knows better where it stands
        else:
            live.row = with_settings_of(live.row, row)
        if change.extra is not None:
            return live
        if kind is not None and before != (row.info.status, row.muted):
            self._writer.add(live.control(kind, self._now_ms()))
        self._tell_all(live)
        return live

    def _follow(self, live: LiveSession, row: SessionRow) -> None:
        """Go on with the stream we know, or start one where the row says; say so on the stream.

        Had another opening come since ours, a speaker who comes back may hold other chunks than
        those that wait here, so that nothing of before is relied on."""
        went_on = live.generation > 0 and row.generation == live.generation + 1
        if not went_on:
            live.tenure += 1
            self._writer.disown(live.session_id)
        before = live.stream
        live.row = row
        live.generation = row.generation
        # Only what is settled, whatever is queued: of that something may still be refused.
        opened = replace(
            live.control(ControlKind.OPENED, self._now_ms()),
            after_sequence=row.durable_sequence,
            generation=row.generation,
        )
        self._writer.add(opened)
        if before is not None:
            live.captured_until_ms = before.captured_at_ms
            if went_on and (before.stream_id, before.epoch) == (row.stream_id, row.epoch):
                live.durable_sequence = max(live.durable_sequence, row.durable_sequence)
                return
        live.durable_sequence = row.durable_sequence
        live.ack_due = False
        live.stream = SpeakerStream(
            live.session_id,
            row.stream_id or "",
            row.epoch,
            durable_sequence=row.durable_sequence,
            clock_offset_ms=row.clock_offset_ms,
            captured_until_ms=live.captured_until_ms,
        )

    def changed(self, live: LiveSession) -> None:
        """Through another gateway: whoever is connected here is to know."""
        self._tell_all(live)

    def lost(self, live: LiveSession) -> None:
        """The speaker goes on through another gateway, or the session was ended there: nothing of
        what waits here is acknowledged or declared any more."""
        self._writer.disown(live.session_id)
        live.ack_due = False
        if live.ended:
            self._tell_all(live)
            return
        _log.warning("session %s: its speaker goes on in another gateway", live.session_id)
        if live.speaker is not None:
            _taken(live.speaker)
            live.speaker = None

    async def _is_taken(self, session_id: str) -> bool:
        return await self._live.ask(lambda: self._live.tables.get(session_id)) is not None

    async def _reload(self, live: LiveSession) -> None:
        row = await self._live.ask(lambda: self._live.tables.get(live.session_id))
        live.row = row if row is not None else live.row.with_status(ENDED, self._now_ms())

    def tell_listeners(self, live: LiveSession) -> None:
        """Where the session stands now, unless they know."""
        now_ms = self._now_ms()
        if live.standing(now_ms) == live.told:
            return
        listeners = self._needs.hub.listeners(live.session_id)
        self._tell(live, listeners)
        if ROOM_ID not in live.row.info.extra:  # its room's listeners are told by that
            state = talk_state(live, now_ms)
            for listener in listeners:
                listener.send(state)

    def _tell_all(self, live: LiveSession) -> None:
        speaker = [] if live.speaker is None else [live.speaker]
        self._tell(live, [*speaker, *self._needs.hub.listeners(live.session_id)])

    def _tell(self, live: LiveSession, everybody: list[Connection]) -> None:
        self.on_change(live.session_id)
        live.told = live.standing(self._now_ms())
        for one in everybody:
            one.send(broadcast_state(live.session_id, live.told))


def _taken(connection: Connection) -> None:
    connection.send(
        ErrorMessage(code="SPEAKER_TAKEN", message="the speaker goes on in another connection")
    )
    connection.close(CLOSE_TAKEN, "SPEAKER_TAKEN")
