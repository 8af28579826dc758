"""A device whose clock is a day off: what is planned is told by the gateway's clock, and what is
said arrives."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Page, expect

from ingest_gateway.access.auth import Identity
from ingest_gateway.rooms.messages import EventWish, RoomWish, TalkWish, room_link, speaker_link
from schemas.values import AudioChunk
from tests.browser.conftest import SLOW_MS, end_talk, tones
from tests.browser.listener_page import transcript

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DAY_MS = 24 * 3600 * 1000
SOON_MS = 25 * 60 * 1000
SOON = re.compile(r"\(in 2[45] minutes\)")
SHIFT = """
const Right = Date;
globalThis.Date = class extends Right {
  constructor(...given) {
    super(...(given.length === 0 ? [Right.now() + OFF_MS] : given));
  }
  static now() {
    return Right.now() + OFF_MS;
  }
};
"""


async def opened(stage: Stage, link: str, off_ms: int) -> Page:
    """By a phone whose clock is ahead by that much."""
    page = await stage.open("/trust", phone=True)
    await page.add_init_script(SHIFT.replace("OFF_MS", str(off_ms)))
    await page.goto(stage.wire.url + link)
    off = await page.evaluate("Date.now()") - time.time() * 1000
    assert abs(off - off_ms) < SLOW_MS
    return page


@pytest.mark.parametrize("off_ms", [-DAY_MS, DAY_MS], ids=["a day behind", "a day ahead"])
async def test_a_talk_comes_when_it_was_planned(stage: Stage, off_ms: int) -> None:
    organiser, olga = stage.gateway.gateway.organiser, Identity("olga")
    event = await organiser.create_event(olga, EventWish("Tides"))
    room = await organiser.create_room(olga, RoomWish(event.event_id, "Hall"))
    planned_ms = round(time.time() * 1000) + SOON_MS
    talk = await organiser.create_talk(
        olga, TalkWish(room.room_id, "Currents", "Ada", "en", planned_at=planned_ms)
    )
    listener = await opened(stage, room_link(room), off_ms)
    await expect(listener.locator(".room-notice")).to_contain_text(SOON)
    await stage.picture(listener, f"room-wrong-clock-{'ahead' if off_ms > 0 else 'behind'}")
    await listener.get_by_role("button", name="Español").click()
    speaker = await opened(stage, speaker_link(talk), off_ms)
    await expect(speaker.locator(".own-talk")).to_contain_text(SOON)
    await speaker.get_by_role("button", name="Start speaking").click()
    await speaker.get_by_text("Live", exact=True).wait_for()
    await expect(listener.locator("header .state")).to_have_text("Live")
    (session,) = [live.session_id for live in stage.gateway.gateway.live.all() if not live.ended]
    await stage.until(lambda: bool(chunks(stage, session)))
    spoken_ms = chunks(stage, session)[-1].captured_at_ms
    assert abs(spoken_ms - time.time() * 1000) < SLOW_MS  # by the gateway's clock
    await stage.until(lambda: bool(stage.gateway.gateway.hub.listeners(session, "es")))
    await stage.say(session, 0, hz=600, transcript="Cuando llegó el barco")
    await expect(transcript(listener)).to_contain_text("Cuando llegó el barco")
    await tones(listener, 600)
    await end_talk(speaker)


def chunks(stage: Stage, session_id: str) -> list[AudioChunk]:
    return [
        one
        for one in stage.gateway.records()
        if isinstance(one, AudioChunk) and one.session_id == session_id
    ]
