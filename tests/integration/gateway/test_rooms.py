"""Events, rooms and talks over HTTP and WebSocket, on both hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors.memory.ledger import MemoryLedger
from connectors.memory.room_tables import MemoryRoomTables
from ingest_gateway.rooms.deletion import AGAIN_AFTER_MS, DELIVERED_AFTER_MS
from ingest_gateway.rooms.stage import LONG_AWAY_MS
from ingest_gateway.sessions.listener_admission import RULES_KEPT_MS
from schemas.names import clip_key
from schemas.rooms import Room
from tests.contracts.test_ledger import entry

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, RunningGateway, Start

pytestmark = pytest.mark.integration


@dataclass
class Clock:
    """As the system's, and ahead of it."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        from ingest_gateway.gateway import wall_clock_ms

        return wall_clock_ms() + self.ahead_ms


class InterleavedRoomTables(MemoryRoomTables):
    """Others get their turn between a read and what follows from it, as with a real table."""

    async def room(self, room_id: str) -> Room | None:
        found = await super().room(room_id)
        for _ in range(20):
            await asyncio.sleep(0)
        return found


class Venue:
    """An organiser's calls, and what people with links do."""

    def __init__(self, host: RunningGateway, clock: Clock) -> None:
        self.host = host
        self.clock = clock
        self.http = host.http()

    async def ask(
        self, method: str, path: str, token: str | None = None, **body: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.host.token('olga')}"}
        return await self.http.request(method, path, headers=headers, json=body or None)

    async def made(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.ask("POST", path, **body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def room(self, **more: Any) -> dict[str, Any]:
        event = await self.made("/events", title="Tides")
        return await self.made("/rooms", eventId=event["eventId"], name="Hall 1", **more)

    async def talk(self, room: dict[str, Any], title: str, **more: Any) -> dict[str, Any]:
        wish = {"title": title, "speaker": f"{title}'s speaker", "language": "en"} | more
        return await self.made("/talks", roomId=room["roomId"], **wish)

    async def listener(self, room: dict[str, Any], **more: Any) -> tuple[Client, dict[str, Any]]:
        client = await self.host.connect()
        state = await client.ask(
            "joinRoom", "talkState", roomId=room["roomId"], key=key_of(room), **more
        )
        return client, state

    async def take(self, talk: dict[str, Any], code: str | None = None) -> dict[str, Any]:
        answer = await self.ask("POST", f"/talks/{talk['talkId']}/stage", token_of(talk))
        if code is not None:
            assert answer.json()["code"] == code
            assert answer.status_code == 409
        else:
            assert answer.status_code == 200, answer.text
        return answer.json()

    async def speak(self, talk: dict[str, Any], stream: str = "s1") -> Client:
        """By the talk's link: take the stage, and join the session."""
        taken = await self.take(talk)
        ticket = (await self.ask("POST", "/tickets", token_of(talk))).json()["ticket"]
        client = await self.host.connect(ticket=ticket)
        await client.ask(
            "joinAsSpeaker",
            "speakerJoined",
            sessionId=taken["sessionId"],
            streamId=stream,
            nextSequence=0,
        )
        return client

    async def leave(self, talk: dict[str, Any]) -> None:
        answer = await self.ask("DELETE", f"/talks/{talk['talkId']}/stage", token_of(talk))
        assert answer.status_code == 200


def key_of(room: dict[str, Any]) -> str:
    return str(room["link"]).partition("#")[2]


def token_of(talk: dict[str, Any]) -> str:
    return f"talk.{talk['talkId']}.{str(talk['link']).partition('#')[2]}"


@pytest.fixture
async def venue(start_host: Start) -> AsyncIterator[Venue]:
    clock = Clock()
    one = Venue(await start_host(now_ms=clock, rooms=InterleavedRoomTables()), clock)
    yield one
    await one.http.aclose()


async def test_a_listener_stays_through_three_talks(venue: Venue) -> None:
    room = await venue.room(languages=["es"])
    talks = [
        await venue.talk(room, title, plannedAt=1_790_000_000_000 + at)
        for at, title in enumerate(("One", "Two", "Three"))
    ]
    listener, state = await venue.listener(room)
    assert (state["state"], state["talk"], state["next"]["title"]) == ("waiting", None, "One")
    assert (state["sessionId"], state["retentionDays"]) == (None, 1)
    sessions: list[str] = []
    for number, talk in enumerate(talks):
        speaker = await venue.speak(talk)
        live = await listener.expect("talkState", state="live")
        assert live["talk"]["talkId"] == talk["talkId"]
        coming = None if number == 2 else talks[number + 1]["talkId"]
        assert (live["next"] and live["next"]["talkId"]) == coming
        sessions.append(live["sessionId"])
        joined = await listener.ask(
            "joinSession",
            "sessionJoined",
            sessionId=live["sessionId"],
            targetLanguage="es",
            key=key_of(room),
        )
        assert joined["targetLanguages"] == ["es"]
        await speaker.send("pauseBroadcast", sessionId=live["sessionId"])
        await listener.expect("talkState", state="paused")
        await speaker.send("resumeBroadcast", sessionId=live["sessionId"])
        await listener.expect("talkState", state="live")
        await venue.leave(talk)
        after = await listener.expect(
            "talkState", state="ended" if number == 2 else "waiting", sessionId=None
        )
        assert after["talk"] is None
        await speaker.expect("broadcastState", state="ended")
    assert len(set(sessions)) == 3
    assert (await venue.take(talks[0], "TALK_OVER"))["message"] == "this talk is over"


async def test_a_talk_goes_on_from_another_laptop(venue: Venue) -> None:
    room = await venue.room()
    talk = await venue.talk(room, "One")
    first = await venue.speak(talk)
    listener, state = await venue.listener(room)
    assert state["state"] == "live"
    second = await venue.speak(talk, stream="s2")
    assert (await first.closed()) == venue.host.taken_over
    assert (await venue.take(talk))["sessionId"] == state["sessionId"]
    await second.send("pauseBroadcast", sessionId=state["sessionId"])
    paused = await listener.expect("talkState", state="paused")
    assert paused["sessionId"] == state["sessionId"]


async def test_two_who_take_the_stage_at_once(venue: Venue) -> None:
    room = await venue.room()
    talks = [await venue.talk(room, f"Talk {number}") for number in range(4)]
    answers = await asyncio.gather(
        *(venue.ask("POST", f"/talks/{one['talkId']}/stage", token_of(one)) for one in talks)
    )
    codes = sorted(answer.json().get("code", "has it") for answer in answers)
    assert codes == ["STAGE_TAKEN", "STAGE_TAKEN", "STAGE_TAKEN", "has it"]
    live = await venue.host.tables.live_sessions()
    assert len(live) == 1


async def test_the_stage_of_a_speaker_who_is_away_is_taken_after_a_minute(venue: Venue) -> None:
    room = await venue.room()
    one, two = await venue.talk(room, "One"), await venue.talk(room, "Two")
    speaker = await venue.speak(one)
    await venue.take(two, "STAGE_TAKEN")
    await venue.host.hung_up(speaker)
    venue.clock.ahead_ms += LONG_AWAY_MS + 80_000  # also where only its silence tells
    assert (await venue.take(two))["talkId"] == two["talkId"]
    await venue.take(one, "TALK_OVER")


async def test_who_is_not_let_in(venue: Venue) -> None:
    room = await venue.room(accessCode="1234", mostListeners=1)
    stranger = await venue.host.connect()
    wish = {"roomId": room["roomId"], "key": key_of(room)}

    async def refused(**changes: Any) -> str:
        return (await stranger.ask("joinRoom", "error", **(wish | changes)))["code"]

    assert await refused() == "WRONG_CODE"
    assert await refused(accessCode="4321") == "WRONG_CODE"
    assert await refused(key="guessed", accessCode="1234") == "NO_ROOM"
    assert await refused(roomId="nowhere", accessCode="1234") == "NO_ROOM"
    listener, _ = await venue.listener(room, accessCode="1234")
    assert await refused(accessCode="1234") == "ROOM_FULL"
    path = f"/rooms/{room['roomId']}"
    locked = await venue.ask("PATCH", path, locked=True, mostListeners=None)
    assert (locked.json()["locked"], locked.json()["mostListeners"]) == (True, None)
    assert await refused(accessCode="1234") == "ROOM_LOCKED"
    again = await listener.ask("joinRoom", "talkState", accessCode="1234", **wish)
    assert again["roomId"] == room["roomId"]


async def test_a_rooms_code_is_asked_for_at_its_sessions_too(venue: Venue) -> None:
    """Of who has the link and heard a talk's id, but came by no door."""
    room = await venue.room(languages=["es"], accessCode="1234")
    talk = await venue.talk(room, "One")
    await venue.speak(talk)
    listener, state = await venue.listener(room, accessCode="1234")
    wish = {"sessionId": state["sessionId"], "targetLanguage": "es", "key": key_of(room)}
    stranger = await venue.host.connect()
    assert (await stranger.ask("joinSession", "error", **wish))["code"] == "ACCESS_CODE"
    transcript = f"/transcripts/{state['sessionId']}/es.txt?key={key_of(room)}"
    assert (await venue.http.get(transcript)).json()["code"] == "ACCESS_CODE"
    assert (await venue.http.get(f"{transcript}&code=1234")).status_code == 200
    await listener.ask("joinSession", "sessionJoined", **wish)
    path = f"/rooms/{room['roomId']}"
    assert (await venue.ask("PATCH", path, accessCode="9876")).status_code == 200
    venue.clock.ahead_ms += RULES_KEPT_MS + 1
    old = await stranger.ask("joinSession", "error", accessCode="1234", **wish)
    assert old["code"] == "ACCESS_CODE"
    await listener.ask("joinSession", "sessionJoined", **wish)
    await venue.ask("PATCH", path, accessCode=None)
    venue.clock.ahead_ms += RULES_KEPT_MS + 1
    await stranger.ask("joinSession", "sessionJoined", **wish)


async def test_the_door_shows_what_comes_to_who_has_the_link(venue: Venue) -> None:
    room = await venue.room(accessCode="1234", retentionDays=0)
    await venue.talk(room, "One")
    path = f"/rooms/{room['roomId']}/door"
    headers = {"x-room-key": key_of(room)}
    assert (await venue.http.get(path)).status_code == 404
    assert (await venue.http.get(path, headers=headers)).json()["code"] == "WRONG_CODE"
    door = (await venue.http.get(path, headers=headers | {"x-access-code": "1234"})).json()
    assert (door["name"], door["eventTitle"], door["retentionDays"]) == ("Hall 1", "Tides", 0)
    assert door["state"]["next"]["title"] == "One"


async def test_links_open_their_own_talk_and_nothing_else(venue: Venue) -> None:
    room = await venue.room()
    one, two = await venue.talk(room, "One"), await venue.talk(room, "Two")
    own = await venue.ask("GET", f"/talks/{one['talkId']}", token_of(one))
    assert (own.json()["title"], own.json()["listenerLink"]) == ("One", room["link"])
    for method, path in (
        ("GET", f"/talks/{two['talkId']}"),
        ("POST", f"/talks/{two['talkId']}/stage"),
        ("GET", f"/rooms/{room['roomId']}"),
        ("DELETE", f"/talks/{one['talkId']}"),
        ("POST", "/events"),
        ("GET", "/events"),
    ):
        answer = await venue.ask(method, path, token_of(one), title="mine")
        assert answer.json()["code"] in ("NO_ROOM", "FORBIDDEN"), (method, path)
    forged = token_of(one)[:-1] + ("A" if token_of(one)[-1] != "A" else "B")
    assert (await venue.ask("GET", f"/talks/{one['talkId']}", forged)).status_code == 401
    other = venue.host.token("mallory")
    assert (await venue.ask("GET", f"/rooms/{room['roomId']}", other)).status_code == 404
    assert (await venue.ask("DELETE", f"/rooms/{room['roomId']}", other)).status_code == 404
    pretender = venue.host.token(f"talk:{one['talkId']}")
    assert (await venue.ask("GET", f"/talks/{one['talkId']}", pretender)).status_code == 401


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("  Tides \n & <b>currents</b> ", "Tides & <b>currents</b>"),
        ("مد وجزر 🌊", "مد وجزر 🌊"),
        ("x" * 500, "x" * 500),
        ("x" * 501, None),
        ("", None),
        ("\u0000\u0007 ", None),
    ],
)
async def test_titles_as_people_write_them(venue: Venue, title: str, shown: str | None) -> None:
    room = await venue.room()
    wish = {"title": title, "speaker": "Ada", "language": "en", "roomId": room["roomId"]}
    answer = await venue.ask("POST", "/talks", **wish)
    if shown is None:
        assert answer.json()["code"] == "BAD_FIELD"
    else:
        assert answer.json()["title"] == shown


