"""Amazon's own SDK in Chromium as the master of a signaling channel, our worker as its viewer, and
what the stream then holds. ``live_kinesis_video.py`` goes on to what a listener hears."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from benchmarks.engines.offline import recognise
from connectors.offline.speech_to_text import OfflineSpeechToText
from local_stack.talk import LIBRIVOX
from schemas.values import SAMPLE_RATE_HZ
from tests.browser.conftest import CHROMIUM, SLOW_MS
from tests.integration.gateway.conftest import ISSUER
from tests.kvs_server.world import World, kvs_world

SDK = Path(__file__).parents[2] / (
    ".cache/kvs-sdk/node_modules/amazon-kinesis-video-streams-webrtc/dist/kvs-webrtc.min.js"
)
MASTER = Path(__file__).parents[1] / "kvs_server" / "browser" / "master.js"
SENTENCE = LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0870.wav"
SAID = (
    "and mister john dashwood had then leisure to consider how much there might be prudently "
    "in his power to do for them"
)
BEFORE_S, SAID_S = 4.0, 7.1
"""Silence for as long as it takes to connect, then the sentence; then all again."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not SDK.exists(), reason=f"no {SDK}: make test-browser fetches it"),
    pytest.mark.skipif(not SENTENCE.exists(), reason="apt-get install pocketsphinx-testdata"),
]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with wave.open(str(SENTENCE)) as recording:
        said = recording.readframes(recording.getnframes())
    silence = bytes(2 * round(BEFORE_S * SAMPLE_RATE_HZ))
    path = tmp_path_factory.mktemp("microphone") / "sentence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(silence + said)
    return path


@pytest_asyncio.fixture(loop_scope="module")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with kvs_world(tmp_path) as one:
        yield one


@asynccontextmanager
async def master_page(microphone: Path, origin: str, timeout_ms: float) -> AsyncIterator[Page]:
    """On the gateway's ``origin``, with the SDK and a master in it that speaks ``microphone``."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
                "--ignore-certificate-errors",  # the test's own authority signed for the service
                "--no-sandbox",
            ],
        )
        try:
            context = await browser.new_context(permissions=["microphone"])
            context.set_default_timeout(timeout_ms)
            page = await context.new_page()
            await page.goto(f"{origin}/healthz")
            await page.add_script_tag(path=SDK)
            await page.add_script_tag(path=MASTER)
            yield page
        finally:
            await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(world: World, microphone: Path) -> AsyncIterator[Page]:
    async with master_page(microphone, world.gateway.url, SLOW_MS) as page:
        yield page


async def test_the_talk_of_amazon_s_browser_sdk_arrives(world: World, page: Page) -> None:
    session_id = (await world.session())["sessionId"]
    keys = [f"{world.gateway.url}/sessions/{session_id}/signaling-keys", ISSUER.issue("ada")]
    await page.evaluate("([url, token]) => window.speakByKvs(url, token)", keys)
    await world.connected(session_id)
    await page.wait_for_function("window.told.some((one) => one.type === 'audioAck')")
    chunk_s = 4096 / SAMPLE_RATE_HZ
    enough = (BEFORE_S + SAID_S + 1) / chunk_s
    await page.wait_for_function(
        "(last) => window.told.some((one) => one.type === 'audioAck' && one.sequence >= last)",
        arg=round(enough),
        timeout=60_000,
    )
    chunks = world.chunks(session_id)
    assert [(one.epoch, one.sequence) for one in chunks] == [(0, n) for n in range(len(chunks))]
    apart_ms = np.diff([one.captured_at_ms for one in chunks])
    assert apart_ms.sum() == pytest.approx(256 * len(apart_ms), abs=150)
    said = await in_words(b"".join(one.pcm for one in chunks))
    assert share(SAID, said) >= 0.6, said
    assert await page.evaluate("window.failed") == []
    end = {"action": "endSession", "sessionId": session_id}
    await page.evaluate("(message) => window.channel.send(JSON.stringify(message))", end)
    await page.wait_for_function("window.peer.connectionState !== 'connected'")
    assert world.server.control.channels == {}


async def test_the_sdk_signs_with_new_keys_before_the_old_ones_end(
    world: World, page: Page
) -> None:
    session_id = (await world.session())["sessionId"]
    keys = [f"{world.gateway.url}/sessions/{session_id}/signaling-keys", ISSUER.issue("ada")]
    await page.evaluate("([url, token]) => window.speakByKvs(url, token)", keys)
    await world.connected(session_id)
    old = await page.evaluate("window.keys.accessKeyId")
    await page.evaluate("window.closeSignaling().then(window.openSignaling)")
    assert await page.evaluate("window.keys.accessKeyId") == old  # they last for an hour
    world.server.keys.expire(old)
    await page.evaluate("() => { window.keys.expiration = Date.now() + 4 * 60_000; }")
    await page.evaluate("window.closeSignaling().then(window.openSignaling)")
    assert await page.evaluate("window.keys.asked") == 2
    assert await page.evaluate("window.keys.accessKeyId") != old
    assert world.server.refused == []


async def in_words(pcm: bytes) -> str:
    recogniser = OfflineSpeechToText()
    stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
    results = await recognise(stream, pcm)
    await recogniser.close()
    return " ".join(word.text for one in results if one.is_final for word in one.words)


def share(expected: str, found: str) -> float:
    """Of the expected words, how many are there."""
    words = found.lower().split()
    wanted = expected.lower().split()
    return sum(word in words for word in wanted) / len(wanted)
