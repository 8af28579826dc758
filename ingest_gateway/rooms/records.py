"""Rooms and talks as the tables have them, changed as often as it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from connectors.calls.policy import Policies, call
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.room_tables import RoomTables
from ingest_gateway.protocol.connection_protocol import Refusal
from schemas.rooms import Event, Room, Talk

T = TypeVar("T")
_ATTEMPTS = 20
"""Of a change; each time one of the others succeeds."""


@dataclass(frozen=True, slots=True)
class RoomRecords:
    tables: RoomTables
    policies: Policies

    async def ask(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        return await call(self.policies.directory, attempt_once)

    async def room_and_talks(self, room_id: str) -> tuple[Room, tuple[Talk, ...]]:
        """Raises Refusal: NO_ROOM."""
        found = await self.ask(lambda: self.tables.room_and_talks(room_id))
        if found is None:
            raise Refusal("NO_ROOM", "there is no such room")
        return found

    async def talk(self, talk_id: str) -> Talk:
        """Raises Refusal: NO_ROOM."""
        talk = await self.ask(lambda: self.tables.talk(room_of(talk_id), talk_id))
        if talk is None:
            raise Refusal("NO_ROOM", "there is no such talk")
        return talk

    async def change_room(self, room_id: str, how: Callable[[Room], Room]) -> Room:
        """``how`` is called with the newest room, again whenever another writer was faster; what it
        raises goes on. Raises Refusal: NO_ROOM."""
        for _ in range(_ATTEMPTS):
            before = await self.ask(lambda: self.tables.room(room_id))
            if before is None:
                raise Refusal("NO_ROOM", "there is no such room")
            wanted = how(before)
            if wanted == before:
                return before
            # An attempt whose answer was lost may have written: ``how`` sees its own work next.
            after = await self.ask(lambda wanted=wanted: self.tables.replace_room(wanted))
            if after is not None:
                return after
        raise RetryableError("a room's row changes too fast")

    async def change_talk(self, talk_id: str, how: Callable[[Talk], Talk]) -> Talk:
        """As ``change_room``."""
        for _ in range(_ATTEMPTS):
            before = await self.talk(talk_id)
            wanted = how(before)
            if wanted == before:
                return before
            after = await self.ask(lambda wanted=wanted: self.tables.replace_talk(wanted))
            if after is not None:
                return after
        raise RetryableError("a talk's row changes too fast")

    async def change_event(self, owner: str, event_id: str, how: Callable[[Event], Event]) -> Event:
        """As ``change_room``."""
        for _ in range(_ATTEMPTS):
            before = await self.ask(lambda: self.tables.event(owner, event_id))
            if before is None:
                raise Refusal("NO_ROOM", "there is no such event")
            wanted = how(before)
            if wanted == before:
                return before
            after = await self.ask(lambda wanted=wanted: self.tables.replace_event(wanted))
            if after is not None:
                return after
        raise RetryableError("an event's row changes too fast")

    async def end_talk(self, talk_id: str, now_ms: int, session_id: str | None) -> None:
        """Whether or not it still has a row. ``session_id``: as the stage has it."""

        def ended(talk: Talk) -> Talk:
            return replace(talk.ended(now_ms), session_id=talk.session_id or session_id)

        try:
            await self.change_talk(talk_id, ended)
        except Refusal:
            return


def room_of(talk_id: str) -> str:
    """A talk's id is its room's and a number: ``calm-harbour-412.2``."""
    return talk_id.rpartition(".")[0]


def with_room(event: Event, room_id: str) -> Event:
    if room_id in event.room_ids:
        return event
    return replace(event, room_ids=(*event.room_ids, room_id))
