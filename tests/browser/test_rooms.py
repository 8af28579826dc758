"""One room, three talks by three speakers, and a listener who stays through all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from ingest_gateway.access.auth import Identity
from ingest_gateway.rooms.messages import EventWish, RoomWish, room_link
from tests.browser.conftest import SLOW_MS, end_talk, tones
from tests.browser.listener_page import transcript

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TITLES = ("Tides & <b>currents</b>", "مد وجزر 🌊", "Die Windgeschwindigkeitsmessung")


def address(link: str) -> str:
    """Path and secret of a link."""
    parts = urlsplit(link)
    return f"{parts.path}#{parts.fragment}"


async def plan_talk(page: Page, title: str, speaker: str, at: str) -> None:
    room = page.locator(".room-card")
    form = room.locator("details")
    if await form.get_attribute("open") is None:
        await form.locator("summary").click()
    await form.get_by_label("Title").fill(title)
    await form.get_by_label("Speaker").fill(speaker)
    await form.get_by_label("Planned for").fill(at)
    await form.get_by_role("button", name="Create").click()
    await expect(room.locator(".talks .title", has_text=title)).to_be_visible()


async def organise(stage: Stage) -> tuple[Page, str, list[str]]:
    """An event with a room and three talks; the room's address and the speakers'."""
    page = await stage.open("/organise")
    await page.get_by_label("A new event").fill("Summer school")
    await page.get_by_role("button", name="Create").click()
    form = page.locator("details")
    await form.get_by_label("Name").fill("Harbour hall")
    await form.get_by_label("Languages for listeners").fill("es, ca")
    await form.get_by_role("button", name="Create").click()
    await page.get_by_role("heading", name="Harbour hall").wait_for()
    for number, title in enumerate(TITLES):
        await plan_talk(page, title, f"Speaker {number + 1}", f"2027-07-0{number + 1}T10:00")
    room = await page.locator(".room-link [data-link]").get_attribute("data-link")
    links = await page.locator(".talks [data-link]").evaluate_all(
        "all => all.map((one) => one.dataset.link)"
    )
    assert room is not None
    assert len(links) == 3
    return page, address(room), [address(link) for link in links]


def is_heard(stage: Stage, session_id: str) -> bool:
    return len(stage.gateway.gateway.hub.listeners(session_id, "es")) == 1


async def speak_by_link(stage: Stage, link: str) -> Page:
    page = await stage.open(link)
    await page.get_by_role("button", name="Start speaking").click()
    await page.get_by_text("Live", exact=True).wait_for()
    return page


async def test_a_listener_stays_through_three_talks_of_three_speakers(stage: Stage) -> None:
    organiser, room, links = await organise(stage)
    await stage.picture(organiser, "room-organiser")
    listener = await stage.open(room, phone=True)
    await expect(listener.locator(".room-notice")).to_contain_text(TITLES[0])
    await stage.picture(listener, "room-door")
    await listener.get_by_role("button", name="Español").click()
    await expect(listener.locator("main.listener")).to_have_attribute("data-phase", "waiting")
    await stage.picture(listener, "room-waiting")
    for number, title in enumerate(TITLES):
        speaker = await speak_by_link(stage, links[number])
        await expect(speaker.get_by_role("heading", name=title)).to_be_visible()
        await expect(listener.locator("h1.session")).to_have_text(title)
        await expect(listener.locator(".room-notice")).to_have_count(0)
        await expect(listener.locator("header .state")).to_have_text("Live")
        (session,) = [
            live.session_id for live in stage.gateway.gateway.live.all() if not live.ended
        ]
        await stage.until(partial(is_heard, stage, session))
        await stage.say(session, 0, hz=500 + 100 * number, transcript=f"charla {number}")
        await expect(transcript(listener)).to_contain_text(f"charla {number}")
        await tones(listener, 500 + 100 * number)
        if number == 0:
            await stage.picture(speaker, "room-speaker")
            await stage.picture(listener, "room-live")
            await speaker.get_by_role("button", name="Pause").click()
            await expect(listener.locator("header .state")).to_have_text("The talk is paused")
        await end_talk(speaker)
        if number < 2:
            await expect(listener.locator(".room-notice")).to_contain_text(TITLES[number + 1])
            await stage.picture(listener, f"room-next-{number}")
    await expect(listener.locator(".room-notice")).to_contain_text("All talks here are over")
    await stage.picture(listener, "room-over")
    await expect(organiser.locator(".talks").get_by_text("Over")).to_have_count(3, timeout=SLOW_MS)


async def test_a_speakers_second_laptop_goes_on_and_another_talk_waits(stage: Stage) -> None:
    _, room, links = await organise(stage)
    listener = await stage.open(room, phone=True)
    await listener.get_by_role("button", name="Español").click()
    first = await speak_by_link(stage, links[0])
    await expect(listener.locator("header .state")).to_have_text("Live")
    other = await stage.open(links[1])
    await other.get_by_role("button", name="Start speaking").click()
    await expect(other.get_by_role("alert")).to_contain_text("Another talk has the stage")
    await speak_by_link(stage, links[0])
    await expect(first.get_by_role("alert")).to_contain_text("from another page now")
    await expect(listener.locator("h1.session")).to_have_text(TITLES[0])
    (session,) = [live.session_id for live in stage.gateway.gateway.live.all() if not live.ended]
    assert len(stage.gateway.gateway.hub.listeners(session, "es")) == 1


async def test_a_room_asks_for_its_code_and_a_wrong_link_says_so(stage: Stage) -> None:
    organiser = stage.gateway.gateway.organiser
    olga = Identity("olga")
    event = await organiser.create_event(olga, EventWish("Tides"))
    room = await organiser.create_room(olga, RoomWish(event.event_id, "Hall", access_code="1234"))
    page = await stage.open(room_link(room), phone=True)
    await page.get_by_label("Access code").fill("4321")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.get_by_role("alert")).to_contain_text("not the code")
    await page.get_by_label("Access code").fill("1234")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.get_by_role("heading", name="Choose your language")).to_be_visible()
    lost = await stage.open(f"/room/{room.room_id}#guessed", phone=True)
    await expect(lost.get_by_role("alert")).to_contain_text("leads to no room")
    wrong = await stage.open("/speak/calm-harbour-412.1#guessed")
    await expect(wrong.get_by_role("alert")).to_contain_text("leads to no talk")


async def test_a_full_room_says_so_before_a_language_is_chosen(stage: Stage) -> None:
    organiser, olga = stage.gateway.gateway.organiser, Identity("olga")
    event = await organiser.create_event(olga, EventWish("Tides"))
    room = await organiser.create_room(olga, RoomWish(event.event_id, "Hall", most_listeners=1))
    first = await stage.open(room_link(room), phone=True)
    await expect(first.get_by_role("heading", name="Choose your language")).to_be_visible()
    await stage.until(lambda: len(stage.gateway.gateway.hub.in_room(room.room_id)) == 1)
    second = await stage.open(room_link(room), phone=True)
    await expect(second.get_by_role("alert")).to_contain_text("This room is full")
    await expect(first.get_by_role("alert")).to_have_count(0)
