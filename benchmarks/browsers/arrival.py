"""A listener's phone opens the link of a room in which a talk is live: until the page can be used,
until its first caption, what it loads until then, and whether anything moves meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from playwright.async_api import Browser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.browsers.pages import chromium, slow_down
from benchmarks.gateway.servers import served
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.client import fetch_token
from local_stack.latency import percentile
from local_stack.processes import Processes

CAPTION_EVERY_S = 0.5
_SLOW_MS = 60_000
_WATCH = """
window.seen = { usable: null, caption: null, shift: 0 };
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.seen.shift += one.value;
}).observe({ type: "layout-shift", buffered: true });
new MutationObserver(() => {
  const { seen } = window;
  // Behind the work that is under way: then a touch would be answered.
  if (seen.usable === null && document.querySelector("main button"))
    setTimeout(() => { seen.usable ??= performance.now(); });
  if (document.querySelector(".piece")) seen.caption ??= performance.now();
}).observe(document, { childList: true, subtree: true });
"""
_LOADED = """() => ["navigation", "resource"]
  .flatMap((kind) => performance.getEntriesByType(kind))
  .filter((entry) => !entry.name.endsWith("/no-clip"))
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Times since the link was opened. ``shift``: cumulative layout shift, without what follows
    from a touch; ``loaded_bytes``: as they came over the network, without clips."""

    usable_ms: float
    caption_ms: float
    loaded_bytes: int
    shift: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Of several openings; bytes and shift are the worst."""

    openings: int
    usable_p50_ms: float
    usable_p95_ms: float
    caption_p50_ms: float
    caption_p95_ms: float
    loaded_bytes: int
    shift: float


def summed(arrivals: Sequence[Arrival]) -> Arrivals:
    """Raises ValueError when there are none."""
    if not arrivals:
        raise ValueError("no page had a caption")
    usable = [one.usable_ms for one in arrivals]
    caption = [one.caption_ms for one in arrivals]
    return Arrivals(
        openings=len(arrivals),
        usable_p50_ms=percentile(usable, 0.5),
        usable_p95_ms=percentile(usable, 0.95),
        caption_p50_ms=percentile(caption, 0.5),
        caption_p95_ms=percentile(caption, 0.95),
        loaded_bytes=max(one.loaded_bytes for one in arrivals),
        shift=max(one.shift for one in arrivals),
    )


async def measure(openings: int, processes: Processes) -> dict[str, Arrivals]:
    """By profile: ``phone``, and ``slow phone`` (4 times slower, on fast 3G; a quarter as often).
    A gateway of its own over tables in memory. Raises ProcessError when it does not start."""
    async with (
        served(processes, "gateway-of-arrivals") as (url, _),
        live_room(url) as link,
        chromium(None) as browser,
    ):
        await opened(browser, link)  # the server's and the browser's own first time
        phone = [await opened(browser, link) for _ in range(openings)]
        slow = [await opened(browser, link, is_slow=True) for _ in range(max(1, openings // 4))]
    return {"phone": summed(phone), "slow phone": summed(slow)}


async def opened(browser: Browser, link: str, *, is_slow: bool = False) -> Arrival:
    """As a listener who comes for the first time: nothing is cached or remembered. The language is
    chosen as soon as it can be."""
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="es-ES"
    )
    try:
        context.set_default_timeout(_SLOW_MS)
        await context.add_init_script(_WATCH)
        page = await context.new_page()
        if is_slow:
            await slow_down(page)
        await page.goto(link, wait_until="commit")
        await page.get_by_role("button", name="Español").tap()
        caption = await page.wait_for_function("() => window.seen.caption")
        loaded: int = await page.evaluate(_LOADED)
        seen: dict[str, float] = await page.evaluate("window.seen")
        caption_ms = float(await caption.json_value())
        return Arrival(seen["usable"], caption_ms, loaded, seen["shift"])
    finally:
        await context.close()


@asynccontextmanager
async def live_room(url: str) -> AsyncGenerator[str]:
    """Its link for listeners. A speaker is on its stage, and captions come."""
    token = await fetch_token(url)
    async with httpx.AsyncClient(base_url=url) as http:

        async def made(path: str, wish: Mapping[str, Any], by: str = token) -> dict[str, Any]:
            headers = {"authorization": f"Bearer {by}"}
            answer = await http.post(path, json=wish, headers=headers)
            answer.raise_for_status()
            return dict(answer.json())

        event = await made("/events", {"title": "Tides"})
        room = await made(
            "/rooms", {"eventId": event["eventId"], "name": "Hall", "languages": ["es"]}
        )
        talk = await made(
            "/talks",
            {"roomId": room["roomId"], "title": "Tides", "speaker": "Ada", "language": "en"},
        )
        speakers = f"talk.{talk['talkId']}.{str(talk['link']).partition('#')[2]}"
        stage = await made(f"/talks/{talk['talkId']}/stage", {}, speakers)
        ticket = (await made("/tickets", {}, speakers))["ticket"]
    session_id = str(stage["sessionId"])
    protocols = [Subprotocol("live-translation"), Subprotocol(f"ticket.{ticket}")]
    async with connect(
        url.replace("http", "ws", 1) + "/ws", subprotocols=protocols, proxy=None
    ) as socket:
        join = {"action": "joinAsSpeaker", "sessionId": session_id, "streamId": "s1"}
        await socket.send(msgspec.json.encode({**join, "nextSequence": 0}).decode())
        tasks = [
            asyncio.create_task(_talk(socket, url, session_id)),
            asyncio.create_task(_read(socket)),
        ]
        try:
            yield url + str(room["link"])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _read(socket: ClientConnection) -> None:
    """A connection whose messages are not read stops."""
    async for _ in socket:
        pass


async def _talk(socket: ClientConnection, url: str, session_id: str) -> None:
    """Signs of the speaker, and captions as the job sends them."""
    job = GatewayNotifier(GatewayNotifierSettings(url))
    number = 0
    async with contextlib.AsyncExitStack() as exits:
        exits.push_async_callback(job.close)
        exits.enter_context(contextlib.suppress(ConnectionClosed))
        while True:
            await socket.send('{"action": "heartbeat"}')
            caption: dict[str, object] = {
                "type": "translatedAudio",
                "sessionId": session_id,
                "sequenceNumber": number,
                "previousSequenceNumber": number - 1 if number else None,
                "targetLanguage": "es",
                "timestamp": number * 500,
                "duration": 0.4,
                "sourceDuration": 0.5,
                "transcript": f"Cuando llegó el barco número {number}, nadie esperaba.",
                "url": f"{url}/no-clip",
                "contentType": "audio/mpeg",
            }
            await job.notify(session_id, "es", caption)
            number += 1
            await asyncio.sleep(CAPTION_EVERY_S)