async def test_a_talk_is_changed_until_it_has_begun(venue: Venue) -> None:
    room = await venue.room()
    talk = await venue.talk(room, "One")
    path = f"/talks/{talk['talkId']}"
    listener, _ = await venue.listener(room)
    changed = (await venue.ask("PATCH", path, title="First", language="es", plannedAt=5)).json()
    assert (changed["title"], changed["language"], changed["plannedAt"]) == ("First", "es", 5)
    assert (await listener.expect("talkState"))["next"]["title"] == "First"
    await venue.take(talk)
    late = await venue.ask("PATCH", path, language="en")
    assert late.json()["code"] == "TALK_OVER"
    assert (await venue.ask("PATCH", path, title="Tides")).json()["title"] == "Tides"
    bad = await venue.ask("PATCH", path, language="xx-nowhere")
    assert bad.json()["code"] == "BAD_LANGUAGE"


async def leave_traces(venue: Venue, session_id: str) -> None:
    """What a job has written of a talk."""
    ledger = venue.host.needs.ledger
    await ledger.commit(entry(0, session_id=session_id))
    key = clip_key(session_id, "es", entry(0).captured_at_ms)
    await venue.host.needs.clips.put(key, b"mp3", content_type="audio/mpeg", metadata={})


async def traces(venue: Venue, session_id: str) -> list[str]:
    needs = venue.host.needs
    assert isinstance(needs.ledger, MemoryLedger)
    clips: Any = needs.clips
    everything = (*venue.host.tables.rows(), *needs.ledger.rows(), *clips.clips)
    return [repr(one) for one in everything if session_id in repr(one)]


