"""Every state of both pages on a phone, as pictures in build/browser/ and as words."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage, end_talk, unplug
from tests.integration.gateway.test_gateway_listening import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


class Album:
    """Pictures of one page, named after its states; nothing on them is cut off at the side."""

    def __init__(self, stage: Stage, page: Page, kind: str) -> None:
        self._stage = stage
        self._page = page
        self._kind = kind

    async def take(self, state: str) -> None:
        await self._stage.picture(self._page, f"{self._kind}-phone-{state}")
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
    speaker, session_id = await stage.gateway.speaker()
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
    await page.get_by_text("Live", exact=True).wait_for()
    await album.take("joined")
    await tell_a_talk(stage.gateway, session_id)
    await stage.say(session_id, 8, 600, previousSequenceNumber=7)
    await expect(page.get_by_role("log")).to_contain_text("frase 8")
    await album.take("heard")
    for action, words in (
        ("muteBroadcast", "The speaker is muted"),
        ("unmuteBroadcast", "Live"),
        ("pauseBroadcast", "The speaker pauses"),
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
    await expect(page.get_by_role("alert")).to_contain_text("No connection: trying again")
    await album.take("no-connection")
    stage.wire.mend()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await expect(page.get_by_role("status").first).to_have_text("The talk has ended")
    await album.take("ended")
