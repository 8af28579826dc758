"""The pages on functions: a ticket opens the WebSocket, audio goes in messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from litestar import Litestar, Response, post
from playwright.async_api import Browser, Page

from ingest_gateway.routes.callers import GATEWAY
from ingest_gateway.routes.pages import asset, listener_page, speaker_page
from schemas.values import AudioChunk
from tests.browser.conftest import end_talk
from tests.integration.gateway.conftest import ISSUER, RunningHandlers, in_memory, running, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@post("/tokens", status_code=201)
async def token() -> Response[dict[str, str]]:
    """In place of a sign-in with a User Pool."""
    return Response({"token": ISSUER.issue("ada"), "subject": "ada"})


def _front(host: RunningHandlers) -> Any:
    """The pages, which lie elsewhere on AWS."""
    pages = Litestar(
        [speaker_page, listener_page, asset, token], openapi_config=None, logging_config=None
    )

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await pages({**scope, GATEWAY: SimpleNamespace(needs=host.needs)}, receive, send)

    return served


@pytest_asyncio.fixture(loop_scope="session")
async def functions() -> AsyncIterator[RunningHandlers]:
    async with AsyncExitStack() as exits:
        one = await exits.enter_async_context(running(in_memory(), RunningHandlers))
        assert isinstance(one, RunningHandlers)
        one.api.front = _front(one)
        one.api.front_paths = ("/", "/assets/", "/listen", "/tokens")
        yield one


async def handshakes(page: Page) -> list[str]:
    """The subprotocols of each WebSocket that the page opens from now on."""
    offered: list[str] = []
    cdp = await page.context.new_cdp_session(page)

    def sent(event: dict[str, Any]) -> None:
        offered.append(event["request"]["headers"]["Sec-WebSocket-Protocol"])

    cdp.on("Network.webSocketWillSendHandshakeRequest", sent)
    await cdp.send("Network.enable")
    return offered


async def test_a_page_speaks_through_api_gateway(
    functions: RunningHandlers, chromium: Browser
) -> None:
    context = await chromium.new_context(permissions=["microphone"])
    page = await context.new_page()
    offered = await handshakes(page)
    await page.goto(f"{functions.url}/")
    await page.get_by_role("button", name="Start speaking").click()
    await page.get_by_text("Live", exact=True).wait_for()
    session_id = await page.locator(".invitation .session").inner_text()

    def stored() -> int:
        return sum(isinstance(one, AudioChunk) for one in functions.records())

    await until(lambda: stored() >= 4)
    row = await functions.tables.get(session_id)
    assert row is not None
    assert row.speaker_connection_id is not None
    await functions.api.close(row.speaker_connection_id)  # as after two hours
    before = stored()
    await until(lambda: stored() >= before + 8)
    await end_talk(page)

    chunks = functions.chunks()
    assert list(dict.fromkeys(chunks)) == [(0, number) for number in range(chunks[-1][1] + 1)]
    assert functions.controls("gap") == []
    loudest = max(
        abs(int.from_bytes(one.pcm[at : at + 2], "little", signed=True))
        for one in functions.records()
        if isinstance(one, AudioChunk)
        for at in range(0, len(one.pcm), 200)
    )
    assert loudest > 1000
    assert len(offered) == 2
    assert len(set(offered)) == 2  # a ticket each
    assert all(one.startswith("live-translation, ticket.") for one in offered)
    await context.close()
