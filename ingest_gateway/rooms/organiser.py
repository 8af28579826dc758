"""Events, rooms and talks as their organiser makes, changes and deletes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from connectors.interfaces.erasure import Erased
from ingest_gateway.access.auth import Identity
from ingest_gateway.access.listener_rules import new_key
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.rooms.deletion import Deletions
from ingest_gateway.rooms.messages import (
    EventWish,
    RoomPatch,
    RoomWish,
    TalkPatch,
    TalkWish,
)
from ingest_gateway.rooms.records import RoomRecords, with_room
from ingest_gateway.rooms.speaker_links import talk_of
from ingest_gateway.rooms.stages import Stages
from ingest_gateway.sessions.ids import NewId
from ingest_gateway.sessions.languages import Languages
from schemas.languages import canonical_tag
from schemas.rooms import Event, Room, Talk

MOST_EVENTS = 200
MOST_ROOMS = 100
MOST_TALKS = 500
"""Of an owner, an event, a room."""
_ID_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Organiser:
    """Each method raises Refusal: FORBIDDEN for who came by a speaker's link, NO_ROOM for what is
    not there or is another organiser's."""

    records: RoomRecords
    stages: Stages
    deletions: Deletions
    languages: Languages
    new_id: NewId
    now_ms: Callable[[], int]

    async def create_event(self, identity: Identity, wish: EventWish) -> Event:
        owner = _person(identity)
        if len(await self.events(identity)) >= MOST_EVENTS:
            raise Refusal("RATE_LIMITED", f"you have your {MOST_EVENTS} events: delete one")
        for _ in range(_ID_ATTEMPTS):
            event = Event(self.new_id(), owner, _text(wish.title), self.now_ms())
            if await self.records.ask(lambda event=event: self.records.tables.add_event(event)):
                return event
        raise Refusal("INTERNAL", "no free id was found: try again")

    async def events(self, identity: Identity) -> tuple[Event, ...]:
        owner = _person(identity)
        found = await self.records.ask(lambda: self.records.tables.events(owner))
        return tuple(sorted(found, key=lambda event: event.created_at_ms, reverse=True))

    async def event(self, identity: Identity, event_id: str) -> Event:
        owner = _person(identity)
        event = await self.records.ask(lambda: self.records.tables.event(owner, event_id))
        if event is None:
            raise Refusal("NO_ROOM", "you have no such event")
        return event

    async def plan(self, event: Event) -> tuple[tuple[Room, tuple[Talk, ...]], ...]:
        """The event's rooms with their talks."""
        found: list[tuple[Room, tuple[Talk, ...]]] = []
        for room_id in event.room_ids:
            one = await self.records.ask(
                lambda room_id=room_id: self.records.tables.room_and_talks(room_id)
            )
            if one is not None:
                found.append(one)
        return tuple(found)

    async def delete_event(self, identity: Identity, event_id: str) -> Erased:
        """With its rooms and all that was said in them."""
        event = await self.event(identity, event_id)
        erased = Erased()
        for room, _ in await self.plan(event):
            erased = _sum(erased, await self.delete_room(identity, room.room_id))
        await self.records.ask(
            lambda: self.records.tables.remove_event(event.owner, event.event_id)
        )
        return erased

    async def create_room(self, identity: Identity, wish: RoomWish) -> Room:
        event = await self.event(identity, wish.event_id)
        if len(event.room_ids) >= MOST_ROOMS:
            raise Refusal("RATE_LIMITED", f"an event has at most {MOST_ROOMS} rooms")
        for _ in range(_ID_ATTEMPTS):
            room = Room(
                room_id=self.new_id(),
                event_id=event.event_id,
                owner=event.owner,
                event_title=event.title,
                name=_text(wish.name),
                secret=new_key(),
                created_at_ms=self.now_ms(),
                languages=_tags(wish.languages),
                access_code=wish.access_code,
                most_listeners=wish.most_listeners,
                keep_days=wish.retention_days,
            )
            if await self.records.ask(lambda room=room: self.records.tables.add_room(room)):
                await self.records.change_event(
                    event.owner,
                    event.event_id,
                    lambda now, room_id=room.room_id: with_room(now, room_id),
                )
                return room
        raise Refusal("INTERNAL", "no free id was found: try again")

    async def room(self, identity: Identity, room_id: str) -> tuple[Room, tuple[Talk, ...]]:
        owner = _person(identity)
        room, talks = await self.records.room_and_talks(room_id)
        if room.owner != owner:
            raise Refusal("NO_ROOM", "you have no such room")
        return room, talks

    async def change_room(self, identity: Identity, room_id: str, wish: RoomPatch) -> Room:
        await self.room(identity, room_id)
        changes = _given(
            name=_text(wish.name) if wish.name is not UNSET else UNSET,
            languages=_tags(wish.languages) if wish.languages is not UNSET else UNSET,
            access_code=wish.access_code,
            most_listeners=wish.most_listeners,
            keep_days=wish.retention_days,
            is_locked=wish.locked,
        )
        room = await self.records.change_room(room_id, lambda now: replace(now, **changes))
        if wish.access_code is not UNSET:
            await self.stages.code_changed(room)
        self.stages.due_now(room_id)
        return room

    async def delete_room(self, identity: Identity, room_id: str) -> Erased:
        """With all that was said in it; who is in it is told."""
        room, talks = await self.room(identity, room_id)
        erased = Erased()
        for talk in talks:
            erased = _sum(erased, await self._delete(talk))
        await self.records.ask(lambda: self.records.tables.remove_room(room_id))
        await self.records.change_event(
            room.owner,
            room.event_id,
            lambda event: replace(
                event, room_ids=tuple(one for one in event.room_ids if one != room_id)
            ),
        )
        self.stages.due_now(room_id)
        return erased

    async def create_talk(self, identity: Identity, wish: TalkWish) -> Talk:
        """Raises Refusal: BAD_LANGUAGE, too."""
        room, talks = await self.room(identity, wish.room_id)
        if len(talks) >= MOST_TALKS:
            raise Refusal("RATE_LIMITED", f"a room has at most {MOST_TALKS} talks")
        language = self.languages.choose_source(wish.language)
        number = max((_number(talk) for talk in talks), default=0)
        for _ in range(_ID_ATTEMPTS):
            number += 1
            talk = Talk(
                room_id=room.room_id,
                talk_id=f"{room.room_id}.{number}",
                title=_text(wish.title),
                speaker=wish.speaker.strip(),
                language=language,
                secret=new_key(),
                created_at_ms=self.now_ms(),
                planned_at_ms=wish.planned_at,
            )
            if await self.records.ask(lambda talk=talk: self.records.tables.add_talk(talk)):
                self.stages.due_now(room.room_id)
                return talk
        raise Refusal("INTERNAL", "no free number was found: try again")

    async def talk(self, identity: Identity, talk_id: str) -> tuple[Room, Talk]:
        """Also for who has the talk's own link."""
        talk = await self.records.talk(talk_id)
        room, _ = await self.records.room_and_talks(talk.room_id)
        if talk_of(identity) != talk_id and room.owner != identity.subject:
            raise Refusal("NO_ROOM", "you have no such talk")
        return room, talk

    async def change_talk(self, identity: Identity, talk_id: str, wish: TalkPatch) -> Talk:
        """Raises Refusal: BAD_LANGUAGE, TALK_OVER (its language, once it has begun), too."""
        _person(identity)
        await self.talk(identity, talk_id)
        language = (
            self.languages.choose_source(wish.language) if wish.language is not UNSET else UNSET
        )
        changes = _given(
            title=_text(wish.title) if wish.title is not UNSET else UNSET,
            speaker=wish.speaker.strip() if wish.speaker is not UNSET else UNSET,
            language=language,
            planned_at_ms=wish.planned_at,
        )

        def changed(talk: Talk) -> Talk:
            if talk.session_id is not None and changes.get("language", talk.language) != (
                talk.language
            ):
                raise Refusal("TALK_OVER", "this talk has begun: its language stays")
            return replace(talk, **changes)

        talk = await self.records.change_talk(talk_id, changed)
        self.stages.due_now(talk.room_id)
        return talk

    async def delete_talk(self, identity: Identity, talk_id: str) -> Erased:
        """With all that was said in it: it ends, if it goes on."""
        _person(identity)
        _, talk = await self.talk(identity, talk_id)
        return await self._delete(talk)

    async def _delete(self, talk: Talk) -> Erased:
        await self.stages.hand_over(talk.talk_id)
        now = await self.records.talk(talk.talk_id)
        erased = Erased()
        if now.session_id is not None:
            erased = await self.deletions.erase(now.session_id, now.created_at_ms)
        await self.records.ask(lambda: self.records.tables.remove_talk(talk.room_id, talk.talk_id))
        self.stages.due_now(talk.room_id)
        return erased


def _person(identity: Identity) -> str:
    if talk_of(identity) is not None:
        raise Refusal("FORBIDDEN", "a speaker's link organises nothing: sign in")
    return identity.subject


def _text(text: str) -> str:
    """Without what no title has: line ends and other controls. Raises Refusal: BAD_FIELD."""
    shown = " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text).split())
    if not shown:
        raise Refusal("BAD_FIELD", "write a title that can be seen")
    return shown


def _tags(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Each language once. Raises Refusal: BAD_LANGUAGE."""
    tags = [canonical_tag(tag) for tag in languages]
    if None in tags:
        raise Refusal("BAD_LANGUAGE", "name a language by its code, as es or pt-BR")
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))


def _given(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not UNSET}


def _number(talk: Talk) -> int:
    last = talk.talk_id.rpartition(".")[2]
    return int(last) if last.isdecimal() else 0


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(one.objects + other.objects, one.rows + other.rows)
