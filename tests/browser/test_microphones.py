"""Microphones of every kind, and none: what is said in words, and what reaches the stream."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.async_api import async_playwright, expect

from benchmarks.browsers.sweep import spoken_at_s
from schemas.values import SAMPLE_RATE_HZ, AudioChunk
from tests.browser.conftest import CHROMIUM, Stage
from tests.browser.listener_page import choose_language
from tests.unit.gateway.opus_tones import heard

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CHUNK_S = 4096 / SAMPLE_RATE_HZ

# As Firefox has it: a context of another rate than the device takes no microphone, so the page has
# to resample what a context of the device's own rate gives it.
OWN_RATE_ONLY = """
const Context = AudioContext;
window.AudioContext = class extends Context {
  constructor(options) {
    super({ ...options, sampleRate: options?.sampleRate ?? DEVICE_HZ });
  }
  createMediaStreamSource(stream) {
    if (this.sampleRate !== DEVICE_HZ) throw new DOMException("rates differ", "NotSupportedError");
    window.resampledFrom = this.sampleRate;
    return super.createMediaStreamSource(stream);
  }
};
"""


@pytest.mark.parametrize("device_hz", [44_100, 48_000])
async def test_a_devices_own_rate_is_resampled_to_the_protocols(
    stage: Stage, device_hz: int
) -> None:
    """The microphone's tone tells when it was spoken: no time is stretched."""
    page = await stage.open("/")
    script = OWN_RATE_ONLY.replace("DEVICE_HZ", str(device_hz))
    await page.context.add_init_script(script)
    await page.reload()
    await stage.start(page)

    def chunks() -> list[AudioChunk]:
        return [one for one in stage.gateway.records() if isinstance(one, AudioChunk)]

    await stage.until(lambda: len(chunks()) >= 12)
    assert await page.evaluate("window.resampledFrom") == device_hz
    spoken_s = [spoken_at_s(heard([one.pcm]), SAMPLE_RATE_HZ) for one in chunks()[2:]]
    apart_s = np.diff([at_s for at_s in spoken_s if at_s is not None])
    # The median: a busy machine drops sound, and the recording begins anew.
    assert np.median(apart_s) == pytest.approx(CHUNK_S, abs=0.004)


async def test_a_machine_without_a_microphone_is_told_so(stage: Stage) -> None:
    """Chromium as it is on a machine that has none."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stage.browser, usual = browser, stage.browser
        try:
            page = await stage.open("/", phone=True)
            await page.get_by_role("button", name="Start speaking").click()
            await expect(page.get_by_role("alert")).to_contain_text("There is no microphone")
            await expect(page.get_by_role("button", name="Start speaking")).to_be_enabled()
            await stage.picture(page, "speaker-phone-no-microphone")
        finally:
            stage.browser = usual
            await browser.close()
    assert stage.gateway.records() == []


async def test_a_page_that_is_not_secure_says_what_to_do(stage: Stage) -> None:
    """By a name, over plain HTTP: browsers keep the microphone from such pages."""
    page = await stage.open("/", phone=True, host="talks.test")
    assert await page.evaluate("window.isSecureContext") is False
    await page.get_by_role("button", name="Start speaking").click()
    await expect(page.get_by_role("alert")).to_contain_text("Open this page over https")
    await stage.picture(page, "speaker-phone-insecure")
    assert stage.gateway.records() == []
    listener = await stage.open(f"/listen/{await stage.session()}", host="talks.test")
    await choose_language(listener, "Español")  # listening needs no microphone
