"""Room tables in memory: one process, nothing survives it. For tests and single gateways."""

from __future__ import annotations

from dataclasses import replace

from schemas.rooms import Deletion, Event, Room, Talk


class MemoryRoomTables:
    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Event] = {}
        self._rooms: dict[str, Room] = {}
        self._talks: dict[tuple[str, str], Talk] = {}
        self._deletions: dict[str, Deletion] = {}

    async def add_event(self, event: Event) -> bool:
        return self._events.setdefault((event.owner, event.event_id), event) is event

    async def event(self, owner: str, event_id: str) -> Event | None:
        return self._events.get((owner, event_id))

    async def events(self, owner: str) -> tuple[Event, ...]:
        return tuple(event for event in self._events.values() if event.owner == owner)

    async def replace_event(self, event: Event) -> Event | None:
        before = self._events.get((event.owner, event.event_id))
        if before is None or before.version != event.version:
            return None
        after = replace(event, version=event.version + 1)
        self._events[event.owner, event.event_id] = after
        return after

    async def remove_event(self, owner: str, event_id: str) -> None:
        self._events.pop((owner, event_id), None)

    async def add_room(self, room: Room) -> bool:
        return self._rooms.setdefault(room.room_id, room) is room

    async def room(self, room_id: str) -> Room | None:
        return self._rooms.get(room_id)

    async def room_and_talks(self, room_id: str) -> tuple[Room, tuple[Talk, ...]] | None:
        room = self._rooms.get(room_id)
        if room is None:
            return None
        return room, tuple(talk for talk in self._talks.values() if talk.room_id == room_id)

    async def replace_room(self, room: Room) -> Room | None:
        before = self._rooms.get(room.room_id)
        if before is None or before.version != room.version:
            return None
        self._rooms[room.room_id] = replace(room, version=room.version + 1)
        return self._rooms[room.room_id]

    async def remove_room(self, room_id: str) -> None:
        self._rooms.pop(room_id, None)

    async def add_talk(self, talk: Talk) -> bool:
        return self._talks.setdefault((talk.room_id, talk.talk_id), talk) is talk

    async def talk(self, room_id: str, talk_id: str) -> Talk | None:
        return self._talks.get((room_id, talk_id))

    async def replace_talk(self, talk: Talk) -> Talk | None:
        key = talk.room_id, talk.talk_id
        before = self._talks.get(key)
        if before is None or before.version != talk.version:
            return None
        self._talks[key] = replace(talk, version=talk.version + 1)
        return self._talks[key]

    async def remove_talk(self, room_id: str, talk_id: str) -> None:
        self._talks.pop((room_id, talk_id), None)

    async def put_deletion(self, deletion: Deletion) -> None:
        self._deletions[deletion.session_id] = deletion

    async def deletions(self) -> tuple[Deletion, ...]:
        return tuple(self._deletions.values())

    async def remove_deletion(self, session_id: str) -> None:
        self._deletions.pop(session_id, None)

    async def close(self) -> None:
        """Nothing is held open."""
