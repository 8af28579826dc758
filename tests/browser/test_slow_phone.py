"""A slow phone on a mobile network waits for round trips and for bytes, and both can be counted.
How many seconds that takes is the machine's matter as well: ``make bench-browsers`` measures it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route

from benchmarks.browsers.pages import slow_down
from ingest_gateway.access.auth import Identity
from ingest_gateway.rooms.messages import EventWish, RoomWish, room_link
from tests.browser.listener_page import choose_language

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOST_AT_ONCE = 6
"""Requests that a browser has under way to one host over HTTP/1.1."""
PAGE_SCRIPTS = re.compile(r"/assets/(page|base)-")
NAMED_IN_HTML = re.compile(r'(?:src|href)="(/assets/[^"]+\.(?:js|css))"')
TEXTS = re.compile(r"/assets/es-")
LONG_MS = 120_000
MOST_BYTES = 118 * 1024
"""Until the languages are shown; captions come over the socket."""
LOADED = """() => Object.fromEntries(
    ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
        .map((entry) => [new URL(entry.name).pathname, entry.transferSize]))"""


async def context_of(stage: Stage) -> BrowserContext:
    return await stage.browser.new_context(
        viewport={"width": 390, "height": 844}, locale="es-ES", service_workers="block"
    )


async def room_of(stage: Stage) -> tuple[str, str]:
    """Its id and its link."""
    organiser, olga = stage.gateway.gateway.organiser, Identity("olga")
    event = await organiser.create_event(olga, EventWish("Tides"))
    room = await organiser.create_room(olga, RoomWish(event.event_id, "Hall"))
    return room.room_id, stage.wire.url + room_link(room)


def requests_of(page: Page) -> list[str]:
    """Paths, in the order in which they are asked for."""
    paths: list[str] = []

    def asked(request: Request) -> None:
        paths.append(urlsplit(request.url).path)

    page.on("request", asked)
    return paths


async def test_the_gateway_is_asked_before_the_pages_script_is_there(stage: Stage) -> None:
    """What it answers is on its way together with the script."""
    room_id, link = await room_of(stage)
    context = await context_of(stage)
    page = await context.new_page()
    paths = requests_of(page)
    arrived = asyncio.Event()

    async def hold(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await page.route(PAGE_SCRIPTS, hold)
    await page.goto(link, wait_until="commit")
    early = {f"/rooms/{room_id}/door", "/offer"}
    await stage.until(lambda: early <= set(paths) and len(list(filter(TEXTS.match, paths))) == 2)
    arrived.set()
    await page.get_by_role("button", name="Español").wait_for()
    assert [paths.count(path) for path in early] == [1, 1]  # and not again by the script
    await context.close()


async def test_a_script_waits_for_no_other_one(stage: Stage) -> None:
    """The HTML names all scripts and sheets, and they are few enough to be asked for at once."""
    _, link = await room_of(stage)
    context = await context_of(stage)
    page = await context.new_page()
    paths = requests_of(page)
    answer = await page.goto(link)
    assert answer is not None
    named = set(NAMED_IN_HTML.findall(await answer.text()))
    await page.get_by_role("button", name="Español").wait_for()
    files = {path for path in paths if path.endswith((".js", ".css")) and not TEXTS.match(path)}
    assert files - {"/service-worker.js"} == named
    assert len(named) <= MOST_AT_ONCE
    loaded = await page.evaluate(LOADED)
    assert sum(loaded.values()) < MOST_BYTES, loaded
    await context.close()


async def test_a_slow_phone_gets_into_the_talk(stage: Stage) -> None:
    session_id = await stage.session()
    context = await context_of(stage)
    context.set_default_timeout(LONG_MS)
    page = await context.new_page()
    await slow_down(page)
    await page.goto(f"{stage.wire.url}/listen/{session_id}", wait_until="commit")
    await choose_language(page, "Español")
    await context.close()


async def test_a_script_that_does_not_get_through_is_said_and_loaded_again(stage: Stage) -> None:
    _, link = await room_of(stage)
    context = await context_of(stage)
    page = await context.new_page()
    await page.route(PAGE_SCRIPTS, lambda route: route.abort())
    await page.goto(link)
    await page.get_by_text("No se puede acceder al servicio").wait_for()
    await page.unroute(PAGE_SCRIPTS)
    await page.get_by_role("button", name="Español").wait_for()
    await context.close()
