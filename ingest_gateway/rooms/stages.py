"""Rooms as they go on: listeners come in, speakers take the stage, everybody is told.

A change here is told at once; one that another gateway made is found by looking at the rooms that
have listeners here. What is told is what the tables say, never what a gateway remembers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import ENDED, PAUSED
from ingest_gateway.access.auth import Identity
from ingest_gateway.access.listener_rules import ListeningRules, ListeningWish, new_key
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import CreateSession, JoinRoom, TalkState, TalkView, encode
from ingest_gateway.rooms.records import RoomRecords
from ingest_gateway.rooms.speaker_links import link_subject
from ingest_gateway.rooms.stage import SessionStanding, admit, leave, state_of, take
from ingest_gateway.sessions.hub import Connection, Hub, Peer
from ingest_gateway.sessions.live_sessions import LiveSessions
from ingest_gateway.sessions.request_limits import RequestLimits
from ingest_gateway.sessions.speaker_place import speaker_place
from ingest_gateway.sessions.speakers import Speakers
from schemas.rooms import Room, Talk
from schemas.session_info import KEEP_DAYS, ROOM_ID, TALK_ID

LOOK_EVERY_S = 1.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StageDependencies:
    records: RoomRecords
    live: LiveSessions
    hub: Hub
    speakers: Speakers
    request_limits: RequestLimits
    now_ms: Callable[[], int]


class Stages:
    """``due``: rooms that are to be told; a host without a background tells them before its event
    ends."""

    def __init__(self, needs: StageDependencies) -> None:
        self._needs = needs
        self._records = needs.records
        self._live = needs.live
        self._hub = needs.hub
        self._now_ms = needs.now_ms
        self._said: dict[str, str] = {}
        self._wake = asyncio.Event()
        self.due: set[str] = set()

    async def join(self, connection: Connection, wanted: JoinRoom) -> TalkState:
        """Raises Refusal as ``admit``."""
        is_in = connection.room_id == wanted.room_id
        room = await self.admit(connection.peer, wanted, is_in=is_in)
        self._hub.enter_room(connection, room.room_id)
        return await self.state(room.room_id)

    async def admit(self, peer: Peer, wanted: JoinRoom, *, is_in: bool) -> Room:
        """Raises Refusal as ``stage.admit``, RATE_LIMITED for who guesses. Who has the link is not
        held up by others' guesses of links."""
        limits, room_id = self._needs.request_limits, wanted.room_id
        room = await self._records.ask(lambda: self._records.tables.room(room_id))
        if room is not None and room.access_code is not None:
            limits.check_code_guesser(peer, room_id, by_secret=True)
        here = len(self._hub.in_room(room_id))
        try:
            return admit(room, wanted.key, wanted.access_code, listeners=here, is_in=is_in)
        except Refusal as refusal:
            if refusal.code == "NO_ROOM":
                limits.check_guesser(peer)
                await limits.guessed(peer)
            elif refusal.code == "WRONG_CODE" and wanted.access_code is not None:
                await limits.guessed_code(peer, room_id, by_secret=True)
            raise

    async def state(self, room_id: str) -> TalkState:
        """What listeners of the room are told now. Raises Refusal: NO_ROOM."""
        room, talks = await self._records.room_and_talks(room_id)
        session = await self._standing(room)
        if session is not None and session.state == "over" and room.stage is not None:
            await self._clear(room_id, room.stage.talk_id, session.since_ms, room.stage.session_id)
        found = state_of(room, talks, session, self._now_ms())
        return TalkState(
            state=found.phase,
            since=found.since_ms,
            session_id=found.session_id,
            room_id=room_id,
            talk=_view(found.talk),
            next=_view(found.next),
            retention_days=room.keep_days,
        )

    async def take(self, peer: Peer, talk_id: str) -> str:
        """Put the talk on its room's stage; the session to speak into. Raises Refusal: NO_ROOM,
        TALK_OVER, STAGE_TAKEN, BAD_LANGUAGE, RATE_LIMITED."""
        talk = await self._records.talk(talk_id)
        before = await self._records.ask(lambda: self._records.tables.room(talk.room_id))
        if before is None:
            raise Refusal("NO_ROOM", "there is no such room")
        session = await self._standing(before)
        now_ms = self._now_ms()

        def taken(room: Room) -> Room:
            if room.stage != before.stage:
                # Another one was faster, or it is our own work: its session is not the one we saw.
                return take(room, talk, None, now_ms)
            return take(room, talk, session, now_ms)

        room = await self._records.change_room(talk.room_id, taken)
        if before.stage is not None and before.stage.talk_id != talk_id:
            await self._end(before.stage.talk_id, before.stage.session_id)
        session_id = await self._session_of(peer, room, talk)
        self.due_now(talk.room_id)
        return session_id

    async def hand_over(self, talk_id: str) -> None:
        """End the talk and leave its room's stage to the next one. Raises Refusal: NO_ROOM."""
        talk = await self._records.talk(talk_id)
        session_id = talk.session_id or await self._on_stage(talk)
        await self._end(talk_id, session_id)
        await self._clear(talk.room_id, talk_id, self._now_ms(), session_id)
        self.due_now(talk.room_id)

    async def _on_stage(self, talk: Talk) -> str | None:
        """The session that the stage has for it: the talk's own row is written after that."""
        room = await self._records.ask(lambda: self._records.tables.room(talk.room_id))
        stage = None if room is None else room.stage
        return stage.session_id if stage is not None and stage.talk_id == talk.talk_id else None

    async def code_changed(self, room: Room) -> None:
        """The talk on the stage asks for the room's new code, too; who is in it stays."""
        stage = room.stage
        if stage is None or stage.session_id is None:
            return
        wish = ListeningWish(code=room.access_code or "")
        try:
            await self._needs.speakers.set_listening(
                Identity(link_subject(stage.talk_id)), stage.session_id, wish
            )
        except Refusal as refusal:
            _log.info("session %s keeps its code: %s", stage.session_id, refusal.code)

    def session_changed(self, session_id: str) -> None:
        """A speaker began, paused, went away or ended; of a session that is in no room: nothing."""
        live = self._live.loaded(session_id)
        room_id = None if live is None else live.row.info.extra.get(ROOM_ID)
        if room_id is not None:
            self.due_now(room_id)

    def due_now(self, room_id: str) -> None:
        self.due.add(room_id)
        self._wake.set()

    async def run(self) -> None:
        """Tell what changed here at once, and what others changed soon."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                self.due.update(self._hub.rooms())
            self._wake.clear()
            await self.tell()

    async def tell(self) -> None:
        """All rooms that are due."""
        rooms, self.due = self.due, set()
        for room_id in sorted(rooms):
            try:
                text = encode(await self.state(room_id))
            except ConnectorError as error:
                _log.warning("room %s was not told: %s", room_id, error)
                continue
            except Refusal:
                self._close(room_id)
                continue
            if self._said.get(room_id) == text:
                continue
            here = self._hub.in_room(room_id)
            if here:
                self._said[room_id] = text
            else:
                self._said.pop(room_id, None)
            await self._hub.hand_out([(one, text) for one in here])

    def _close(self, room_id: str) -> None:
        """The room was deleted."""
        self._said.pop(room_id, None)
        gone = Refusal("NO_ROOM", "this room was deleted").answer("joinRoom")
        for connection in self._hub.in_room(room_id):
            connection.send(gone)
            self._hub.leave_room(connection)

    async def _standing(self, room: Room) -> SessionStanding | None:
        """The session on the stage as the tables say, and as is seen here of its speaker."""
        if room.stage is None or room.stage.session_id is None:
            return None
        session_id, now_ms = room.stage.session_id, self._now_ms()
        row = await self._live.ask(lambda: self._live.tables.get(session_id))
        if row is None:
            return SessionStanding("over", now_ms)
        if row.info.status == ENDED:
            return SessionStanding("over", row.info.ended_at_ms or now_ms)
        if row.epoch < 0:
            return SessionStanding("silent", row.info.created_at_ms)
        live = self._live.loaded(session_id)
        if live is not None and live.speaker is not None and live.generation == row.generation:
            row = live.row  # it is newer than what is written
            place = live.standing(now_ms).speaker
        else:
            place = speaker_place(row, now_ms, read_at_ms=now_ms)
        if place == "away":
            lost_at_ms = row.speaker_lost_at_ms or row.speaker_seen_at_ms
            return SessionStanding("away", lost_at_ms or row.info.created_at_ms)
        if row.info.status == PAUSED:
            return SessionStanding("paused", room.stage.since_ms)
        return SessionStanding("live", room.stage.since_ms)

    async def _session_of(self, peer: Peer, room: Room, talk: Talk) -> str:
        """That of the talk on the stage, made if there is none yet."""
        stage = room.stage
        assert stage is not None
        if stage.session_id is not None:
            await self._note_session(talk, stage.session_id)
            return stage.session_id
        # By whichever device a talk is put on the stage, its session belongs to its link.
        speaker = replace(peer, identity=Identity(link_subject(talk.talk_id)))
        wanted = CreateSession(source_language=talk.language, target_languages=room.languages)
        extra = {ROOM_ID: room.room_id, TALK_ID: talk.talk_id, KEEP_DAYS: str(room.keep_days)}
        # The room's link is the link of all its sessions, and its code their code.
        rules = ListeningRules(
            key=room.secret, seat_key=new_key(), by_link=True, code=room.access_code
        )
        row = await self._needs.speakers.create(speaker, wanted, rules, extra)

        def with_session(now: Room) -> Room:
            if now.stage is None or now.stage.talk_id != talk.talk_id:
                raise Refusal("STAGE_TAKEN", "another talk has taken the stage meanwhile")
            if now.stage.session_id is not None:
                return now  # the same speaker, twice at once
            return replace(now, stage=replace(now.stage, session_id=row.session_id))

        try:
            after = await self._records.change_room(room.room_id, with_session)
        except Refusal:
            await self._end(talk.talk_id, row.session_id, is_over=False)
            raise
        assert after.stage is not None
        chosen = after.stage.session_id
        assert chosen is not None
        if chosen != row.session_id:
            await self._end(talk.talk_id, row.session_id, is_over=False)
        await self._note_session(talk, chosen)
        return chosen

    async def _note_session(self, talk: Talk, session_id: str) -> None:
        """In the talk's row, by which its session is found when it is deleted; also if that failed
        when the session was made."""
        if talk.session_id != session_id:
            await self._records.change_talk(
                talk.talk_id, lambda now: replace(now, session_id=session_id)
            )

    async def _end(self, talk_id: str, session_id: str | None, *, is_over: bool = True) -> None:
        """A talk's session, and the talk."""
        if session_id is not None:
            try:
                await self._needs.speakers.end_by_itself(await self._live.find(session_id))
            except Refusal:
                _log.info("session %s had gone before its talk ended", session_id)
        if is_over:
            await self._records.end_talk(talk_id, self._now_ms(), session_id)

    async def _clear(
        self, room_id: str, talk_id: str, ended_at_ms: int, session_id: str | None
    ) -> None:
        await self._records.end_talk(talk_id, ended_at_ms, session_id)
        await self._records.change_room(room_id, lambda room: leave(room, talk_id))


def _view(talk: Talk | None) -> TalkView | None:
    if talk is None:
        return None
    return TalkView(talk.talk_id, talk.title, talk.speaker, talk.language, talk.planned_at_ms)