async def sweep(venue: Venue) -> None:
    """As both hosts do it by themselves."""
    from ingest_gateway.gateway import Gateway

    await Gateway(venue.host.needs).deletions.carry_out()


async def test_nothing_is_left_of_a_deleted_talk(venue: Venue) -> None:
    room = await venue.room(retentionDays=30)
    talk = await venue.talk(room, "One")
    speaker = await venue.speak(talk)
    listener, state = await venue.listener(room)
    session_id = state["sessionId"]
    wish = {"sessionId": session_id, "targetLanguage": "es"}
    stranger = await venue.host.connect()
    assert (await stranger.ask("joinSession", "error", **wish))["code"] == "NO_SESSION"
    await listener.ask("joinSession", "sessionJoined", key=key_of(room), **wish)
    await leave_traces(venue, session_id)
    deleted = await venue.ask("DELETE", f"/talks/{talk['talkId']}")
    assert deleted.status_code == 200
    assert deleted.json()["objects"] == 1
    await speaker.expect("broadcastState", state="ended")
    after = await listener.expect("talkState", sessionId=None)
    assert (after["talk"], after["next"]) == (None, None)
    assert (await venue.ask("GET", f"/talks/{talk['talkId']}", token_of(talk))).status_code == 401
    await leave_traces(venue, session_id)  # its job was not done yet
    venue.clock.ahead_ms += AGAIN_AFTER_MS
    await venue.host.hung_up(listener, speaker)
    await sweep(venue)
    assert await traces(venue, session_id) == []
    assert await venue.host.needs.rooms.deletions() == ()


