"""What the gateway keeps of events, rooms and talks.

One implementation stands on DynamoDB, one in memory; both pass the same contract suite.
Implementations try once and raise ``errors.*``; callers retry. A value is replaced only while its
row is of the value's version, so of several who change the same row at once one succeeds: that
decides who takes a stage.
"""

from __future__ import annotations

from typing import Protocol

from schemas.rooms import Deletion, Event, Room, Talk

KEEP_DAYS_UNUSED = 400
"""A row that nobody has written for so long expires."""


class RoomTables(Protocol):
    async def add_event(self, event: Event) -> bool:
        """False: the owner has one of this id."""
        ...

    async def event(self, owner: str, event_id: str) -> Event | None: ...

    async def events(self, owner: str) -> tuple[Event, ...]: ...

    async def replace_event(self, event: Event) -> Event | None:
        """Write it over the row of its version, which makes it one more. The row's value now; None:
        the row is of another version, or gone, and nothing was written."""
        ...

    async def remove_event(self, owner: str, event_id: str) -> None: ...

    async def add_room(self, room: Room) -> bool:
        """False: the id is taken."""
        ...

    async def room(self, room_id: str) -> Room | None: ...

    async def room_and_talks(self, room_id: str) -> tuple[Room, tuple[Talk, ...]] | None:
        """The room and its talks in no order, read at once."""
        ...

    async def replace_room(self, room: Room) -> Room | None:
        """As ``replace_event``."""
        ...

    async def remove_room(self, room_id: str) -> None:
        """The room alone: its talks go before it."""
        ...

    async def add_talk(self, talk: Talk) -> bool:
        """False: the room has one of this id."""
        ...

    async def talk(self, room_id: str, talk_id: str) -> Talk | None: ...

    async def replace_talk(self, talk: Talk) -> Talk | None:
        """As ``replace_event``."""
        ...

    async def remove_talk(self, room_id: str, talk_id: str) -> None: ...

    async def put_deletion(self, deletion: Deletion) -> None:
        """One a session: a later one takes its place."""
        ...

    async def deletions(self) -> tuple[Deletion, ...]: ...

    async def remove_deletion(self, session_id: str) -> None: ...

    async def close(self) -> None: ...
