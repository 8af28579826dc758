"""Pages that nobody looks at: another tab is in front, the tab is frozen, the sound is held.

Playwright shows every page it makes to itself as looked at and keeps Chromium from slowing tabs
down, so these tabs are of a Chromium that is started as people start it.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from schemas.values import AudioChunk
from tests.browser.conftest import CHROMIUM, SLOW_MS, Stage, end_talk
from tests.browser.listener_page import choose_language, transcript
from tests.integration.gateway.conftest import until
from tests.integration.gateway.sample_talk import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CHUNK_MS = 256

# What is scheduled on the audio clock: the beginning and the end of each clip, in seconds.
SCHEDULED = """
window.scheduled = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (whenS) {
  window.scheduled.push([whenS, whenS + this.buffer.duration]);
  return start.call(this, whenS);
};
window.contexts = [];
window.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options);
    window.contexts.push(this);
  }
};
"""

# As a telephone call does it: suspended, and no wish of the page changes that.
HOLD = """() => {
  window.held = window.contexts[0];
  window.held.resume = () => Promise.reject(new DOMException("held", "InvalidStateError"));
  return window.held.suspend();
}"""
GIVE_BACK = "() => { delete window.held.resume; }"


@pytest_asyncio.fixture(loop_scope="session")
async def window(microphone_wav: Path, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser's window, whose tabs hide each other."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--accept-lang=en-US",
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path}",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone_wav}",
        "--autoplay-policy=document-user-activation-required",
        stderr=asyncio.subprocess.DEVNULL,
    )
    told = tmp_path / "DevToolsActivePort"
    try:
        await until(lambda: told.exists() and "\n" in told.read_text())
        async with async_playwright() as playwright:
            port = told.read_text().split()[0]
            browser = await playwright.chromium.connect_over_cdp(
                f"http://127.0.0.1:{port}", no_defaults=True
            )
            context = browser.contexts[0]
            context.set_default_timeout(SLOW_MS)
            await context.grant_permissions(["microphone"])
            await context.add_init_script(path=Path(__file__).with_name("in_page.js"))
            await context.add_init_script(SCHEDULED)
            yield context
            await browser.close()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def tab(stage: Stage, window: BrowserContext, path: str) -> Page:
    page = await window.new_page()
    page.on("pageerror", lambda error: stage.problems.append(f"{path}: {error}"))
    await page.goto(f"{stage.wire.url}{path}")
    return page


async def hide(page: Page) -> None:
    """Somebody opens another tab."""
    other = await page.context.new_page()
    await other.bring_to_front()
    await becomes(page, "hidden")


async def show(page: Page) -> None:
    await page.bring_to_front()
    await becomes(page, "visible")


async def becomes(page: Page, visibility: str) -> None:
    # In hidden tabs no frame is drawn: ask by the clock.
    await page.wait_for_function(
        "wanted => document.visibilityState === wanted", arg=visibility, polling=100
    )


def chunks(stage: Stage) -> list[AudioChunk]:
    return [one for one in stage.gateway.records() if isinstance(one, AudioChunk)]


async def listening(stage: Stage, window: BrowserContext, session_id: str) -> Page:
    page = await tab(stage, window, f"/listen/{session_id}")
    await choose_language(page, "Español")
    await page.get_by_role("button", name="Tap to start the sound").wait_for(state="hidden")
    return page


async def test_who_speaks_behind_another_tab_is_heard(stage: Stage, window: BrowserContext) -> None:
    page = await tab(stage, window, "/")
    await stage.start(page)
    await hide(page)
    before = len(chunks(stage))
    await stage.until(lambda: len(chunks(stage)) >= before + 10)
    assert await page.evaluate("document.visibilityState") == "hidden"
    behind = chunks(stage)[before:]
    first = behind[0].sequence
    assert [one.sequence for one in behind] == list(range(first, first + len(behind)))
    assert all(any(one.pcm) for one in behind)
    times_ms = [one.captured_at_ms for one in behind]
    apart_ms = [after - at for at, after in itertools.pairwise(times_ms)]
    # The median: a busy machine drops sound, and the clock begins anew.
    assert statistics.median(apart_ms) == CHUNK_MS
    await show(page)
    await expect(page.get_by_text("Good connection.")).to_be_visible()
    await end_talk(page)
    assert stage.gateway.controls("gap") == []


async def test_who_listens_behind_another_tab_hears_clips_without_gaps(
    stage: Stage, window: BrowserContext
) -> None:
    session_id = await stage.session()
    page = await listening(stage, window, session_id)
    await hide(page)
    for number in range(8):
        await stage.say(session_id, number, 500 + 100 * number)
    registry = stage.gateway.gateway.metrics.registry
    lag = ("gateway_lag_seconds_count", {"language": "es"})
    await stage.until(lambda: registry.get_sample_value(*lag) == 8)
    assert await page.evaluate("document.visibilityState") == "hidden"
    scheduled: list[tuple[float, float]] = await page.evaluate("window.scheduled")
    silences_s = [after[0] - before[1] for before, after in itertools.pairwise(scheduled)]
    # The first ones may wait for their download; from then on each follows the one before it.
    assert silences_s[3:] == pytest.approx([0.0] * 4, abs=0.001)
    heard: list[int] = [one for one in await page.evaluate("window.heard") if one]
    assert len(heard) >= 2
    assert heard == sorted(set(heard) & set(range(5, 13)))
    await expect(transcript(page)).to_contain_text("frase 7")


async def test_a_tab_that_was_frozen_makes_up_for_what_it_missed(
    stage: Stage, window: BrowserContext
) -> None:
    session_id = await stage.session()
    page = await listening(stage, window, session_id)
    await hide(page)
    session = await page.context.new_cdp_session(page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    await tell_a_talk(stage.gateway, session_id)
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await show(page)
    log = transcript(page)
    await expect(log).to_contain_text("frase 7 ñ", timeout=SLOW_MS)
    await stage.say(session_id, 8, 600, previousSequenceNumber=7)
    await expect(log).to_contain_text("frase 8")
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_speaker_whose_sound_is_held_is_told_and_goes_on(
    stage: Stage, window: BrowserContext
) -> None:
    page = await tab(stage, window, "/")
    await page.set_viewport_size({"width": 390, "height": 844})
    await stage.start(page)
    await stage.until(lambda: len(chunks(stage)) >= 2)
    await page.evaluate("window.contexts[0].suspend()")  # for a moment: nobody need do anything
    before = len(chunks(stage))
    await stage.until(lambda: len(chunks(stage)) >= before + 3)
    await page.evaluate(HOLD)
    await expect(page.get_by_role("alert")).to_contain_text("keeps the microphone from this page")
    await stage.picture(page, "speaker-phone-held")
    await page.evaluate(GIVE_BACK)
    before = len(chunks(stage))
    await page.get_by_role("heading", name="Speak").click()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await stage.until(lambda: len(chunks(stage)) >= before + 3)
    await end_talk(page)
    assert stage.gateway.controls("gap") == []


async def test_a_listener_whose_sound_is_held_is_told_and_goes_on(
    stage: Stage, window: BrowserContext
) -> None:
    session_id = await stage.session()
    page = await listening(stage, window, session_id)
    await page.evaluate(HOLD)
    tap = page.get_by_role("button", name="Tap to start the sound")
    await expect(tap).to_be_visible()
    await page.evaluate(GIVE_BACK)
    await hide(page)
    await show(page)  # to come back is enough
    await expect(tap).to_be_hidden()
    await stage.say(session_id, 0, 500)
    await expect(page.locator(".piece.heard")).to_have_count(1)