async def test_a_room_that_keeps_nothing_forgets_after_delivery(venue: Venue) -> None:
    room = await venue.room(retentionDays=0)
    talk = await venue.talk(room, "One")
    speaker = await venue.speak(talk)
    session_id = (await venue.take(talk))["sessionId"]
    await leave_traces(venue, session_id)
    await venue.leave(talk)
    await venue.host.hung_up(speaker)
    venue.clock.ahead_ms += DELIVERED_AFTER_MS - 60_000
    await sweep(venue)
    assert await traces(venue, session_id) != []
    venue.clock.ahead_ms += 60_000
    await sweep(venue)
    assert await traces(venue, session_id) == []


async def test_a_room_is_deleted_with_all_that_is_in_it(venue: Venue) -> None:
    room = await venue.room()
    talk = await venue.talk(room, "One")
    session_id = (await venue.take(talk))["sessionId"]
    listener, _ = await venue.listener(room)
    await leave_traces(venue, session_id)
    events = (await venue.ask("GET", "/events")).json()
    assert events[0]["roomIds"] == [room["roomId"]]
    await venue.ask("DELETE", f"/events/{events[0]['eventId']}")
    assert (await listener.expect("error"))["code"] == "NO_ROOM"
    assert (await venue.ask("GET", "/events")).json() == []
    assert (await venue.ask("GET", f"/rooms/{room['roomId']}")).status_code == 404
    assert await traces(venue, session_id) == []
