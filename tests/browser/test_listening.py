"""A person listens on the page: clips are heard in order, and what is wrong is said."""

from __future__ import annotations

import base64

import pytest
from playwright.async_api import expect

from connectors.interfaces.notifier import Audience
from schemas.names import clip_key
from tests.browser.clip_server import tone_clip
from tests.browser.conftest import T0_MS, Stage, tones
from tests.integration.gateway.test_gateway_listening import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_clips_are_heard_in_order_whatever_is_wrong_with_some(stage: Stage) -> None:
    """One comes inline, one's link has expired, one is not there, one is skipped."""
    session_id = await stage.session()
    page = await stage.listening(session_id)
    inline = base64.b64encode(tone_clip(500)).decode()
    expired = clip_key(session_id, "es", T0_MS + 1000)
    stage.clips.refusals[expired] = [403, 404]
    await stage.say(session_id, 0, audio=inline)
    await stage.say(session_id, 1, 900)
    await stage.say(session_id, 2)  # no such clip
    await stage.say(session_id, 3, type="skipped", reason="late", url=None, transcript=None)
    await stage.say(session_id, 4, 700)
    await stage.say(session_id, 5, 1100)
    await tones(page, 500, 900, 700, 1100)
    assert stage.clips.asked.count(expired) == 3
    lines = page.get_by_role("log").get_by_role("listitem")
    await expect(lines).to_have_text(
        ["frase 0", "frase 1", "frase 2", "(a sentence is missing)", "frase 4", "frase 5"]
    )
    await expect(lines.nth(2)).to_have_class("missing")
    # The lag as heard is measured by what the page reports.
    registry = stage.gateway.gateway.metrics.registry
    count = ("gateway_lag_seconds_count", {"language": "es"})
    await stage.until(lambda: registry.get_sample_value(*count) == 4)


async def test_clips_join_without_a_gap(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    for number in range(3):
        await stage.say(session_id, number, 600)
    await tones(page, 600)
    await expect(page.locator("li.heard")).to_have_count(3)
    # One run of one tone: 25 ms without it between two clips would have been noticed.
    heard: list[int] = await page.evaluate("window.heard")
    assert [tone for tone in heard if tone] == [6]


async def test_the_language_changes_in_mid_talk(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await stage.say(session_id, 0, 500)
    await tones(page, 500)
    await page.get_by_label("Language").select_option("ca")
    await stage.until(
        lambda: [one.language for one in stage.gateway.gateway.hub.listeners(session_id)] == ["ca"]
    )
    await stage.say(session_id, 1, 700)  # Spanish: not for this listener any more
    await stage.say(session_id, 1, 900, targetLanguage="ca", transcript="frase u")
    await tones(page, 500, 900)
    await expect(page.get_by_role("log").get_by_text("frase u")).to_have_attribute("lang", "ca")
    await page.reload()
    await expect(page.get_by_label("Language")).to_have_value("ca")  # remembered


async def test_without_a_touch_there_are_captions_and_then_the_newest_clip(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id, touched=False, phone=True)
    tap = page.get_by_role("button", name="Tap to start the sound")
    await expect(tap).to_be_visible()
    for number in range(12):
        await stage.say(session_id, number, 500 + 100 * number)
    await expect(page.get_by_role("log")).to_contain_text("frase 11")
    await stage.picture(page, "listener-phone-tap")
    assert await page.evaluate("window.heard.filter(Boolean)") == []
    await tap.tap()
    await expect(tap).to_be_hidden()
    await tones(page, 1600)
    assert 5 not in await page.evaluate("window.heard")  # the first ones were left out


async def test_any_touch_starts_the_sound(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id, touched=False)
    tap = page.get_by_role("button", name="Tap to start the sound")
    await expect(tap).to_be_visible()
    await page.get_by_label("Show the original").check()
    await expect(tap).to_be_hidden()
    await stage.say(session_id, 0, 500)
    await tones(page, 500)


async def test_who_comes_late_reads_the_last_captions(stage: Stage) -> None:
    session_id = await stage.session()
    await tell_a_talk(stage.gateway, session_id)
    page = await stage.listening(session_id)
    lines = page.get_by_role("log").get_by_role("listitem")
    await expect(lines).to_have_count(6)
    await expect(lines.first).to_have_text("frase 0 ñ")
    await page.get_by_label("Show the original").check()
    await expect(lines.first).to_contain_text("sentence 0")
    partial = {"type": "partialCaption", "sequenceNumber": 9, "text": "so far", "language": "en"}
    await stage.job.notify(session_id, "es", dict(partial), audience=Audience.PARTIALS)
    await expect(page.locator(".partial")).to_have_text("so far")
    await stage.say(session_id, 9, 500, previousSequenceNumber=7)
    await expect(lines.last).to_contain_text("frase 9")
    await expect(page.locator(".partial")).to_have_count(0)
    await tones(page, 500)


async def test_what_a_broken_connection_missed_is_made_up_for(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    stage.wire.cut()
    await expect(page.get_by_role("alert")).to_contain_text("No connection: trying again")
    await tell_a_talk(stage.gateway, session_id)
    stage.wire.mend()
    await expect(page.get_by_role("log")).to_contain_text("frase 7 ñ")
    await expect(page.get_by_role("alert")).to_be_hidden()


async def test_pause_keeps_what_comes_and_jump_to_live_leaves_it_out(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await page.get_by_role("button", name="Pause").click()
    for number in range(4):
        await stage.say(session_id, number, 500 + 200 * number)
    await expect(page.get_by_text("2 s wait to be heard")).to_be_visible()
    assert await page.evaluate("window.heard.filter(Boolean)") == []
    await page.get_by_role("button", name="Jump to live").click()
    await tones(page, 1100)
    assert await page.evaluate("window.heard.filter(Boolean)") == [11]


async def test_muted_is_silent_and_the_talk_goes_on(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await page.get_by_role("button", name="Mute").click()
    await stage.say(session_id, 0, 500)
    await expect(page.locator("li.heard")).to_have_count(1)
    assert await page.evaluate("window.heard.filter(Boolean)") == []
    await page.get_by_role("button", name="Unmute").click()
    await stage.say(session_id, 1, 700)
    await tones(page, 700)


async def test_a_talk_that_is_not_there_or_over_is_said(stage: Stage) -> None:
    page = await stage.open("/listen/no-such-1")
    await expect(page.get_by_role("alert")).to_contain_text("no talk called “no-such-1”")
    speaker, session_id = await stage.gateway.speaker()
    await page.get_by_label("Name of the talk").fill(f"{stage.wire.url}/listen/{session_id}")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await expect(page.get_by_role("status")).to_have_text("The talk has ended")
    await page.reload()
    await expect(page.get_by_role("status")).to_have_text("The talk has ended")
    link = page.get_by_role("link", name="Captions (VTT)")
    assert await link.get_attribute("href") == f"/transcripts/{session_id}/es.vtt"
