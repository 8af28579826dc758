"""When a room's listeners are told that its speaker is away and back, on the speaker's gateway and
on another one, in virtual time. Whatever the moment: looks at tables fall where they fall."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ingest_gateway.access.auth import Identity
from ingest_gateway.protocol.messages import JoinRoom
from ingest_gateway.sessions.hub import Connection, Peer
from schemas.rooms import Room, Stage, Talk
from schemas.session_info import ROOM_ID, TALK_ID
from tests.unit.gateway.test_speaker_presence import Hall, Leave, closed, silent
from tests.unit.gateway.two_gateways import SESSION, RunVirtual, Socket, Story, now_ms

pytestmark = pytest.mark.unit

ROOM = Room("calm-1", "kind-1", "olga", "Tides", "Hall 1", "s3cret", 0)
TALK = Talk("calm-1", "calm-1.1", "Tides", "Grace", "en", "k", 0, session_id=SESSION)
AWAY_MS, BACK_MS = 5000, 3000
MOMENTS_S = [at * 0.13 for at in range(12)]


class RoomHall(Hall):
    """A member of the room on each of both gateways; ``told``: when which phase was said to it."""

    def __init__(self, story: Story) -> None:
        row = story.sessions[SESSION]
        extra = {ROOM_ID: ROOM.room_id, TALK_ID: TALK.talk_id}
        story.sessions[SESSION] = replace(row, info=replace(row.info, extra=extra))
        super().__init__(story)
        self._rooms = story.rooms
        self.members = [
            Connection(f"m{at}", Peer("a", "", Identity(f"m{at}")), Socket(), 0, 1 << 24)
            for at in range(2)
        ]
        self.told: list[list[tuple[int, str]]] = [[], []]
        self._watching += [asyncio.create_task(host.gateway.stages.run()) for host in self.hosts]
        self._watching.append(asyncio.create_task(self._note_phases()))

    async def enter(self) -> None:
        await self._rooms.add_room(replace(ROOM, stage=Stage(TALK.talk_id, 0, SESSION)))
        await self._rooms.add_talk(TALK)
        for host, member in zip(self.hosts, self.members, strict=True):
            await host.gateway.stages.join(member, JoinRoom(ROOM.room_id, ROOM.secret))
        await super().enter()

    async def _note_phases(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for at, member in enumerate(self.members):
                await member.flush()
                assert isinstance(member.socket, Socket)
                self.told[at] += [(now_ms(), one["state"]) for one in member.socket.sent]
                member.socket.sent.clear()

    def phases(self) -> list[list[str]]:
        return [[phase for _, phase in told] for told in self.told]


@pytest.mark.parametrize("leave", [silent, closed])
@pytest.mark.parametrize("back_to", [0, 1])
def test_a_room_is_told_within_five_seconds_and_three(
    run_virtual: RunVirtual, leave: Leave, back_to: int
) -> None:
    async def run(moment_s: float) -> None:
        hall = RoomHall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(10 + moment_s)
        assert [phases[-1] for phases in hall.phases()] == ["live", "live"]
        left_at = now_ms()
        await leave(hall)
        await asyncio.sleep(30 + moment_s)
        assert [phases[-1] for phases in hall.phases()] == ["speakerAway", "speakerAway"]
        assert all(0 < told[-1][0] - left_at <= AWAY_MS for told in hall.told), hall.told
        back_at = now_ms()
        await hall.speak(hall.hosts[back_to])
        await asyncio.sleep(20)
        assert [phases[-1] for phases in hall.phases()] == ["live", "live"]
        assert all(0 <= told[-1][0] - back_at <= BACK_MS for told in hall.told), hall.told
        assert all(phases.count("speakerAway") == 1 for phases in hall.phases())
        await hall.close()

    async def at_each_moment() -> None:
        for moment_s in MOMENTS_S:
            await run(moment_s)

    run_virtual(at_each_moment())
