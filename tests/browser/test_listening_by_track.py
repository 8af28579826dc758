"""A person listens to one continuous track, as for a phone whose screen is locked."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from connectors.interfaces.notifier import Audience
from tests.browser.conftest import SLOW_MS, Stage
from tests.browser.listener_page import change_language, pieces, settings
from tests.browser.udp_relay import UdpRelay
from tests.integration.gateway.sample_talk import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SWITCH = "Continuous sound"


async def hears(page: Page, hz: int) -> None:
    """Behind everything that was heard before. Opus smears a tone: its neighbours will do."""
    script = "at => window.heard.slice(-6).some((tone) => Math.abs(tone - at) <= 1)"
    try:
        await page.wait_for_function(script, arg=hz // 100)
    except Exception as error:
        raise AssertionError(f"heard {await page.evaluate('window.heard')}") from error


async def by_track(stage: Stage, session_id: str, page: Page) -> None:
    """Change over, and be counted once when it is done."""
    async with settings(page) as drawer:
        await drawer.get_by_label(SWITCH).check()
    hub = stage.gateway.gateway.hub
    await stage.until(
        lambda: (
            [one.capabilities for one in hub.listeners(session_id)]
            == [("inlineAudio", "partialCaptions")]
            and all(one.peer.user_agent for one in hub.listeners(session_id))
        )
    )
    await page.wait_for_function("() => window.player && !window.player.paused")
    await page.locator("main.listener[data-phase=listening]").wait_for()


async def test_a_track_is_heard_and_its_captions_are_read(stage: Stage) -> None:
    speaker, session_id = await stage.speaker()
    await tell_a_talk(stage.gateway, session_id)
    page = await stage.listening(session_id, phone=True)
    await by_track(stage, session_id, page)
    assert (await speaker.expect("listenerCount", byLanguage={"es": 1}))["byLanguage"] == {"es": 1}
    lines = pieces(page)
    await expect(lines).to_have_count(6)  # the last captions, as for everybody who comes late
    await stage.say(session_id, 8, 500, previousSequenceNumber=7)
    await hears(page, 500)
    await expect(lines.last).to_have_text("frase 8")
    await expect(lines.last).to_have_class("piece heard")
    registry = stage.gateway.gateway.metrics.registry
    lag = ("gateway_lag_seconds_count", {"language": "es"})
    await stage.until(lambda: registry.get_sample_value(*lag) == 1)
    partial = {"type": "partialCaption", "sequenceNumber": 9, "text": "so far", "language": "en"}
    await stage.job.notify(session_id, "es", dict(partial), audience=Audience.PARTIALS)
    await expect(page.locator(".partial")).to_have_text("so far")
    await stage.picture(page, "listener-phone-track")

    await page.get_by_role("button", name="Pause").click()
    assert await page.evaluate("window.player.paused")
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Mute").click()
    assert await page.evaluate("window.player.muted")
    await page.get_by_role("button", name="Unmute").click()

    await change_language(page, "Català")
    await stage.until(
        lambda: [one.language for one in stage.gateway.gateway.hub.listeners(session_id)] == ["ca"]
    )
    await page.wait_for_function("() => !window.player.paused")
    await stage.say(session_id, 10, 900, targetLanguage="ca", transcript="frase u")
    await hears(page, 900)
    await expect(page.locator(".piece.heard", has_text="frase u")).to_be_visible()
    await expect(page.locator(".paragraph p", has_text="frase u")).to_have_attribute("lang", "ca")
    async with settings(page) as drawer:
        await drawer.get_by_role("button", name="Leave the talk").click()
    await stage.until(lambda: stage.gateway.gateway.hub.listeners(session_id) == [])


async def test_a_track_goes_on_when_the_gateway_was_away(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    await by_track(stage, session_id, page)
    await stage.gateway.restart(stage.gateway.port)
    await stage.until(lambda: len(stage.gateway.gateway.hub.listeners(session_id)) == 1)
    await page.locator("main.listener[data-phase=listening]").wait_for()
    await stage.say(session_id, 0, 700)
    await hears(page, 700)


async def test_where_no_track_gets_through_there_are_clips(stage: Stage) -> None:
    session_id = await stage.session()
    page = await stage.listening(session_id)
    relay = UdpRelay(cut=True)
    await relay.attach(page)
    async with settings(page) as drawer:
        await drawer.get_by_label(SWITCH).check()
        kept_out = drawer.get_by_text("does not get through this network")
        await expect(kept_out).to_be_visible(timeout=SLOW_MS)
        await expect(drawer.get_by_label(SWITCH)).not_to_be_checked()
    await page.locator("main.listener[data-phase=listening]").wait_for()
    await stage.say(session_id, 0, 700)
    await hears(page, 700)
    await expect(page.locator(".piece.heard")).to_have_count(1)
    relay.close()
