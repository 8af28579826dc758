"""A session's recognition by Transcribe, as the job runs it, while the service ends its streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from beam_flink_kit.loops import LiveLoop
from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.memory.ledger import MemoryLedger
from connectors.testing.connectors import scripted_connectors
from connectors.testing.speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from local_stack.amazon_servers.transcribe import TranscribeScript, TranscribeServer
from local_stack.amazon_servers.transcribe_stream import Ending
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.warm_up import WarmUp
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session.records import ReadRecord
from schemas.values import LedgerEntry
from tests.unit.pipelines.runtime.session_stage import (
    assert_every_sample_once,
    flush,
    said,
    talk_of,
)
from tests.unit.pipelines.session.records_of import SESSION

pytestmark = pytest.mark.integration

CHUNK_S = 0.256
FASTER = 4.0
"""Than speech, so that the test need not last as long as its talk."""
DONE_WITHIN_S = 240
"""Only a test that fails waits for so long."""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DONE_WITHIN_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.05)


class LiveSessions:
    """A ``SessionHost`` in real time over the Transcribe server, with a ledger in memory."""

    def __init__(
        self,
        server: TranscribeServer,
        settings: AmazonSpeechToTextSettings,
        segmenter: Segmenter,
        loop: LiveLoop,
    ) -> None:
        self._loop = loop
        self._ledger = MemoryLedger()
        self._connectors = replace(
            scripted_connectors(loop.now_ms),
            speech_to_text=AmazonSpeechToText(AwsSettings.local(server.url, "test"), settings),
            ledger=self._ledger,
        )
        speculation = SpeculativeDelivery(loop, self._connectors, is_on=False)
        warming = WarmUp(loop, self._connectors)
        self._tools = SessionTools(loop, self._connectors, speculation, warming)
        self._segmenter = segmenter
        self.read_again = 0
        self.lost_to: list[int] = []
        self._host = loop.wait(loop.start(self._started()), DONE_WITHIN_S)

    async def _started(self) -> SessionHost:
        return SessionHost(
            self._tools,
            self._segmenter,
            1,
            raw=False,
            rung=lambda: None,
            read_again=self._note_read_again,
            lost=self.lost_to.append,
        )

    def _note_read_again(self) -> None:
        self.read_again += 1

    async def speak(self, session_id: str, records: Sequence[ReadRecord]) -> None:
        """Feed records one by one, at the pace of a talk: that is what is tried here."""
        for record in records:
            self.take(session_id, record)
            await asyncio.sleep(CHUNK_S / FASTER)

    def take(self, session_id: str, record: ReadRecord) -> None:
        self._loop.call(lambda: self._host.take(session_id, [record]))

    async def until_done(self, session_id: str) -> None:
        """Wait until all that came for the session is committed."""

        async def is_done() -> bool:
            return self._host.is_done(session_id)

        await until(lambda: asyncio.wrap_future(self._loop.start(is_done())))

    async def until_said(self, session_id: str, least: int) -> None:
        async def is_said() -> bool:
            return len(said(await self.entries(session_id))) >= least

        await until(is_said)

    async def entries(self, session_id: str) -> tuple[LedgerEntry, ...]:
        """Without fences."""
        found = await asyncio.wrap_future(self._loop.start(self._ledger.after(session_id, -1)))
        return tuple(entry for entry in found if not entry.takeover)

    async def close(self) -> None:
        self._loop.call(self._host.close)
        await asyncio.wrap_future(self._loop.start(self._connectors.close()))


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


@pytest.mark.parametrize(
    ("how", "segmenter"),
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
    tmp_path: Path, loop: LiveLoop, how: str, segmenter: Segmenter
) -> None:
    ends = tuple(Ending(stream, 2.17 + 0.31 * stream, how) for stream in (1, 2, 3))
    server = await started(tmp_path, TranscribeScript(endings=ends))
    settings = AmazonSpeechToTextSettings(ca_file=server.ca_file, hold_starts_s=0.1)
    sessions = LiveSessions(server, settings, segmenter, loop)
    talk = talk_of(14, seed=7)
    await sessions.speak(SESSION, talk.items)
    sessions.take(SESSION, flush())
    await sessions.until_done(SESSION)
    entries = await sessions.entries(SESSION)
    await sessions.close()
    await server.close()
    assert said(entries) == talk.words
    assert_every_sample_once(entries, talk.samples)
    assert len(server.streams) >= 4, "each of the three was opened again"
    assert [stream.error for stream in server.streams] == [""] * len(server.streams)
    assert (sessions.read_again, sessions.lost_to) == (0, []), "no machine broke down"


async def test_two_sessions_share_one_stream_and_no_word_is_lost(
    tmp_path: Path, loop: LiveLoop
) -> None:
    """One speaks, then the other, then the first again: each gets the stream when the one before is
    silent, and what was said meanwhile is made up for."""
    server = await started(tmp_path, TranscribeScript())
    settings = AmazonSpeechToTextSettings(
        ca_file=server.ca_file, max_streams=1, turn_within_s=0.5, free_after_s=0.5
    )
    sessions = LiveSessions(server, settings, PauseSegmenter(), loop)
    talks = {name: talk_of(14, seed=seed) for name, seed in (("one", 7), ("two", 8))}
    half = len(talks["one"].items) // 2
    await sessions.speak("one", talks["one"].items[:half])
    await sessions.speak("two", talks["two"].items)
    await sessions.until_said("two", len(talks["two"].words) - 2)
    await sessions.speak("one", talks["one"].items[half:])
    for name in talks:
        sessions.take(name, flush())
        await sessions.until_done(name)
    entries = {name: await sessions.entries(name) for name in talks}
    await sessions.close()
    await server.close()
    for name, talk in talks.items():
        assert said(entries[name]) == talk.words
        assert_every_sample_once(entries[name], talk.samples)
    assert len(server.streams) >= 3, "one, two, one again"
    assert server.most_open_streams <= 2  # the server may hear of a close after the next start
    assert (sessions.read_again, sessions.lost_to) == (0, []), "no machine broke down"
