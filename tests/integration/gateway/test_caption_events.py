"""Captions by server-sent events, for who cannot have a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

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
        httpx.AsyncClient(base_url=gateway.url, timeout=10) as http,
        http.stream("GET", f"/captions/{path}") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer)


async def test_a_listener_without_a_websocket_reads_and_is_counted(
    gateway: RunningGateway,
) -> None:
    speaker, session_id = await gateway.speaker()
    job = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    async with following(gateway, f"{session_id}/es-MX") as messages:
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
    await speaker.expect("listenerCount", byLanguage={})
    await gateway.until(lambda: gateway.gateway.hub.listener_total() == 0)
    await job.close()


async def test_what_is_refused_is_the_only_message(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    for path, code in (("no-such-1/es", "NO_SESSION"), (f"{session_id}/xx", "BAD_LANGUAGE")):
        async with following(gateway, path) as messages:
            told = [message async for message in messages]
        assert [(one["type"], one["code"]) for one in told] == [("error", code)]


async def test_two_follow_two_languages_at_once(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    async with (
        following(gateway, f"{session_id}/es") as spanish,
        following(gateway, f"{session_id}/ca") as catalan,
    ):
        joined = await asyncio.gather(anext(spanish), anext(catalan))
    assert [one["targetLanguage"] for one in joined] == ["es", "ca"]
