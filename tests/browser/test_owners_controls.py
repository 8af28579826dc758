"""A talk's owner decides from the speaker's page who listens; listeners' pages say what that is."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage, end_talk
from tests.browser.listener_page import choose_language
from tests.browser.test_looks import faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def rule(page: Page, label: str, value: str) -> None:
    panel = page.locator("details.owner")
    form = panel.locator("form", has=page.get_by_label(label))
    await form.get_by_label(label).fill(value)
    await form.get_by_role("button", name="Set").click()
    await panel.get_by_text("Done.").wait_for()


async def test_a_code_a_lock_and_a_removal(stage: Stage, axe_source: str) -> None:
    speaker, session_id = await stage.speaking()
    panel = speaker.locator("details.owner")
    await panel.locator("summary").click()
    await rule(speaker, "Access code", "tulip 42")
    await rule(speaker, "Languages at a time", "1")
    row = await stage.gateway.tables.get(session_id)
    assert row is not None
    assert (row.info.extra["accessCode"], row.info.extra["maxLanguages"]) == ("tulip 42", "1")

    guest = await stage.open(f"/listen/{session_id}")
    await guest.get_by_role("button", name="Español").click()
    await guest.get_by_text("This talk asks for an access code").wait_for()
    await stage.picture(guest, "listener-asks-code")
    await guest.get_by_role("textbox", name="Access code").fill("tulip 43")
    await guest.get_by_role("button", name="Listen").click()
    await guest.get_by_text("That is not the access code of this talk.").wait_for()
    assert await faults(guest, axe_source) == []
    await guest.get_by_role("textbox", name="Access code").fill("Tulip-42")
    await guest.get_by_role("button", name="Listen").click()
    await guest.locator("main.listener[data-phase=listening]").wait_for()

    await panel.get_by_label("Let nobody new in").click()
    await panel.get_by_text("Done.").wait_for()
    other = await stage.open(f"/listen/{session_id}")
    await other.get_by_role("button", name="Español").click()
    await other.get_by_text("This talk is locked.").wait_for()

    await panel.locator("summary").click()
    await panel.locator("summary").click()
    await stage.picture(speaker, "speaker-owner")
    assert await faults(speaker, axe_source) == []
    await panel.get_by_role("button", name="Remove").click()
    await guest.get_by_text("The speaker has removed you from this talk.").wait_for()
    await expect(panel.get_by_role("button", name="Remove")).to_have_count(0)
    await end_talk(speaker)


async def test_a_new_link_leaves_the_old_one_behind(stage: Stage) -> None:
    speaker, session_id = await stage.speaking()
    panel = speaker.locator("details.owner")
    before = await speaker.locator(".invitation a").get_attribute("href")
    assert before is not None
    await panel.locator("summary").click()
    await panel.get_by_label("Only by the link").click()
    await panel.get_by_text("Done.").wait_for()
    await panel.get_by_role("button", name="Make a new link").click()
    link = speaker.locator(".invitation a")
    await expect(link).not_to_have_attribute("href", before)
    after = await link.get_attribute("href")
    assert after is not None
    stale = await stage.open("/listen/" + before.rsplit("/", 1)[1])
    await stale.get_by_text(f"There is no talk called “{session_id}”").wait_for()
    fresh = await stage.open("/listen/" + after.rsplit("/", 1)[1])
    await choose_language(fresh, "Español")
    await end_talk(speaker)


async def test_what_was_said_is_deleted_once_that_is_confirmed(
    stage: Stage, axe_source: str
) -> None:
    speaker, session_id = await stage.speaking()
    await end_talk(speaker)
    assert await stage.gateway.tables.get(session_id) is not None
    ask = speaker.get_by_role("button", name="Delete what was said …")
    await ask.click()
    dialog = speaker.get_by_role("dialog")
    await expect(dialog).to_contain_text("Backups keep table rows")
    await stage.picture(speaker, "speaker-erase")
    assert await faults(speaker, axe_source) == []
    await dialog.get_by_role("button", name="Keep").click()
    await expect(dialog).to_be_hidden()
    assert await stage.gateway.tables.get(session_id) is not None
    await ask.click()
    await dialog.get_by_role("button", name="Delete", exact=True).click()
    await speaker.get_by_text(f"What was said in {session_id} is deleted.").wait_for()
    assert await stage.gateway.tables.get(session_id) is None
    late = await stage.open(f"/listen/{session_id}")
    await late.get_by_text(f"There is no talk called “{session_id}”").wait_for()
    await speaker.get_by_role("button", name="Start speaking").click()  # another one
    await speaker.get_by_text("Live", exact=True).wait_for()
    await end_talk(speaker)
