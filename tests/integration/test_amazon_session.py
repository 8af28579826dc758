"""A session's recognition by Transcribe, as the job runs it, while the service ends its streams."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pipelines.core.journal import Coverage, JournalItem
from pipelines.worker.ahead import Ahead
from pipelines.worker.loops import LiveLoop
from pipelines.worker.transcribing import TranscriberRegistry

from connectors.amazon_clients import AwsSettings
from connectors.amazon_speech_to_text import AmazonSpeechToText
from connectors.amazon_speech_to_text_settings import AmazonSpeechToTextSettings
from connectors.memory_ledger import MemoryLedger
from connectors.registry import Connectors
from connectors.scripted_connectors import scripted_connectors
from connectors.scripted_speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from local_stack.amazon_servers.transcribe import TranscribeScript, TranscribeServer
from local_stack.amazon_servers.transcribe_stream import Ending
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from tests.unit.pipelines.session_under_test import (
    FLUSH,
    SESSION,
    assert_every_sample_once,
    said,
    talk_of,
)

pytestmark = pytest.mark.integration

CHUNK_S = 0.256
FASTER = 4.0
"""Than speech, so that the test need not last as long as its talk."""


@pytest.fixture
def loop() -> Iterator[LiveLoop]:
    loop = LiveLoop()
    yield loop
    loop.stop()


async def started(folder: Path, script: TranscribeScript) -> TranscribeServer:
    engine = ScriptedSpeechToText(ScriptedSpeechToTextSettings(unsure_s=0.2))
    server = TranscribeServer(engine, script)
    await server.start(folder)
    return server


def connectors_over(
    server: TranscribeServer,
    settings: AmazonSpeechToTextSettings,
    ledger: MemoryLedger,
    loop: LiveLoop,
) -> Connectors:
    return replace(
        scripted_connectors(loop.now_ms),
        speech_to_text=AmazonSpeechToText(AwsSettings.local(server.url, "test"), settings),
        ledger=ledger,
    )


@pytest.mark.parametrize(
    ("how", "cutter"),
    [
        ("break", PauseSegmenter()),
        ("InternalFailureException", PauseSegmenter()),
        ("LimitExceededException", PauseSegmenter()),
        ("idle", PauseSegmenter()),
        ("end", PauseSegmenter()),
        ("break", WindowSegmenter(settle_samples=4_000)),
    ],
    ids=["gone", "failed", "four-hours", "idle", "ended", "gone-windows"],
)
async def test_streams_that_end_in_a_word_lose_none_and_repeat_none(
    tmp_path: Path, loop: LiveLoop, how: str, cutter: Segmenter
) -> None:
    ends = tuple(Ending(stream, 2.17 + 0.31 * stream, how) for stream in (1, 2, 3))
    server = await started(tmp_path, TranscribeScript(endings=ends))
    ledger = MemoryLedger()
    settings = AmazonSpeechToTextSettings(ca_file=server.ca_file, hold_starts_s=0.1)
    connectors = connectors_over(server, settings, ledger, loop)
    talk = talk_of(14, seed=7)
    registry = TranscriberRegistry(loop, connectors, Ahead(loop, connectors, is_on=False))
    transcriber = registry.open(SESSION, cutter, Coverage(), 0, ())
    for item in talk.items:
        transcriber.feed([item])
        await asyncio.sleep(CHUNK_S / FASTER)  # the pace of a talk is what is tried here
    transcriber.feed([FLUSH])
    await asyncio.wait_for(asyncio.to_thread(transcriber.settle), 30)
    entries = await asyncio.wrap_future(loop.start(ledger.after(SESSION, -1)))
    registry.close()
    await asyncio.wrap_future(loop.start(connectors.close()))
    await server.close()
    assert said(entries) == talk.words
    assert_every_sample_once(entries, talk.samples)
    assert len(server.streams) >= 4, "each of the three was opened again"
    assert [stream.error for stream in server.streams] == [""] * len(server.streams)


async def test_two_sessions_share_one_stream_and_no_word_is_lost(
    tmp_path: Path, loop: LiveLoop
) -> None:
    """One speaks, then the other, then the first again: each gets the stream when the one before is
    silent, and what was said meanwhile is made up for."""
    server = await started(tmp_path, TranscribeScript())
    ledger = MemoryLedger()
    settings = AmazonSpeechToTextSettings(
        ca_file=server.ca_file, max_streams=1, turn_within_s=0.5, free_after_s=0.5
    )
    connectors = connectors_over(server, settings, ledger, loop)
    registry = TranscriberRegistry(loop, connectors, Ahead(loop, connectors, is_on=False))
    talks = {name: talk_of(14, seed=seed) for name, seed in (("one", 7), ("two", 8))}
    sessions = {name: registry.open(name, PauseSegmenter(), Coverage(), 0, ()) for name in talks}
    half = len(talks["one"].items) // 2

    async def speak(name: str, items: Sequence[JournalItem]) -> None:
        for item in items:
            sessions[name].feed([item])
            await asyncio.sleep(CHUNK_S / FASTER)

    async def until_said(name: str, least: int) -> None:
        async with asyncio.timeout(30):
            while True:
                entries = await asyncio.wrap_future(loop.start(ledger.after(name, -1)))
                if len(said(entries)) >= least:
                    return
                await asyncio.sleep(0.05)

    await speak("one", talks["one"].items[:half])
    await speak("two", talks["two"].items)
    await until_said("two", len(talks["two"].words) - 2)
    await speak("one", talks["one"].items[half:])
    for session in sessions.values():
        session.feed([FLUSH])
        await asyncio.wait_for(asyncio.to_thread(session.settle), 30)
    entries = {
        name: await asyncio.wrap_future(loop.start(ledger.after(name, -1))) for name in talks
    }
    registry.close()
    await asyncio.wrap_future(loop.start(connectors.close()))
    await server.close()
    for name, talk in talks.items():
        assert said(entries[name]) == talk.words
        assert_every_sample_once(entries[name], talk.samples)
    assert len(server.streams) >= 3, "one, two, one again"
    assert server.most_open_streams <= 2  # the server may hear of a close after the next start
