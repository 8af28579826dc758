"""A person listens on the page: clips are heard in order, and what is wrong is said."""

from __future__ import annotations

import base64

import pytest
from playwright.async_api import expect

from connectors.interfaces.notifier import Audience
from schemas.names import clip_key
from tests.browser.clip_server import tone_clip
from tests.browser.conftest import SLOW_MS, T0_MS, Stage, tones
from tests.browser.listener_page import (
    change_language,
    choose_language,
    pieces,
    settings,
    show_original,
    transcript,
)
from tests.integration.gateway.sample_talk import tell_a_talk

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
    lines = pieces(page)
    await expect(lines).to_have_text(
        ["frase 0", "frase 1", "frase 2", "(a sentence is missing)", "frase 4", "frase 5"]
    )
    await expect(lines.nth(2)).to_have_class("piece missing")
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
    await expect(page.locator(".piece.heard")).to_have_count(3)
    # One run of one tone: 25 ms without it between two clips would have been noticed.
    heard: list[int] = await page.evaluate("window.heard")
    assert [tone for tone in heard if tone] == [6]


async def test_the_language_changes_in_mid_talk(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await stage.say(session_id, 0, 500)
    await tones(page, 500)
    await change_language(page, "Català")
    await stage.until(
        lambda: [one.language for one in stage.gateway.gateway.hub.listeners(session_id)] == ["ca"]
    )
    await stage.say(session_id, 1, 700)  # Spanish: not for this listener any more
    await stage.say(session_id, 1, 900, targetLanguage="ca", transcript="frase u")
    await tones(page, 500, 900)
    await expect(page.locator(".paragraph p", has_text="frase u")).to_have_attribute("lang", "ca")
    await page.reload()
    await expect(page.locator("button.language")).to_have_text("Català")  # of this talk


async def test_without_a_touch_there_are_captions_and_then_the_newest_clip(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id, touched=False, phone=True)
    tap = page.get_by_role("button", name="Tap to start the sound")
    await expect(tap).to_be_visible()
    for number in range(12):
        await stage.say(session_id, number, 500 + 100 * number)
    await expect(transcript(page)).to_contain_text("frase 11")
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
    await show_original(page)
    await expect(tap).to_be_hidden()
    await stage.say(session_id, 0, 500)
    await tones(page, 500)


async def test_who_comes_late_reads_the_last_captions(stage: Stage) -> None:
    session_id = await stage.session()
    await tell_a_talk(stage.gateway, session_id)
    page = await stage.listening(session_id)
    lines = pieces(page)
    await expect(lines).to_have_count(6)
    await expect(lines.first).to_have_text("frase 0 ñ")
    await show_original(page)
    await expect(page.locator(".paragraph .original").first).to_contain_text("sentence 0")
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
    await expect(page.get_by_role("alert")).to_contain_text("No connection.")
    await tell_a_talk(stage.gateway, session_id)
    stage.wire.mend()
    await expect(transcript(page)).to_contain_text("frase 7 ñ")
    await expect(page.get_by_role("alert")).to_be_hidden()


async def test_pause_keeps_what_comes_and_jump_to_live_leaves_it_out(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await page.get_by_role("button", name="Pause").click()
    for number in range(4):
        await stage.say(session_id, number, 500 + 200 * number)
    await expect(page.get_by_text("2 seconds wait to be heard")).to_be_visible()
    assert await page.evaluate("window.heard.filter(Boolean)") == []
    await page.get_by_role("button", name="Jump to live").click()
    await tones(page, 1100)
    assert await page.evaluate("window.heard.filter(Boolean)") == [11]


async def test_muted_is_silent_and_the_talk_goes_on(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await page.get_by_role("button", name="Mute").click()
    await stage.say(session_id, 0, 500)
    await expect(page.locator(".piece.heard")).to_have_count(1)
    assert await page.evaluate("window.heard.filter(Boolean)") == []
    await page.get_by_role("button", name="Unmute").click()
    await stage.say(session_id, 1, 700)
    await tones(page, 700)


async def test_a_talk_that_is_not_there_or_over_is_said(stage: Stage) -> None:
    page = await stage.open("/listen/no-such-1")
    await expect(page.get_by_role("alert")).to_contain_text("no talk called “no-such-1”")
    speaker, session_id = await stage.speaker()
    await page.get_by_label("Name of the talk").fill(f"{stage.wire.url}/listen/{session_id}")
    await page.get_by_role("button", name="Listen").click()
    await choose_language(page, "Español")
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await expect(page.get_by_role("status")).to_have_text("The talk has ended")
    await page.reload()
    await expect(page.get_by_role("status")).to_have_text("The talk has ended")
    async with settings(page) as drawer:
        link = drawer.get_by_role("link", name="Captions (VTT)")
        assert await link.get_attribute("href") == f"/transcripts/{session_id}/es.vtt"


async def test_nobody_is_given_a_language_unasked(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.open(f"/listen/{session_id}", phone=True, locale="ca-ES")
    names = page.locator(".languages button")
    await expect(names.first).to_have_text("Català")  # the page's own texts are Catalan too
    assert await page.evaluate("document.documentElement.lang") == "ca"
    assert stage.gateway.gateway.hub.listeners(session_id) == []
    await stage.picture(page, "listener-phone-languages")
    await choose_language(page, "Español")
    heard_in = [one.language for one in stage.gateway.gateway.hub.listeners(session_id)]
    assert heard_in == ["es"]


async def test_a_sentence_that_is_tapped_is_heard_again(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await stage.say(session_id, 0, 500, transcript="Una frase")
    await stage.say(session_id, 1, 900, transcript="en dos partes.")
    await stage.say(session_id, 2, 1100, transcript="Otra.")
    await tones(page, 500, 900, 1100)
    await expect(page.locator(".piece.heard")).to_have_count(3)
    registry = stage.gateway.gateway.metrics.registry
    lag = ("gateway_lag_seconds_count", {"language": "es"})
    await stage.until(lambda: registry.get_sample_value(*lag) == 3)
    await page.locator(".sentence").first.click()
    await tones(page, 500, 900, 1100, 500, 900)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await tones(page, 1100, 500, 900, 1100)
    assert registry.get_sample_value(*lag) == 3  # no new lag


async def test_who_wants_captions_only_loads_no_clip(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.open(f"/listen/{session_id}")
    await page.get_by_label("Captions only").check()
    await choose_language(page, "Español")
    await stage.say(session_id, 0, 500)
    await expect(pieces(page)).to_have_text(["frase 0"])
    assert stage.clips.asked == []
    await page.get_by_role("button", name="Sound and captions").click()
    await stage.say(session_id, 1, 700)
    await tones(page, 700)
    assert 5 not in await page.evaluate("window.heard")


async def test_a_browser_without_web_audio_shows_captions(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.open(f"/listen/{session_id}", phone=True)
    await page.add_init_script("delete window.AudioContext")
    await page.reload()
    await choose_language(page, "Español")
    await expect(page.get_by_role("alert")).to_contain_text("plays no sound here")
    await stage.say(session_id, 0, 500)
    await expect(pieces(page)).to_have_text(["frase 0"])
    await stage.picture(page, "listener-phone-no-sound")


async def test_live_is_not_said_for_long_without_speech(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    partial = {"type": "partialCaption", "sequenceNumber": 0, "text": "so far", "language": "en"}
    await stage.job.notify(session_id, "es", dict(partial), audience=Audience.PARTIALS)
    await expect(page.locator(".partial")).to_have_text("so far")
    state = page.get_by_role("status")
    await expect(state).to_have_text("Live")
    await expect(state).to_have_text("No speech at the moment", timeout=SLOW_MS)
    await stage.say(session_id, 0, 500)
    await expect(state).to_have_text("Live")


async def test_hostile_and_endless_words_are_only_words(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id, phone=True)
    endless = "Donaudampfschifffahrtsgesellschaft" * 15
    texts = [
        f"<img src=x onerror=alert(1)>{endless[:500]}",
        "مرحبا بكم",
        "\N{EARTH GLOBE EUROPE-AFRICA}\N{VARIATION SELECTOR-16}" * 100,
        "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    ]
    for number, transcript_ in enumerate(texts):
        await stage.say(session_id, number, 500, transcript=transcript_)
    await expect(pieces(page)).to_have_text(texts)
    assert await page.locator("img").count() == 0
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    box = "(box => box.scrollWidth > box.clientWidth)(document.querySelector('.transcript'))"
    assert not await page.evaluate(box)
    await stage.picture(page, "listener-phone-hostile")
