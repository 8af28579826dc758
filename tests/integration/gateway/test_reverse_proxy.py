"""TLS and WebSockets through nginx, and who the viewers behind it are."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from ingest_gateway.access.edge import Edge
from tests.integration.gateway.conftest import LIMITS, RunningGateway, in_memory, running
from tests.integration.gateway.reverse_proxy import nginx, proxy_in_front

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(nginx() is None, reason="no nginx: make proxy"),
]

JOB = {"x-job-token": "the-job"}
HALL = "127.0.0.2"
LISTENERS = 60


@dataclass
class Behind:
    """A gateway behind nginx."""

    gateway: RunningGateway
    url: str
    trust: ssl.SSLContext
    exits: AsyncExitStack

    def http(self, address: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(verify=self.trust, local_address=address)
        return httpx.AsyncClient(base_url=self.url, transport=transport, **options)

    async def socket(
        self, address: str, token: str | None = None, **options: Any
    ) -> ClientConnection:
        protocols: Any = ["live-translation", *([f"token.{token}"] if token else [])]
        opening = connect(
            f"{self.url.replace('https', 'wss')}/ws",
            subprotocols=protocols,
            ssl=self.trust,
            local_addr=(address, 0),
            proxy=None,
            open_timeout=60,
            **options,
        )
        return await self.exits.enter_async_context(opening)


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    needs = in_memory(
        replace(LIMITS, joins_per_minute=10, listeners_per_session=LISTENERS),
        edge=Edge(
            trusted_proxies=("127.0.0.1",),
            allowed_hosts=frozenset({"127.0.0.1"}),
            allowed_origins=frozenset({"https://pages.example"}),
            trust_loopback=True,
        ),
        job_token=JOB["x-job-token"],
    )
    async with (
        running(needs) as gateway,
        proxy_in_front(gateway.port, tmp_path) as (port, certificate),
        AsyncExitStack() as exits,
    ):
        trust = ssl.create_default_context(cafile=certificate)
        yield Behind(gateway, f"https://127.0.0.1:{port}", trust, exits)


async def asked(socket: ClientConnection, answer: str, **message: Any) -> dict[str, Any]:
    await socket.send(json.dumps(message))
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = json.loads(await socket.recv())
            if found["type"] in (answer, "error"):
                return found


async def test_pages_and_sockets_pass_by_tls(behind: Behind) -> None:
    async with behind.http() as http:
        answer = await http.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert "max-age" in answer.headers["strict-transport-security"]
        for inside in ("/notify/joyful-1/es", "/@connections/c-1"):
            assert (await http.post(inside, headers=JOB, content=b"{}")).status_code == 404
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.post("/tokens", json={})).status_code == 403  # not on this machine
        assert (await http.get("/healthz", headers={"host": "rebound.example"})).status_code == 403
        evil = await http.post("/sessions", headers={"origin": "https://evil.example"})
        assert (evil.status_code, evil.json()["code"]) == (403, "FORBIDDEN")
        listed = await http.post("/sessions", headers={"origin": "https://pages.example"})
        assert listed.status_code == 401
    speaker = await behind.socket(HALL, behind.gateway.token())
    created = await asked(speaker, "sessionCreated", action="createSession", sourceLanguage="en")
    joined = await asked(
        speaker,
        "speakerJoined",
        action="joinAsSpeaker",
        sessionId=created["sessionId"],
        streamId="s1",
    )
    assert joined["sequence"] == -1
    with pytest.raises(InvalidStatus):
        await behind.socket(HALL, origin="https://evil.example")


async def test_a_viewer_is_who_the_proxy_says_and_not_who_it_says_itself(behind: Behind) -> None:
    await behind.socket(HALL, additional_headers={"X-Forwarded-For": "203.0.113.9"})
    await behind.socket("127.0.0.3", additional_headers={"Forwarded": "for=203.0.113.9"})
    addresses = {one.peer.address for one in behind.gateway.gateway.hub.all()}
    assert addresses == {HALL, "127.0.0.3"}


async def test_a_hall_is_seated_beside_who_has_not_its_link(behind: Behind) -> None:
    """Guests without the secret behind the hall's own address guess and take what places they can;
    all who have the link are seated."""
    speaker = await behind.socket("127.0.0.9", behind.gateway.token())
    created = await asked(speaker, "sessionCreated", action="createSession", sourceLanguage="en")
    talk = {"action": "joinSession", "sessionId": created["sessionId"], "targetLanguage": "es"}
    intruders = [await behind.socket(HALL) for _ in range(4)]
    for intruder in intruders:
        for number in range(5):
            wild = {**talk, "sessionId": f"wild-{id(intruder)}-{number}"}
            assert (await asked(intruder, "sessionJoined", **wild))["type"] == "error"

    async def seat() -> str:
        listener = await behind.socket(HALL)
        joined = await asked(listener, "sessionJoined", **talk, key=created["listeningKey"])
        return joined["type"]

    for _ in range(LISTENERS // 10):
        assert await asyncio.gather(*(seat() for _ in range(10))) == ["sessionJoined"] * 10
    held_up = await asked(intruders[0], "sessionJoined", **{**talk, "sessionId": "wild-again"})
    assert held_up["code"] == "RATE_LIMITED"
