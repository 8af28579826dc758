"""Captions come through a proxy that breaks WebSockets, and through 3 KB/s; without a network the
page opens, says so, and holds nothing of a talk."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.clip_server import tone_clip
from tests.browser.conftest import Stage
from tests.browser.listener_page import pieces
from tests.browser.wire import Wire
from tests.integration.gateway.test_rooms import Clock, Venue

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG_MS = 90_000
SPANISH = "es-ES"
BROKEN_SOCKETS = """window.WebSocket = class {
    readyState = 0;
    constructor() { setTimeout(() => { this.readyState = 3; this.onclose?.({}); }, 20); }
    send() {}
    close() {}
};"""


async def chosen(page: Page) -> None:
    await page.get_by_role("button", name="Español").click()
    await page.locator("main.listener[data-phase=listening]").wait_for(timeout=LONG_MS)


async def test_captions_come_where_websockets_break(stage: Stage) -> None:
    speaker, session_id = await stage.speaker()
    context = await stage.browser.new_context(locale="en-US")
    await context.add_init_script(BROKEN_SOCKETS)
    page = await context.new_page()
    await page.goto(f"{stage.wire.url}/listen/{session_id}")
    await chosen(page)
    await stage.say(session_id, 0, 600)
    await stage.say(session_id, 1, 700)
    await expect(pieces(page)).to_have_text(["frase 0", "frase 1"])
    partial: dict[str, Any] = {"type": "partialCaption", "sequenceNumber": 2}
    await stage.job.notify(session_id, "es", {**partial, "text": "and th", "language": "en"})
    await expect(page.locator(".transcript")).to_contain_text("frase 1")
    stage.wire.cut()
    stage.wire.mend()
    await page.locator("main.listener[data-phase=listening]").wait_for()
    await stage.until(lambda: stage.gateway.gateway.hub.listener_total() == 1)
    await stage.say(session_id, 2, 600)
    await expect(pieces(page).nth(2)).to_have_text("frase 2")
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await expect(page.get_by_role("heading", name="Could you follow the talk?")).to_be_visible()
    await context.close()


async def test_a_room_is_followed_where_websockets_break(stage: Stage) -> None:
    venue = Venue(stage.gateway, Clock())
    room = await venue.room(languages=["es"])
    talks = [await venue.talk(room, title) for title in ("Tides", "Winds")]
    context = await stage.browser.new_context(locale="en-US")
    await context.add_init_script(BROKEN_SOCKETS)
    page = await context.new_page()
    await page.goto(stage.wire.url + room["link"])
    await page.get_by_role("button", name="Español").click()
    state, notice = page.locator("header .state"), page.locator(".room-notice")
    await expect(notice).to_contain_text("Tides")
    for number, talk in enumerate(talks):
        speaker = await venue.speak(talk)
        stage.give_signs(speaker)
        await expect(state).to_have_text("Live")
        session_id = (await venue.take(talk))["sessionId"]
        await stage.until(partial(has_listener, stage, session_id))
        await stage.say(session_id, 0, 600, transcript=f"charla {number}")
        await expect(pieces(page)).to_have_text([f"charla {number}"])
        await venue.leave(talk)
    await expect(notice).to_contain_text("All talks here are over")
    await venue.http.aclose()
    await context.close()


def has_listener(stage: Stage, session_id: str) -> bool:
    return len(stage.gateway.gateway.hub.listeners(session_id, "es")) == 1


async def test_captions_come_at_three_kilobytes_a_second(stage: Stage) -> None:
    """The page itself too; sound inside the messages would take ten seconds a sentence."""
    _, session_id = await stage.speaker()
    wire = Wire(stage.gateway.port)
    wire.bytes_per_s = 3000
    await wire.start()
    context = await stage.browser.new_context(
        viewport={"width": 390, "height": 844}, locale=SPANISH, service_workers="block"
    )
    page = await context.new_page()
    await page.goto(f"{wire.url}/listen/{session_id}", timeout=LONG_MS, wait_until="commit")
    await page.get_by_role("button", name="Español").click(timeout=LONG_MS)
    await page.locator("main.listener[data-phase=listening]").wait_for(timeout=LONG_MS)
    await expect(page.get_by_text("La red es lenta")).to_be_visible()
    audio = base64.b64encode(tone_clip(500)).decode()
    for number in range(5):
        await stage.say(session_id, number, audio=audio, transcript=f"frase {number}")
        await expect(pieces(page)).to_have_count(number + 1)  # none waits for the sound of another
    await stage.picture(page, "listener-phone-slow-network")
    await context.close()
    await wire.stop()


async def test_only_the_shell_is_kept(stage: Stage) -> None:
    wire = Wire(stage.gateway.port)
    await wire.start()
    _, session_id = await stage.speaker()
    page = await stage.listening(session_id, phone=True, wire=wire)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.reload()  # its parts come through the worker now
    await page.locator("main.listener[data-phase=listening]").wait_for()
    await stage.say(session_id, 0, 600)
    await expect(pieces(page)).to_have_text(["frase 0"])
    kept = await page.evaluate(
        """async () => {
            const names = await caches.keys();
            const all = await Promise.all(
                names.map(async (name) => (await caches.open(name)).keys()));
            return all.flat().map((one) => new URL(one.url).pathname);
        }"""
    )
    assert "/listen" in kept
    assert all(path == "/listen" or path.startswith("/assets/") for path in kept)
    wire.cut()
    await page.goto(page.url)
    await expect(page.get_by_text("The service cannot be reached")).to_be_visible()
    await stage.picture(page, "listener-phone-no-network")
    assert session_id not in str(kept)
    wire.mend()
    await page.locator("main.listener[data-phase=listening]").wait_for()
    manifest = await page.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then((one) => one.json())"
    )
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/listen")
    await wire.stop()
