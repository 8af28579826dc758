"""Both pages in Debian's Chromium against a real gateway. The job is played by the tests, which
post to the gateway as it does; the microphone is a WAV file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from websockets.exceptions import ConnectionClosed

from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.routes import pages
from schemas.names import clip_key
from tests.browser.clip_server import ServedClips, tone_clip
from tests.browser.listener_page import choose_language
from tests.browser.wire import Wire
from tests.integration.gateway.conftest import Client, RunningGateway, in_memory, running

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[2] / "build" / "browser"
T0_MS = 1_790_000_000_000
SLOW_MS = 60_000
"""How long a page may take for one step on a busy machine."""
expect.set_options(timeout=SLOW_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = None
    if not CHROMIUM.exists():
        missing = "Chromium is not installed: apt-get install chromium"
    elif not (pages.BUILT / "index.html").exists():
        missing = "the pages are not built: make pages"
    for item in items:
        if missing is not None and item.get_closest_marker("browser") is not None:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def microphone_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds in which no two moments sound alike, so that a chunk is known by its samples."""
    times_s = np.arange(10 * 48_000) / 48_000
    sweep = np.sin(2 * np.pi * (150 + 100 * times_s) * times_s)
    samples = (12_000 * sweep * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * times_s))).astype("<i2")
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.tobytes())
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(microphone_wav: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone_wav}",
                "--autoplay-policy=document-user-activation-required",
                "--host-resolver-rules=MAP *.test 127.0.0.1",
                # As root, as in a container, Chromium refuses its own sandbox.
                "--no-sandbox",
            ],
        )
        yield browser
        await browser.close()


@dataclass
class Stage:
    """A gateway with its clips, the wire to it, the browser, and the job's way to the gateway."""

    gateway: RunningGateway
    clips: ServedClips
    wire: Wire
    browser: Browser
    job: GatewayNotifier
    problems: list[str] = field(default_factory=list)
    signs: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def open(
        self,
        path: str,
        *,
        phone: bool = False,
        host: str = "127.0.0.1",
        memory: dict[str, str] | None = None,
        wire: Wire | None = None,
        **options: Any,
    ) -> Page:
        """A page as a person of their own would open it. ``memory``: what the pages have kept in
        the browser before; ``wire``: another way to the gateway than that of the others."""
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 860}
        context: BrowserContext = await self.browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            is_mobile=phone,
            has_touch=phone,
            **({"permissions": ["microphone"], "locale": "en-US"} | options),
        )
        context.set_default_timeout(SLOW_MS)
        await context.add_init_script(path=Path(__file__).with_name("in_page.js"))
        for name, value in (memory or {}).items():
            key = json.dumps(f"live-translation.{name}")
            await context.add_init_script(f"localStorage.setItem({key}, {json.dumps(value)})")
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{path}: {error}"))
        await page.goto(f"http://{host}:{(wire or self.wire).port}{path}")
        return page

    async def speaking(self, **options: Any) -> tuple[Page, str]:
        """A page that speaks, and its session."""
        page = await self.open("/", **options)
        return page, await self.start(page)

    async def start(self, page: Page) -> str:
        await page.get_by_role("button", name="Start speaking").click()
        await page.get_by_text("Live", exact=True).wait_for()
        return await page.locator(".invitation .session").inner_text()

    async def session(self) -> str:
        """A session whose speaker is not a page."""
        return (await self.speaker())[1]

    async def speaker(self) -> tuple[Client, str]:
        """One who is no page, and a new session. It gives a sign of itself as pages do."""
        client, session_id = await self.gateway.speaker()
        self.give_signs(client)
        return client, session_id

    def give_signs(self, client: Client) -> None:
        """As a page whose speaker says nothing, until the test ends."""

        async def give() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await client.send("heartbeat")
                    await asyncio.sleep(1)

        self.signs.append(asyncio.create_task(give()))

    async def listening(self, session_id: str, *, touched: bool = True, **options: Any) -> Page:
        """A page that listens in Spanish. ``touched``: the language was chosen on it; otherwise
        it was chosen before the page was loaded anew, and the browser gives no sound yet."""
        here = len(self.gateway.gateway.hub.listeners(session_id))
        if not touched:
            options["memory"] = {"joined": f"{session_id} es"} | options.get("memory", {})
        page = await self.open(f"/listen/{session_id}", **options)
        if touched:
            await choose_language(page, "Español")
            await page.get_by_role("button", name="Tap to start the sound").wait_for(state="hidden")
        # What Playwright looks at counts as touched: not before the page has asked for its sound.
        await self.until(lambda: len(self.gateway.gateway.hub.listeners(session_id)) > here)
        await page.locator("main.listener[data-phase=listening]").wait_for()
        return page

    async def say(self, session_id: str, number: int, hz: int = 0, **fields: Any) -> None:
        """One utterance to the listeners of a language (``es``): a clip of this tone behind a
        link, or as its fields say."""
        language = fields.setdefault("targetLanguage", "es")
        key = clip_key(session_id, language, T0_MS + number * 1000)
        if hz and "audio" not in fields:
            body = tone_clip(hz)
            await self.clips.put(key, body, content_type="audio/mpeg", metadata={})
        message = {
            "type": "translatedAudio",
            "sessionId": session_id,
            "sequenceNumber": number,
            "previousSequenceNumber": number - 1 if number else None,
            "timestamp": T0_MS + number * 1000,
            "sourceDuration": 1.0,
            "duration": 0.6,
            "transcript": f"frase {number}",
            "sourceTranscript": f"sentence {number}",
            "url": await self.clips.presign(key, expires_s=600),
            "contentType": "audio/mpeg",
            **fields,
        }
        await self.job.notify(session_id, language, message)

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.gateway.until(condition)

    async def picture(self, page: Page, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")


async def tones(page: Page, *expected: int) -> None:
    """Wait until these were heard last, in this order, in hertz."""
    wanted = [hz // 100 for hz in expected]
    script = """wanted => {
        const heard = window.heard.filter((tone) => tone > 0);
        return JSON.stringify(heard.slice(-wanted.length)) === JSON.stringify(wanted);
    }"""
    try:
        await page.wait_for_function(script, arg=wanted)
    except Exception as error:
        raise AssertionError(f"heard {await page.evaluate('window.heard')}") from error


async def end_talk(page: Page) -> None:
    await page.get_by_role("button", name="End …").click()
    await page.get_by_role("button", name="End the talk").click()
    await expect(page.get_by_role("heading", name="The talk has ended")).to_be_visible()


async def unplug(page: Page) -> None:
    """The microphone goes in mid-talk."""
    await page.evaluate(
        """() => {
            const [track] = window.microphone.getTracks();
            track.stop();
            track.dispatchEvent(new Event("ended"));
        }"""
    )


@pytest_asyncio.fixture(loop_scope="session")
async def stage(chromium: Browser) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as exits:
        clips = ServedClips()
        await clips.start()
        exits.push_async_callback(clips.stop)
        gateway = await exits.enter_async_context(
            running(in_memory(clips=clips, asked_by_pages=("http://127.0.0.1:*",)))
        )
        wire = Wire(gateway.port)
        await wire.start()
        exits.push_async_callback(wire.stop)
        job = GatewayNotifier(GatewayNotifierSettings(gateway.url))
        exits.push_async_callback(job.close)
        one = Stage(gateway, clips, wire, chromium, job)
        yield one
        for task in one.signs:
            task.cancel()
        for context in chromium.contexts:
            await context.close()
        assert one.problems == []


@pytest.fixture(scope="session")
def axe_source() -> str:
    path = pages.BUILT.parent / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text()
