"""One session's recognition without Beam, as fast as the decoder goes, as if it were live.

The worker's own recognition runs. A pane is fed when all that came before it has been answered: so
what it decides on is what it would have known at that moment of a live talk, and nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from connectors.memory_ledger import MemoryLedger
from connectors.registry import Connectors
from connectors.scripted_connectors import scripted_connectors
from connectors.speech_to_text import Recognition, SpeechStream, SpeechToText
from connectors.voice_activity import VoiceActivityFactory
from connectors.webrtc_voice_activity import WebrtcVoiceActivityFactory
from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.journal import Coverage, JournalItem, JournalKind
from pipelines.worker.ahead import Ahead
from pipelines.worker.loops import LiveLoop, WorkerLoop
from pipelines.worker.transcribing import SessionTranscriber, TranscriberRegistry
from schemas.values import SAMPLE_RATE_HZ, LedgerEntry

SESSION = "read-talk"
CHUNK_BYTES = 4096 * 2
"""What the browser sends."""
ANSWER_WITHIN_S = 120.0
_FRAMES_S = 0.06
"""A recogniser works in frames: it may hold so much back."""


@dataclass(frozen=True, slots=True)
class Heard:
    """``entries`` of the ledger; ``sent_s``: audio that the recogniser was given."""

    entries: tuple[LedgerEntry, ...]
    sent_s: float

    @property
    def text(self) -> str:
        return " ".join(entry.text for entry in self.entries if entry.text)


def hear_session(
    pcm: bytes,
    cutter: Segmenter,
    recogniser: SpeechToText,
    *,
    pane_chunks: int,
    voice_activity: VoiceActivityFactory | None = None,
) -> Heard:
    """What the ledger holds after the talk ``pcm``. ``recogniser`` is closed."""
    loop = LiveLoop()
    answering = AnsweringSpeechToText(recogniser)
    ledger = MemoryLedger()
    connectors = replace(
        scripted_connectors(loop.now_ms),
        speech_to_text=answering,
        ledger=ledger,
        voice_activity=voice_activity or WebrtcVoiceActivityFactory(),
    )
    registry, transcriber = alone(loop, connectors, cutter, Ahead(loop, connectors, is_on=False))
    try:
        for pane in _panes(pcm, pane_chunks):
            transcriber.feed(pane)
            transcriber.settle()
            loop.wait(loop.start(answering.answered()), ANSWER_WITHIN_S)
            transcriber.drain()
        return Heard(loop.wait(loop.start(ledger.after(SESSION, -1))), answering.sent_s)
    finally:
        registry.close()
        loop.wait(loop.start(answering.close()))
        loop.stop()


def alone(
    loop: WorkerLoop, connectors: Connectors, cutter: Segmenter, ahead: Ahead
) -> tuple[TranscriberRegistry, SessionTranscriber]:
    """The recognition of SESSION, at its beginning; closed by closing the registry."""
    registry = TranscriberRegistry(loop, connectors, ahead)
    return registry, registry.open(SESSION, cutter, Coverage(), 0, ())


def audio_items(pcm: bytes, *, started_at_ms: int = 0) -> list[JournalItem]:
    """The talk in chunks as a browser sends them; ``started_at_ms``: of its first sample."""
    return [
        JournalItem(
            index,
            JournalKind.AUDIO,
            epoch=1,
            sequence=index,
            pcm=pcm[at : at + CHUNK_BYTES],
            captured_at_ms=started_at_ms + at * 1000 // (2 * SAMPLE_RATE_HZ),
        )
        for index, at in enumerate(range(0, len(pcm), CHUNK_BYTES))
    ]


def flush_item(index: int) -> JournalItem:
    """The end of the talk, behind ``index`` items."""
    return JournalItem(index, JournalKind.FLUSH, -1)


def _panes(pcm: bytes, pane_chunks: int) -> Iterator[list[JournalItem]]:
    items = audio_items(pcm)
    for first in range(0, len(items), pane_chunks):
        yield items[first : first + pane_chunks]
    yield [flush_item(len(items))]


@dataclass
class AnsweringSpeechToText:
    """``SpeechToText`` that knows when its streams have answered all they were sent."""

    inner: SpeechToText
    sent_s: float = 0.0
    _streams: set[AnsweringStream] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def report_every_s(self) -> float:
        return self.inner.report_every_s

    def can_recognise(self, language: str) -> bool:
        return self.inner.can_recognise(language)

    async def open(self, language: str, *, sample_rate_hz: int) -> AnsweringStream:
        inner = await self.inner.open(language, sample_rate_hz=sample_rate_hz)
        stream = AnsweringStream(inner, self)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        await self.inner.close()

    async def answered(self) -> None:
        """Every result that is due has been worked on."""
        slack_s = self.report_every_s + _FRAMES_S
        async with self._changed:
            await self._changed.wait_for(
                lambda: all(each.worked_on_s >= each.sent_s - slack_s for each in self._streams)
            )

    async def tell(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    def forget(self, stream: AnsweringStream) -> None:
        self._streams.discard(stream)


class AnsweringStream:
    """``SpeechStream``. Whoever asks for the next result has worked on the last."""

    def __init__(self, inner: SpeechStream, owner: AnsweringSpeechToText) -> None:
        self.sent_s = 0.0
        self.worked_on_s = 0.0
        self._through_s = 0.0
        self._inner = inner
        self._results = aiter(inner)
        self._owner = owner

    async def send(self, pcm: bytes) -> None:
        duration_s = len(pcm) / 2 / SAMPLE_RATE_HZ
        self.sent_s += duration_s
        self._owner.sent_s += duration_s
        await self._inner.send(pcm)

    async def finish(self) -> None:
        await self._inner.finish()

    def __aiter__(self) -> AnsweringStream:
        return self

    async def __anext__(self) -> Recognition:
        await self._owner.tell(self._has_worked)
        try:
            result = await anext(self._results)
        except BaseException:
            await self._owner.tell(lambda: self._owner.forget(self))
            raise
        self._through_s = result.through_s
        return result

    async def close(self) -> None:
        await self._owner.tell(lambda: self._owner.forget(self))
        await self._inner.close()

    def _has_worked(self) -> None:
        self.worked_on_s = self._through_s
