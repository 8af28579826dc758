"""Through the door that phones come in by: pages, WebSockets and clips, and nobody counts as this
machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from local_stack.phones.door import PhoneDoor
from local_stack.ports import LOOPBACK, free_ports
from schemas.names import clip_key
from tests.integration.gateway.conftest import ISSUER, RunningGateway, in_memory, running

pytestmark = pytest.mark.integration

BUCKET = "translation-audio-live"
PUBLIC = "https://192.168.1.20:8443"


@dataclass
class Entered:
    gateway: RunningGateway
    store_url: str
    url: str


@pytest.fixture
async def entered() -> AsyncIterator[Entered]:
    """A gateway and a store of clips, and the door to both."""
    store_port, door_port = free_ports(2)

    async def clip(request: web.Request) -> web.Response:
        assert request.query_string == "signed=1"
        return web.Response(body=b"sound", headers={"access-control-allow-origin": "*"})

    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="secret")

    store = web.Application()
    store.router.add_get(f"/{BUCKET}/{{key:.+}}", clip)
    store.router.add_get("/other-bucket/secret", other)
    runner = web.AppRunner(store)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, store_port).start()
    store_url = f"http://{LOOPBACK}:{store_port}"
    async with running(in_memory()) as gateway:
        door = PhoneDoor(gateway.url, store_url, BUCKET, PUBLIC)
        await door.start(LOOPBACK, door_port, None)
        yield Entered(gateway, store_url, f"http://{LOOPBACK}:{door_port}")
        await door.stop()
    await runner.cleanup()


async def test_a_listener_comes_in_and_clips_come_the_same_way(entered: Entered) -> None:
    _, session_id = await entered.gateway.speaker()
    key = clip_key(session_id, "es", 1_790_000_000_000)
    async with connect(
        entered.url.replace("http", "ws") + "/ws",
        subprotocols=["live-translation"],  # type: ignore[list-item]
        proxy=None,
    ) as socket:
        assert socket.subprotocol == "live-translation"
        joining = {"action": "joinSession", "sessionId": session_id, "targetLanguage": "es"}
        await socket.send(json.dumps(joining))
        assert json.loads(await socket.recv())["type"] == "sessionJoined"
        url = f"{entered.store_url}/{BUCKET}/{key}?signed=1"
        message = {"type": "translatedAudio", "sequenceNumber": 0, "targetLanguage": "es"}
        async with httpx.AsyncClient() as job:
            told = await job.post(
                f"{entered.gateway.url}/notify/{session_id}/es", json={**message, "url": url}
            )
        assert told.json()["delivered"] == 1
        said = json.loads(await socket.recv())
    assert said["url"] == f"{PUBLIC}/{BUCKET}/{key}?signed=1"
    async with httpx.AsyncClient() as phone:
        clip = await phone.get(said["url"].replace(PUBLIC, entered.url))
    assert (clip.status_code, clip.content) == (200, b"sound")


async def test_nobody_outside_counts_as_this_machine(entered: Entered) -> None:
    _, session_id = await entered.gateway.speaker()
    headers = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}
    async with httpx.AsyncClient(base_url=entered.url, headers=headers) as phone:
        assert (await phone.post("/tokens", json={"subject": "eve"})).status_code == 403
        notified = await phone.post(f"/notify/{session_id}/es", json={"type": "skipped"})
        assert notified.status_code == 403
        assert (await phone.post("/@connections/c-1", content=b"{}")).status_code == 403
        assert (await phone.get("/other-bucket/secret")).status_code == 404
        token = {"authorization": f"Bearer {ISSUER.issue('ada')}"}
        made = await phone.post("/sessions", json={"sourceLanguage": "en"}, headers=token)
        assert made.status_code == 201


async def test_a_gateway_that_is_away_is_said_to_be(entered: Entered) -> None:
    await entered.gateway.stop()
    async with httpx.AsyncClient(base_url=entered.url) as phone:
        assert (await phone.get("/offer")).status_code == 502
    await entered.gateway.start()
