"""``make live`` with the neural engines, spoken to in Chromium: the demo's talk comes out of the
microphone of the speaker's page, and is read on a listener's page and on a phone.

One of ``make test-speech``, as it needs the models; alone, with its figures:
``python -m pytest -m speech -s tests/browser/test_local_talk.py``. Pictures: build/browser/.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
import wave
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from benchmarks.browsers.pages import chromium, end
from benchmarks.recorded_talks import TALKS, words_wrong
from ingest_gateway.routes import pages
from local_stack.flink import ROOT
from local_stack.processes import Processes
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from tests.browser.conftest import CHROMIUM, PICTURES
from tests.browser.listener_page import choose_language, pieces, show_original
from tests.browser.test_kinesis_video import share

TALK = TALKS["dashwood"]
SILENCE_S = 25.0
"""In front of the talk: until then both listeners have joined."""
SETTLED_AFTER_S = 12.0
"""Nothing new was shown for so long."""
START_WITHIN_S = 300.0
WORDS_WITHIN_S = 240.0
SLOW_MS = 120_000

pytestmark = [
    pytest.mark.speech,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="apt-get install chromium"),
    pytest.mark.skipif(not (pages.BUILT / "index.html").exists(), reason="make pages"),
]


@pytest.fixture
def microphone(tmp_path: Path) -> tuple[Path, float]:
    """The talk once, after a silence, and how long both take."""
    pcm = bytes(int(SILENCE_S * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE) + TALK.pcm()
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm)
    return path, len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ


@pytest.fixture
def live(tmp_path: Path) -> Iterator[str]:
    """The address that ``make live`` tells a person to open."""
    with Processes(tmp_path / "logs") as processes:
        program = processes.start(
            "live", [sys.executable, "-m", "local_stack.live", "--speech=local"], cwd=ROOT
        )

        def address() -> re.Match[str] | None:
            return re.search(r"^live: open (http\S+)/ to speak", program.log.read_text(), re.M)

        program.wait_until(lambda: address() is not None, "address to open", START_WITHIN_S)
        found = address()
        assert found is not None
        yield found[1]


@dataclass
class Visitors:
    """People at one browser, each with pages of their own; ``problems`` of all pages."""

    browser: Browser
    url: str
    problems: list[str] = field(default_factory=list[str])

    async def open(self, path: str, *, phone: bool = False) -> Page:
        size: Any = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 860}
        context = await self.browser.new_context(
            viewport=size, is_mobile=phone, permissions=["microphone"], locale="en-US"
        )
        context.set_default_timeout(SLOW_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{path}: {error}"))
        await page.goto(f"{self.url}{path}")
        return page

    async def speak(self) -> tuple[Page, str]:
        page = await self.open("/")
        await page.get_by_role("button", name="Start speaking").click()
        await page.get_by_text("Live", exact=True).wait_for()
        return page, await page.locator(".invitation .session").inner_text()

    async def listen(self, session_id: str, language: str, *, phone: bool = False) -> Page:
        page = await self.open(f"/listen/{session_id}", phone=phone)
        await choose_language(page, language)
        return page


async def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"live-local-{name}.png")


async def text_of(page: Page, selector: str) -> str:
    return " ".join(" ".join(await page.locator(selector).all_inner_texts()).split())


async def settled(shown: Callable[[], Awaitable[str]]) -> str:
    """What is shown once nothing new comes, or as it stands when patience is over."""
    began_s = changed_s = time.monotonic()
    last = await shown()
    while time.monotonic() - changed_s < SETTLED_AFTER_S:
        if time.monotonic() - began_s > WORDS_WITHIN_S:
            break
        await asyncio.sleep(1.0)
        now = await shown()
        if now != last:
            last, changed_s = now, time.monotonic()
    return last


async def test_what_is_spoken_into_make_live_is_read_in_portuguese_and_spanish(
    live: str, microphone: tuple[Path, float]
) -> None:
    recording, lasts_s = microphone
    # Chromium plays a file again and again unless its name ends so.
    async with chromium(recording.with_name(f"{recording.name}%noloop")) as browser:
        visitors = Visitors(browser, live)
        speaker, session_id = await visitors.speak()
        began_s = time.monotonic()
        portuguese = await visitors.listen(session_id, "Português")
        spanish = await visitors.listen(session_id, "Español", phone=True)
        await show_original(portuguese)
        assert time.monotonic() - began_s < SILENCE_S, "the talk began before the listeners came"
        await pieces(portuguese).nth(3).wait_for()
        await picture(speaker, "speaker")
        await picture(portuguese, "listener-pt")
        await picture(spanish, "phone-es")
        await asyncio.sleep(max(0.0, began_s + lasts_s - time.monotonic()))
        recognised = await settled(lambda: text_of(portuguese, ".paragraph .original"))
        translated = await text_of(portuguese, ".transcript .piece")
        into_spanish = await text_of(spanish, ".transcript .piece")
        missing = await portuguese.locator(".piece.missing").count()
        voiced = await portuguese.locator(".piece.heard").count()
        await picture(portuguese, "listener-pt-all")
        await picture(spanish, "phone-es-all")
        await end(speaker)
    wrong = words_wrong(TALK.reference, recognised)
    sys.stdout.write(
        f"\nlive: {wrong:.1%} of words wrong; {voiced} clips heard in Portuguese\n"
        f"en: {recognised}\npt: {translated}\nes: {into_spanish}\n"
    )
    assert visitors.problems == []
    assert wrong <= 0.15, recognised
    assert share(" ".join(TALK.translation("pt")), translated) >= 0.4, translated
    assert share(" ".join(TALK.translation("es")), into_spanish) >= 0.3, into_spanish
    assert missing == 0
    assert voiced > 0
