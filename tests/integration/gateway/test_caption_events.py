"""Rooms and captions by server-sent events, for who cannot have a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from tests.integration.gateway.conftest import LIMITS
from tests.integration.gateway.test_rooms import Clock, Venue, key_of

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


@asynccontextmanager
async def following(
    gateway: RunningGateway, path: str
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Its messages, one after the other."""

    async def messages(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))

    async with (
        gateway.http() as http,
        http.stream("GET", path) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer)


async def test_a_listener_without_a_websocket_reads_and_is_counted(start: Start) -> None:
    gateway = await start(replace(LIMITS, lost_listener_ms=0))
    speaker, session_id = await gateway.speaker()
    job = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    async with following(gateway, f"/captions/{session_id}/es-MX") as messages:
        joined = await anext(messages)
        assert (joined["type"], joined["targetLanguage"]) == ("sessionJoined", "es")
        counted = await speaker.expect("listenerCount", byLanguage={"es": 1})
        assert counted["sessionId"] == session_id
        said = {"type": "translatedAudio", "sequenceNumber": 0, "transcript": "hola", "audio": "AA"}
        await job.notify(session_id, "es", {**said, "targetLanguage": "es"})
        caption = await anext(messages)
        assert (caption["transcript"], "audio" in caption) == ("hola", False)
        await speaker.ask("pauseBroadcast", "broadcastState", sessionId=session_id)
        assert (await anext(messages))["state"] == "paused"
    await gateway.until(lambda: gateway.gateway.hub.listener_total() == 0)
    await gateway.gateway.listeners.forget_lost()  # an event source cannot say that it leaves
    await speaker.expect("listenerCount", byLanguage={})
    await job.close()


async def test_what_is_refused_is_the_only_message(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    for path, code in (
        ("/captions/no-such-1/es", "NO_SESSION"),
        (f"/captions/{session_id}/xx", "BAD_LANGUAGE"),
        ("/rooms/no-such-1/events?key=guessed", "NO_ROOM"),
    ):
        async with following(gateway, path) as messages:
            told = [message async for message in messages]
        assert [(one["type"], one["code"]) for one in told] == [("error", code)]


async def test_two_follow_two_languages_at_once(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    async with (
        following(gateway, f"/captions/{session_id}/es") as spanish,
        following(gateway, f"/captions/{session_id}/ca") as catalan,
    ):
        joined = await asyncio.gather(anext(spanish), anext(catalan))
    assert [one["targetLanguage"] for one in joined] == ["es", "ca"]


async def test_a_room_and_its_talk_are_followed_without_a_websocket(
    gateway: RunningGateway,
) -> None:
    venue = Venue(gateway, Clock())
    room = await venue.room(accessCode="1234", mostListeners=1, languages=["es"])
    talk = await venue.talk(room, "Tides")
    path = f"/rooms/{room['roomId']}/events?key={key_of(room)}"
    job = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    async with following(gateway, path) as told:
        refused = await anext(told)
        assert (refused["code"], refused["action"]) == ("WRONG_CODE", "joinRoom")
    async with following(gateway, f"{path}&code=1234") as told:
        waiting = await anext(told)
        assert (waiting["state"], waiting["next"]["title"]) == ("waiting", "Tides")
        async with following(gateway, f"{path}&code=1234") as second:
            assert (await anext(second))["code"] == "ROOM_FULL"
        await venue.speak(talk)
        live = await anext(told)
        while live["state"] != "live":
            live = await anext(told)
        talks = f"/captions/{live['sessionId']}/es?key={key_of(room)}&code=1234"
        async with following(gateway, talks) as captions:
            assert (await anext(captions))["type"] == "sessionJoined"
            said = {"type": "translatedAudio", "sequenceNumber": 0, "transcript": "mareas"}
            await job.notify(live["sessionId"], "es", {**said, "targetLanguage": "es"})
            assert (await anext(captions))["transcript"] == "mareas"
    await gateway.until(lambda: gateway.gateway.hub.rooms() == ())
    await job.close()
    await venue.http.aclose()
