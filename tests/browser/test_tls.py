"""The gateway behind a certificate of its own, with another public address: what a phone sees."""

from __future__ import annotations

import asyncio
import base64
import io
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from matplotlib.image import imread
from playwright.async_api import Browser, BrowserContext, Page, expect

from connectors.memory.record_sink import MemoryRecordSink
from ingest_gateway.gateway import Gateway
from ingest_gateway.hosts.server.app import ServerApp
from ingest_gateway.hosts.server.uvicorn_server import server_config
from ingest_gateway.routes import pages
from local_stack.ports import free_ports
from schemas.avro_codec import decode
from schemas.values import AudioChunk
from tests.browser.conftest import PICTURES, SLOW_MS, end_talk
from tests.browser.listener_page import choose_language
from tests.integration.gateway.conftest import in_memory, until
from tests.integration.gateway.prompt_server import PromptServer

Opening = Awaitable[Page]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@dataclass(frozen=True, slots=True)
class Served:
    gateway: Gateway
    here: str
    public: str


def make_certificate(key: Path, cert: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=talks", "-keyout", key, "-out", cert),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    await asyncio.to_thread(make_certificate, key, cert)
    (port,) = free_ports(1)
    public = f"https://talks.test:{port}"
    gateway = Gateway(in_memory(public_url=public))
    config = server_config(ServerApp(gateway), "127.0.0.1", port, tls_cert=cert, tls_key=key)
    server = PromptServer(config)
    await server.start()
    yield Served(gateway, f"https://127.0.0.1:{port}", public)
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def opened(chromium: Browser, served: Served) -> AsyncIterator[Callable[[str], Opening]]:
    """A page of a client that trusts the certificate; closed before the server is."""
    contexts: list[BrowserContext] = []

    async def open_page(url: str) -> Page:
        context = await chromium.new_context(
            permissions=["microphone"],
            viewport={"width": 390, "height": 844},
            ignore_https_errors=True,
            locale="en-US",
        )
        contexts.append(context)
        context.set_default_timeout(SLOW_MS)
        page = await context.new_page()
        await page.goto(url)
        return page

    yield open_page
    for context in contexts:
        await context.close()


async def read_by_a_camera(page: Page) -> str:
    """What a phone makes of the code on the screen."""
    picture = await page.get_by_role("img", name="QR code").screenshot()
    pixels = imread(io.BytesIO(picture))
    rgba = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = (pixels[..., :3] * 255).astype(np.uint8)
    height, width = rgba.shape[:2]
    reader = pages.BUILT.parent / "node_modules" / "jsqr" / "dist" / "jsQR.js"
    await page.evaluate(reader.read_text())
    return str(
        await page.evaluate(
            """([bytes, width, height]) => {
                const data = Uint8ClampedArray.from(atob(bytes), (one) => one.charCodeAt(0));
                return jsQR(data, width, height)?.data ?? "unreadable";
            }""",
            [base64.b64encode(rgba.tobytes()).decode(), width, height],
        )
    )


@pytest.mark.parametrize("way", ["websocket", "webrtc"])
async def test_the_code_opens_the_listeners_page_over_tls(
    served: Served, opened: Callable[[str], Opening], way: str
) -> None:
    speaker = await opened(f"{served.here}/")
    await speaker.get_by_text("More").click()
    await speaker.get_by_label("Sound travels by").select_option(way)
    await speaker.get_by_role("button", name="Start speaking").click()
    await speaker.get_by_text("Live", exact=True).wait_for()
    session_id = await speaker.locator(".invitation .session").inner_text()
    link = await read_by_a_camera(speaker)
    row = await served.gateway.needs.tables.get(session_id)
    assert row is not None
    assert link == f"{served.public}/listen/{session_id}#{row.info.extra['listeningKey']}"

    listener = await opened(link)
    await choose_language(listener, "Español")
    await expect(speaker.get_by_role("row", name="Español 1")).to_be_visible()
    PICTURES.mkdir(parents=True, exist_ok=True)
    await listener.screenshot(path=PICTURES / "listener-phone-by-code.png")
    sink = served.gateway.needs.sink
    assert isinstance(sink, MemoryRecordSink)
    await until(lambda: sum(isinstance(decode(one.data), AudioChunk) for one in sink.stored) >= 4)
    await end_talk(speaker)
    await expect(listener.get_by_role("status")).to_have_text("The talk has ended")
