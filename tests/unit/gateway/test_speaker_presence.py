"""When listeners are told that a speaker is away, on the speaker's gateway and on another one.

The speaker's chunks come four times a second, in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from connectors.interfaces.session_tables import ENDED, PAUSED, SessionChange, SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.protocol.messages import JoinSession
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.speaker_place import (
    GRACE_MS,
    LOOK_EVERY_MS,
    SILENT_MS,
    STALE_MS,
    SilenceMeter,
    speaker_place,
)
from schemas.session_info import SessionInfo
from tests.unit.gateway.two_gateways import SESSION, Host, RunVirtual, Socket, Story, now_ms

pytestmark = pytest.mark.unit

INFO = SessionInfo(SESSION, "ada", "en", (), "standard", "active", 0)
SPOKEN = SessionRow(INFO, epoch=0, stream_id="s1", speaker_seen_at_ms=50_000)
CHUNK_S = 0.25


def place(row: SessionRow, at_ms: int, *, read_at_ms: int = 0) -> str | None:
    return speaker_place(row, at_ms, read_at_ms=read_at_ms)


def test_nothing_is_said_of_a_speaker_who_never_came() -> None:
    assert place(SessionRow(INFO), 1_000_000) is None


def test_a_lost_connection_has_a_moment_to_come_again() -> None:
    lost = replace(SPOKEN, speaker_lost_at_ms=50_000)
    assert [place(lost, 50_000 + after) for after in (0, GRACE_MS - 1, GRACE_MS)] == [
        "here",
        "here",
        "away",
    ]


def test_who_was_seen_after_the_loss_is_back() -> None:
    """A gateway of before opens a stream without saying that nobody is lost any more."""
    assert place(replace(SPOKEN, speaker_lost_at_ms=49_999), 60_000) == "here"


def test_a_gateway_that_stopped_writing_is_gone_with_its_speaker() -> None:
    at_ms = 50_000 + STALE_MS
    assert place(SPOKEN, at_ms, read_at_ms=at_ms - 1) == "here"
    assert place(SPOKEN, at_ms, read_at_ms=at_ms) == "away"
    paused = replace(SPOKEN, info=replace(INFO, status=PAUSED))
    assert place(paused, at_ms, read_at_ms=at_ms) == "here"


def test_silence_does_not_count_what_this_process_slept_through() -> None:
    meter = SilenceMeter()
    meter.look(100, 1000)
    meter.look(100, 1000 + LOOK_EVERY_MS)
    meter.look(100, 60_000)  # held up for a minute
    assert not meter.is_silent
    meter.look(59_000, 60_500)
    assert meter.silent_ms == 0
    for look in range(1, 1 + SILENT_MS // LOOK_EVERY_MS):
        assert not meter.is_silent
        meter.look(59_000, 60_500 + look * LOOK_EVERY_MS)
    assert meter.is_silent


class Hall:
    """A speaker on one gateway, a listener on each of both."""

    def __init__(self, story: Story) -> None:
        self.hosts = story.hosts
        self.page = story.pages[0]
        self.heard: list[list[tuple[int, str, str]]] = [[], []]
        self.talk_states: list[list[str]] = [[], []]
        self.sockets = [Socket(), Socket()]
        self.connections = [
            Connection(f"l{at}", Peer("a", "", Identity(f"l{at}")), socket, 0, 1 << 24)
            for at, socket in enumerate(self.sockets)
        ]
        self._watching = [asyncio.create_task(host.gateway.presence.run()) for host in self.hosts]
        self._noting = asyncio.create_task(self._note())
        self._talking: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        for host, connection in zip(self.hosts, self.connections, strict=True):
            await host.gateway.listeners.join(connection, JoinSession(SESSION, "es"))

    async def speak(self, host: Host) -> None:
        assert await self.page.join(host)
        self._talking = asyncio.create_task(self._talk())

    async def fall_silent(self) -> None:
        """The laptop is dead, and nobody says so."""
        assert self._talking is not None
        self._talking.cancel()

    async def hang_up(self, host: Host) -> None:
        await self.fall_silent()
        assert self.page.connection is not None
        await host.gateway.speakers.disconnected(self.page.connection, SESSION)

    async def close(self) -> None:
        for task in (*self._watching, self._noting, self._talking):
            if task is not None:
                task.cancel()
        for host in self.hosts:
            await host.close()

    async def _talk(self) -> None:
        while True:
            self.page.speak()
            if self.page.connection is not None:
                self.page.connection.last_active_at_ms = now_ms()
            await asyncio.sleep(CHUNK_S)

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for at, connection in enumerate(self.connections):
                await connection.flush()
                for message in self.sockets[at].sent:
                    if message["type"] == "talkState":
                        self.talk_states[at].append(message["state"])
                        continue
                    self.heard[at].append(
                        (now_ms(), message["state"], message.get("speaker", "nobody"))
                    )
                self.sockets[at].sent.clear()

    def last(self) -> list[tuple[str, str]]:
        return [told[-1][1:] for told in self.heard]

    def told_at(self, host: int, speaker: str) -> int:
        return next(at for at, _, place in reversed(self.heard[host]) if place == speaker)


Leave = Callable[[Hall], Awaitable[None]]


async def silent(hall: Hall) -> None:
    await hall.fall_silent()


async def closed(hall: Hall) -> None:
    await hall.hang_up(hall.hosts[0])


@pytest.mark.parametrize("leave", [silent, closed])
@pytest.mark.parametrize("back_to", [0, 1])
def test_away_within_five_seconds_and_back_within_three(
    run_virtual: RunVirtual, leave: Leave, back_to: int
) -> None:
    async def run() -> None:
        hall = Hall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(10)
        assert hall.last() == [("live", "here")] * 2
        left_at = now_ms()
        await leave(hall)
        await asyncio.sleep(60)
        for host in range(2):
            assert 0 < hall.told_at(host, "away") - left_at <= 5000
        assert hall.last() == [("live", "away")] * 2
        back_at = now_ms()
        await hall.speak(hall.hosts[back_to])
        await asyncio.sleep(30)
        for host in range(2):
            assert 0 <= hall.told_at(host, "here") - back_at <= 3000
            assert [place for _, _, place in hall.heard[host]] == ["here", "away", "here"]
            assert hall.talk_states[host] == ["live", "speakerAway", "live"]
        await hall.close()

    run_virtual(run())


def test_a_page_that_comes_again_at_once_was_never_away(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        hall = Hall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(5)
        await hall.hang_up(hall.hosts[0])
        await asyncio.sleep(1.5)
        await hall.speak(hall.hosts[1])
        await asyncio.sleep(30)
        assert [[place for _, _, place in told] for told in hall.heard] == [["here"], ["here"]]
        await hall.close()

    run_virtual(run())


def test_a_speaker_whose_frame_waits_for_us_is_not_silent(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        hall = Hall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(5)
        assert hall.page.connection is not None
        hall.page.connection.is_taking = True
        await hall.fall_silent()
        await asyncio.sleep(20)
        assert hall.last() == [("live", "here")] * 2
        hall.page.connection.is_taking = False
        await asyncio.sleep(5)
        assert hall.last() == [("live", "away")] * 2
        await hall.close()

    run_virtual(run())


def test_who_listens_here_is_told_while_the_tables_are_away(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        hall = Hall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(5)
        for host in hall.hosts:
            host.faults.tables_away = True
        left_at = now_ms()
        await hall.fall_silent()
        await asyncio.sleep(30)
        assert hall.told_at(0, "away") - left_at <= 5000
        assert hall.last()[1] == ("live", "here")  # how should it know
        for host in hall.hosts:
            host.faults.tables_away = False
        await asyncio.sleep(10)
        assert hall.last()[1] == ("live", "away")
        await hall.close()

    run_virtual(run())


def test_a_pause_and_an_end_reach_the_listeners_of_the_other_gateway(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        hall = Hall(Story())
        await hall.enter()
        await hall.speak(hall.hosts[0])
        await asyncio.sleep(5)
        await hall.hosts[0].gateway.speakers.control(Identity("ada"), SESSION, "pause")
        await hall.fall_silent()
        await asyncio.sleep(40)
        assert hall.last() == [("paused", "here")] * 2  # nothing has to come through a pause
        tables = hall.hosts[0].gateway.live.tables
        assert (await tables.change(SESSION, SessionChange(volume=0.5))) is not None
        await hall.hosts[0].gateway.speakers.end(Identity("ada"), SESSION)
        await asyncio.sleep(3)
        assert [state for state, _ in hall.last()] == [ENDED, ENDED]
        await hall.close()

    run_virtual(run())
