"""Every state of both pages on a phone, as pictures in build/browser/ and as words."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from connectors.interfaces.notifier import Audience
from ingest_gateway.access.auth import OPERATOR
from schemas.names import clip_key
from tests.browser.conftest import SLOW_MS, T0_MS, Stage, end_talk, unplug
from tests.browser.listener_page import (
    choose_language,
    pieces,
    settings,
    show_original,
    transcript,
)
from tests.integration.gateway.conftest import ISSUER
from tests.integration.gateway.sample_talk import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 860}


class Album:
    """Pictures of one page, named after its states: on a phone in the light, on a desktop in the
    dark; nothing on them is cut off at the side."""

    def __init__(self, stage: Stage, page: Page, kind: str) -> None:
        self._stage = stage
        self._page = page
        self._kind = kind

    async def take(self, state: str) -> None:
        await self._stage.picture(self._page, f"{self._kind}-phone-{state}")
        await self._nothing_is_cut_off()
        await self._page.emulate_media(color_scheme="dark")
        await self._page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        await self._stage.picture(self._page, f"{self._kind}-desktop-{state}")
        await self._nothing_is_cut_off()
        await self._page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await self._page.emulate_media(color_scheme="light")

    async def _nothing_is_cut_off(self) -> None:
        assert not await self._page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def test_each_state_of_the_speakers_page(stage: Stage) -> None:
    page = await stage.open("/", phone=True, permissions=[])
    album = Album(stage, page, "speaker")
    await page.get_by_role("button", name="Start speaking").click()
    await expect(page.get_by_role("alert")).to_contain_text("may not use the microphone")
    await album.take("refused")
    await page.context.grant_permissions(["microphone"])
    await page.get_by_text("More").click()
    await album.take("more")
    session_id = await stage.start(page)
    await album.take("live")
    await page.get_by_role("button", name="Mute").click()
    await page.get_by_text("Muted", exact=True).wait_for()
    await album.take("muted")
    await page.get_by_role("button", name="Unmute").click()
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_text("Paused", exact=True).wait_for()
    await album.take("paused")
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_text("Live", exact=True).wait_for()
    await unplug(page)
    await expect(page.get_by_role("alert")).to_contain_text("The microphone has gone")
    await album.take("unplugged")
    await page.get_by_role("combobox", name="Microphone").select_option(index=1)
    await expect(page.get_by_role("alert")).to_have_count(0)
    stage.wire.cut()
    await page.get_by_text("Connecting … what you say is kept").wait_for()
    await album.take("no-connection")
    stage.wire.mend()
    await page.get_by_text("Live", exact=True).wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    resume = page.get_by_role("button", name=f"Go on with {session_id}")
    await resume.wait_for()
    await album.take("left-open")
    await resume.click()
    await page.get_by_text("Live", exact=True).wait_for()
    await end_talk(page)
    await album.take("ended")


async def test_each_state_of_the_listeners_page(stage: Stage) -> None:
    speaker, session_id = await stage.speaker()
    page = await stage.open("/listen", phone=True)
    album = Album(stage, page, "listener")
    await page.get_by_role("heading", name="Which talk?").wait_for()
    await album.take("asked")
    name = page.get_by_label("Name of the talk")
    await name.fill("<?>")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.get_by_role("alert")).to_contain_text("A name looks like")
    await album.take("no-name")
    await name.fill("no-such-1")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.get_by_role("alert")).to_contain_text("no talk called")
    await album.take("no-such-talk")
    await name.fill(session_id)
    await page.get_by_role("button", name="Listen").click()
    await page.get_by_role("heading", name="Choose your language").wait_for()
    await album.take("languages")
    await choose_language(page, "Español")
    await album.take("joined")
    async with settings(page):
        await album.take("settings")
    await tell_a_talk(stage.gateway, session_id)
    await stage.say(session_id, 8, 600, previousSequenceNumber=7)
    await expect(transcript(page)).to_contain_text("frase 8")
    await album.take("heard")
    for action, words in (
        ("muteBroadcast", "The speaker is muted"),
        ("unmuteBroadcast", "Live"),
        ("pauseBroadcast", "The talk is paused"),
    ):
        await speaker.send(action, sessionId=session_id)
        await expect(page.get_by_role("status").first).to_have_text(words)
        await album.take(words.lower().replace(" ", "-"))
    await page.get_by_role("button", name="Pause").click()
    for number in range(9, 13):
        await stage.say(session_id, number, 600)
    await expect(page.get_by_role("button", name="Jump to live")).to_be_visible()
    await album.take("own-pause")
    await page.get_by_role("button", name="Jump to live").click()
    stage.wire.cut()
    await expect(page.get_by_role("alert")).to_contain_text("No connection.")
    await album.take("no-connection")
    stage.wire.mend()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await expect(page.get_by_role("status").first).to_have_text("The talk has ended")
    await album.take("ended")


async def never(_route: Route) -> None:
    """A request that is not answered while somebody looks."""


async def test_a_talk_that_does_not_begin_is_said(stage: Stage) -> None:
    page = await stage.open("/", phone=True)
    album = Album(stage, page, "speaker")
    start = page.get_by_role("button", name="Start speaking")
    await page.get_by_label("I speak").select_option("es")
    stage.wire.cut()
    await start.click()
    await expect(page.get_by_role("alert")).to_contain_text("The gateway does not answer")
    await album.take("unreachable")
    stage.wire.mend()
    refusal = {"code": "FORBIDDEN", "message": "Tokens are not given to everybody here."}
    await page.route("**/tokens", lambda route: route.fulfill(status=403, json=refusal))
    await start.click()
    await expect(page.get_by_label("Access token")).to_be_visible()
    await album.take("token-asked")
    await page.route("**/sessions", never)
    await page.get_by_label("Access token").fill(stage.gateway.token())
    await start.click()
    await expect(page.get_by_role("button", name="Opening the microphone")).to_be_disabled()
    await album.take("starting")


async def test_who_is_taken_over_is_told(stage: Stage) -> None:
    page, session_id = await stage.speaking(phone=True)
    album = Album(stage, page, "speaker")
    await tell_a_talk(stage.gateway, session_id)
    for number, text in enumerate(("Hello, and welcome.", "We begin with the harbour.")):
        words = {"type": "ownCaption", "sequenceNumber": number, "text": text, "final": True}
        await stage.job.tell_speaker(session_id, dict(words))
    await expect(page.locator(".own-words")).to_contain_text("harbour")
    await album.take("own-words")
    kept = "JSON.parse(sessionStorage.getItem('live-translation.openTalk')).token"
    other = await stage.gateway.connect(await page.evaluate(kept))
    fields = {"sessionId": session_id, "streamId": "other", "nextSequence": 0}
    await other.ask("joinAsSpeaker", "speakerJoined", **fields)
    await expect(page.get_by_role("alert")).to_contain_text("from another page now")
    await expect(page.get_by_role("heading", name="This page does not speak")).to_be_visible()
    await album.take("taken-over")


async def test_what_a_listener_meets_on_the_way(stage: Stage) -> None:
    session_id = await stage.session()
    waiting = await stage.open("/listen", phone=True)
    album = Album(stage, waiting, "listener")
    await waiting.route_web_socket("**/ws", lambda _socket: None)  # opens, and says nothing
    stage.wire.cut()
    name = waiting.get_by_label("Name of the talk")
    await name.fill(session_id)
    await waiting.get_by_role("button", name="Listen").click()
    await expect(waiting.get_by_role("alert")).to_contain_text("Trying again")
    await album.take("unreachable")
    stage.wire.mend()
    await waiting.get_by_role("button", name="Español").click(timeout=SLOW_MS)
    await waiting.get_by_text("Connecting …").wait_for(timeout=SLOW_MS)
    await album.take("connecting")
    await waiting.close()

    await tell_a_talk(stage.gateway, session_id)
    page = await stage.listening(session_id, phone=True, touched=False)
    album = Album(stage, page, "listener")
    await expect(transcript(page)).to_contain_text("frase 7 ñ")
    await album.take("late-join")
    await page.get_by_role("button", name="Tap to start the sound").tap()
    lines = pieces(page)
    gap: dict[str, Any] = {"type": "skipped", "reason": "gap", "url": None, "transcript": None}
    await stage.say(session_id, 8, previousSequenceNumber=7, **gap)
    await stage.say(session_id, 9, 600)
    await expect(page.locator(".piece.playing")).to_have_text("frase 9")
    await album.take("gap")
    expired = clip_key(session_id, "es", T0_MS + 10_000)
    stage.clips.refusals[expired] = [403, 403]
    await stage.say(session_id, 10, 700)
    await stage.say(session_id, 11)  # no such clip
    await stage.say(session_id, 12, 800)
    await expect(lines.filter(has_text="frase 10")).to_have_class("piece waiting")
    await album.take("link-expired")
    await expect(lines.filter(has_text="frase 10")).to_have_class("piece heard")
    await expect(lines.filter(has_text="frase 11")).to_have_class("piece missing")
    await expect(lines.filter(has_text="frase 12")).to_have_class("piece heard")
    await album.take("clip-lost")
    await page.get_by_role("button", name="Mute").click()
    await show_original(page)
    await expect(transcript(page)).to_contain_text("sentence 12")
    await album.take("muted-with-original")
    partial = {"type": "partialCaption", "sequenceNumber": 13, "text": "so far", "language": "en"}
    await stage.job.notify(session_id, "es", dict(partial), audience=Audience.PARTIALS)
    await expect(page.locator(".partial")).to_have_text("so far")
    await album.take("partial")
    async with settings(page) as drawer:
        await drawer.get_by_label("Text size").fill("5")
    await page.set_viewport_size({"width": 390, "height": 420})
    await transcript(page).evaluate("box => box.scrollTo(0, 0)")
    await expect(page.get_by_role("button", name="Newest")).to_be_visible()
    await album.take("reads-further-up")


async def test_each_state_of_the_operators_page(stage: Stage) -> None:
    page = await stage.open(f"/operate#token={ISSUER.issue('ada')}", phone=True)
    album = Album(stage, page, "operator")
    await expect(page.get_by_role("alert")).to_contain_text("not an operator's")
    await album.take("not-an-operator")
    await page.get_by_label("Operator's token").fill("nonsense")
    await page.get_by_role("button", name="Look").click()
    await expect(page.get_by_role("alert")).to_contain_text("not valid")
    await album.take("no-such-token")
    await page.route("**/operations?*", never)
    await page.get_by_label("Operator's token").fill(ISSUER.issue("olga", roles=(OPERATOR,)))
    await page.get_by_role("button", name="Look").click()
    await expect(page.get_by_text("Asking the gateway …")).to_be_visible()
    await album.take("asking")
    await page.unroute("**/operations?*")
    await page.reload()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await album.take("nothing-yet")
    stage.wire.cut()
    await expect(page.get_by_role("alert")).to_contain_text("Trying again")
    await album.take("gateway-away")
    stage.wire.mend()
