"""docs/protocol.md: its HTTP examples are asked of a gateway, its talk is heard by the client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingest_gateway.client import ReceivedMessage, listen
from tests.unit.house.pages import PROTOCOL, blocks, json_lines

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration

TALK = json_lines(PROTOCOL, "talk")
SESSION = "joyful-mountain-789"


async def test_the_gateway_answers_as_the_examples_say(gateway: RunningGateway) -> None:
    headers = {"authorization": f"Bearer {gateway.token('ada')}"}
    session_id = SESSION
    async with gateway.http(headers=headers) as http:
        for block in blocks(PROTOCOL, "http"):
            asked, answered = (part.splitlines() for part in block.strip().split("\n\n"))
            method, path = asked[0].replace(SESSION, session_id).split()
            body = asked[1] if len(asked) > 1 else None
            answer = await http.request(method, path, content=body)
            status, *names = answered[0].split()
            found: dict[str, Any] = answer.json()
            assert (answer.status_code, set(found)) == (int(status), set(names)), block
            said = json.loads(answered[1]) if len(answered) > 1 else {}
            assert {name: found[name] for name in said} == said, block
            session_id = found.get("sessionId", session_id)
    assert session_id != SESSION


@asynccontextmanager
async def playing_the_talk() -> AsyncIterator[str]:
    """The address of a server that answers a join with the page's talk."""

    async def play(socket: ServerConnection) -> None:
        async for text in socket:
            if json.loads(text)["action"] == "joinSession":
                for message in TALK:
                    await socket.send(json.dumps(message))

    async with serve(play, "127.0.0.1", 0, subprotocols=["live-translation"]) as server:  # type: ignore[list-item]
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


async def test_the_client_hears_the_talk_of_the_page() -> None:
    seen: list[ReceivedMessage] = []
    async with playing_the_talk() as url:
        report = await listen(
            url, SESSION, "es", on_message=seen.append, download=False, linger_s=0.0
        )
    assert [message.fields for message in seen] == TALK
    (clip,) = report.clips
    assert (clip.sequence_number, clip.transcript, clip.came_inline) == (7, "Vino a casa", True)
    assert sum(clip.stages_ms.values()) > 0
    assert [(skip.sequence_number, skip.reason) for skip in report.skips] == [(9, "late")]
    assert report.reconnects == 0
