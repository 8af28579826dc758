"""The pages as people use them, in Debian's Chromium, and what is measured in them."""

from __future__ import annotations

import time
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, WebSocket, async_playwright

from benchmarks.browsers.sweep import Glimpse

CHROMIUM = Path("/usr/bin/chromium")
WaySent = Literal["websocket", "webrtc"]
_SLOW_MS = 30_000

_FAST_3G = {
    "offline": False,
    "latency": 562.5,
    "downloadThroughput": 1.6 * 1024 * 1024 / 8 * 0.9,
    "uploadThroughput": 750 * 1024 / 8 * 0.9,
}
"""As Chrome's own tools call it."""

# Keeps the page's microphone, to look at what the page itself hears of it.
_KEEP_MICROPHONE = """
const open = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (...wishes) {
  const stream = await open.apply(this, wishes);
  const context = new AudioContext({ sampleRate: 16000 });
  window.ear = context.createAnalyser();
  window.ear.fftSize = 4096;
  context.createMediaStreamSource(stream).connect(window.ear);
  return stream;
};
"""
_GLIMPSE = """() => {
  const samples = new Float32Array(4096);
  window.ear.getFloatTimeDomainData(samples);
  return [Date.now() / 1000, Array.from(samples)];
}"""


async def slow_down(page: Page) -> None:
    """From now on the page is on a slow phone (4 times slower) on a mobile network, and nothing is
    cached yet."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Network.clearBrowserCache")
    await devtools.send("Network.emulateNetworkConditions", _FAST_3G)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})


class _Frame(msgspec.Struct, rename="camel"):
    """What is looked at in a listener page's frames, both ways."""

    type: str = ""
    action: str = ""
    sequence_number: int = -1
    timestamp: float = 0
    source_duration: float = 0
    stages: dict[str, float] = {}
    heard_at: float = 0


class PlayedUtterance(msgspec.Struct, frozen=True):
    """``timestamp_s``: of its first sample, by the gateway; ``heard_s``: its clip began to sound in
    the page (the page looks every tenth of a second)."""

    timestamp_s: float
    duration_s: float
    stages_ms: dict[str, float]
    heard_s: float


class Listening:
    """A listener page and what it was told and has played."""

    def __init__(self, page: Page) -> None:
        self._told: dict[int, _Frame] = {}
        self._heard_s: dict[int, float] = {}
        page.on("websocket", self._follow)

    @property
    def utterances(self) -> list[PlayedUtterance]:
        return [
            PlayedUtterance(
                told.timestamp / 1000,
                told.source_duration,
                told.stages,
                self._heard_s[number],
            )
            for number, told in sorted(self._told.items())
            if number in self._heard_s
        ]

    @property
    def is_done(self) -> bool:
        """All it was told of was heard."""
        return bool(self._told) and self._told.keys() <= self._heard_s.keys()

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)
        socket.on("framesent", self._sent)

    def _received(self, payload: str | bytes) -> None:
        frame = _decoded(payload)
        if frame is not None and frame.type == "translatedAudio":
            self._told.setdefault(frame.sequence_number, frame)

    def _sent(self, payload: str | bytes) -> None:
        frame = _decoded(payload)
        if frame is not None and frame.action == "heard":
            self._heard_s[frame.sequence_number] = frame.heard_at / 1000


def _decoded(payload: str | bytes) -> _Frame | None:
    try:
        return msgspec.json.decode(payload, type=_Frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_microphone(path: Path, samples: NDArray[np.int16], rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


@asynccontextmanager
async def chromium(microphone: Path | None) -> AsyncGenerator[Browser]:
    """Its microphone plays this WAV, again and again, from when a page opens it; None: it beeps."""
    capture = () if microphone is None else (f"--use-file-for-fake-audio-capture={microphone}",)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--use-fake-device-for-media-stream",
                *capture,
                "--autoplay-policy=no-user-gesture-required",
                "--no-sandbox",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()


async def speak(browser: Browser, url: str, way: WaySent) -> tuple[Page, str, float]:
    """A page that speaks, its session, and the milliseconds from the click until it is live. The
    microphone's part of them is little: it is no real one."""
    context = await browser.new_context(permissions=["microphone"])
    context.set_default_timeout(_SLOW_MS)
    await context.add_init_script(_KEEP_MICROPHONE)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_text("More").click()
    await page.get_by_label("Sound travels by").select_option(way)
    began_s = time.monotonic()
    await page.get_by_role("button", name="Start speaking").click()
    await page.get_by_text("Live", exact=True).wait_for()
    connected_ms = (time.monotonic() - began_s) * 1000
    if way == "webrtc":
        await page.get_by_text("Sound goes by WebRTC.").wait_for()
    return page, await page.locator(".invitation .session").inner_text(), connected_ms


async def end(page: Page) -> None:
    await page.get_by_role("button", name="End …").click()
    await page.get_by_role("button", name="End the talk").click()
    await page.get_by_role("heading", name="The talk has ended").wait_for()


async def listen(browser: Browser, url: str, session_id: str, language: str) -> Listening:
    context = await browser.new_context()
    context.set_default_timeout(_SLOW_MS)
    page = await context.new_page()
    listening = Listening(page)
    await page.goto(f"{url}/listen/{session_id}")
    await page.locator("ul.languages button", has=page.locator(f"[lang={language}]")).click()
    await page.locator("main.listener[data-phase=listening]").wait_for()
    return listening


async def glimpse(page: Page) -> Glimpse:
    at_s, samples = await page.evaluate(_GLIMPSE)
    return Glimpse(float(at_s), np.array(samples), 16_000)
