"""The suite that every implementation of the room tables passes."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.room_tables import AmazonRoomTables
from connectors.interfaces.room_tables import RoomTables
from connectors.memory.room_tables import MemoryRoomTables
from schemas.rooms import Deletion, Event, Room, Stage, Talk
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.contract


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:8]


def new_event(name: str, event_id: str = "kind-harbour-100") -> Event:
    return Event(event_id, f"ada-{name}", "Tides & <b>currents</b> مد", T0_MS)


def new_room(name: str) -> Room:
    return Room(
        f"calm-{name}",
        "kind-harbour-100",
        "ada",
        "Tides",
        "Hall 1",
        "secret",
        T0_MS,
        ("es", "ar"),
        access_code="1234",
        most_listeners=40,
        keep_days=7,
        stage=Stage("brave-otter-1", T0_MS, "joyful-mountain-789"),
    )


def new_talk(name: str, talk_id: str = "brave-otter-1") -> Talk:
    return Talk(
        f"calm-{name}",
        talk_id,
        "潮 🌊",
        "Grace",
        "en",
        "secret",
        T0_MS,
        planned_at_ms=T0_MS + 60_000,
        session_id="joyful-mountain-789",
    )


class RoomTablesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def tables(self) -> RoomTables: ...

    async def test_an_owner_finds_their_events_and_no_others(
        self, tables: RoomTables, name: str
    ) -> None:
        one, two = new_event(name), new_event(name, "kind-harbour-200")
        foreign = replace(one, owner=f"grace-{name}")
        for event in (one, two, foreign):
            assert await tables.add_event(event)
        assert await tables.event(one.owner, one.event_id) == one
        assert set(await tables.events(one.owner)) == {one, two}
        assert await tables.events(f"nobody-{name}") == ()

    async def test_an_event_is_replaced_and_removed(self, tables: RoomTables, name: str) -> None:
        event = new_event(name)
        await tables.add_event(event)
        changed = await tables.replace_event(replace(event, room_ids=("calm-1",)))
        assert changed == replace(event, room_ids=("calm-1",), version=1)
        assert await tables.event(event.owner, event.event_id) == changed
        await tables.remove_event(event.owner, event.event_id)
        assert await tables.event(event.owner, event.event_id) is None

    async def test_an_id_is_given_once(self, tables: RoomTables, name: str) -> None:
        room, talk, event = new_room(name), new_talk(name), new_event(name)
        assert await tables.add_room(room)
        assert await tables.add_talk(talk)
        assert await tables.add_event(event)
        assert not await tables.add_room(replace(room, name="another"))
        assert not await tables.add_talk(replace(talk, title="another"))
        assert not await tables.add_event(replace(event, title="another"))
        assert await tables.room_and_talks(room.room_id) == (room, (talk,))
        assert await tables.event(event.owner, event.event_id) == event

    async def test_a_room_is_read_with_its_talks(self, tables: RoomTables, name: str) -> None:
        room, one, two = new_room(name), new_talk(name), new_talk(name, "brave-otter-2")
        await tables.add_talk(replace(one, room_id=f"other-{name}"))
        assert await tables.room_and_talks(room.room_id) is None
        await tables.add_room(room)
        assert await tables.room_and_talks(room.room_id) == (room, ())
        await tables.add_talk(one)
        await tables.add_talk(two)
        found = await tables.room_and_talks(room.room_id)
        assert found is not None
        assert (found[0], set(found[1])) == (room, {one, two})
        assert await tables.room(room.room_id) == room
        assert await tables.talk(room.room_id, "brave-otter-2") == two
        assert await tables.talk(room.room_id, "brave-otter-3") is None

    async def test_of_two_who_replace_a_version_one_succeeds(
        self, tables: RoomTables, name: str
    ) -> None:
        room = replace(new_room(name), stage=None)
        await tables.add_room(room)
        stages = [Stage(f"brave-otter-{at}", T0_MS) for at in range(5)]
        answers = await asyncio.gather(
            *(tables.replace_room(replace(room, stage=stage)) for stage in stages)
        )
        (won,) = [answer for answer in answers if answer is not None]
        assert won == await tables.room(room.room_id)
        assert (won.version, won.stage in stages) == (1, True)

    async def test_what_is_gone_is_not_brought_back(self, tables: RoomTables, name: str) -> None:
        room, talk = new_room(name), new_talk(name)
        await tables.add_room(room)
        await tables.add_talk(talk)
        assert await tables.replace_talk(replace(talk, ended_at_ms=T0_MS)) is not None
        await tables.remove_talk(talk.room_id, talk.talk_id)
        await tables.remove_room(room.room_id)
        await tables.remove_room(room.room_id)
        assert await tables.replace_talk(replace(talk, version=1)) is None
        assert await tables.replace_room(room) is None
        assert await tables.room_and_talks(room.room_id) is None
        assert await tables.talk(talk.room_id, talk.talk_id) is None

    async def test_deletions_wait_until_they_are_done(self, tables: RoomTables, name: str) -> None:
        first = Deletion(f"session-{name}", T0_MS, T0_MS + 1)
        later = replace(first, due_ms=T0_MS + 2)
        await tables.put_deletion(first)
        await tables.put_deletion(later)
        assert later in await tables.deletions()
        assert first not in await tables.deletions()
        await tables.remove_deletion(first.session_id)
        assert later not in await tables.deletions()


class TestMemoryRoomTables(RoomTablesContract):
    @pytest.fixture
    def tables(self) -> RoomTables:
        return MemoryRoomTables()


class TestAmazonRoomTables(RoomTablesContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("rooms_table",)

    @pytest.fixture
    def tables(self, aws_clients: AwsClients) -> RoomTables:
        return AmazonRoomTables(aws_clients, SettableClock())
