"""One session's recognition without Beam, as fast as the decoder goes, as if it were live.

The worker's own session machine runs. A pane is fed when all that came before it has been answered:
so what it decides on is what it would have known at that moment of a live talk, and nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from beam_flink_kit.loops import LiveLoop, WorkerLoop
from connectors.interfaces.speech_to_text import Recognition, SpeechStream, SpeechToText
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.memory.ledger import MemoryLedger
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from connectors.registry import Connectors
from connectors.testing.connectors import scripted_connectors
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.warm_up import WarmUp
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.records import Place, ReadRecord
from schemas.values import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    EntryKind,
    LedgerEntry,
    SessionControl,
    Utterance,
)

SESSION = "read-talk"
CHUNK_BYTES = 4096 * 2
"""What the browser sends."""
CHUNK_MS = CHUNK_BYTES * 1000 // (2 * SAMPLE_RATE_HZ)
ANSWER_WITHIN_S = 120.0
_FRAMES_S = 0.06
"""A recogniser works in frames: it may hold so much back."""
_LOOK_EVERY_S = 0.005
_EPOCH = 1


@dataclass(frozen=True, slots=True)
class SessionResult:
    """``entries`` of the ledger without fences; ``sent_s``: audio that the recogniser was given."""

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
) -> SessionResult:
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
    speculation = SpeculativeDelivery(loop, connectors, is_on=False)
    session = SessionAlone(loop, connectors, cutter, speculation)

    def wait_until(condition: Callable[[], bool]) -> None:
        loop.wait(loop.start(_until(condition)), ANSWER_WITHIN_S)

    try:
        session.feed([opened_record()])
        wait_until(session.is_done)
        for pane in _panes(pcm, pane_chunks):
            session.feed(pane)
            wait_until(lambda: answering.is_answered)
        session.finish()
        wait_until(session.is_done)
        entries = loop.wait(loop.start(ledger.after(SESSION, -1)))
        return SessionResult(tuple(each for each in entries if not each.takeover), answering.sent_s)
    finally:
        session.close()
        loop.wait(loop.start(answering.close()))
        loop.stop()


class SessionAlone:
    """SESSION in a host of its own, from its beginning. For one thread."""

    def __init__(
        self,
        loop: WorkerLoop,
        connectors: Connectors,
        segmenter: Segmenter,
        speculation: SpeculativeDelivery,
    ) -> None:
        self._loop = loop
        tools = SessionTools(loop, connectors, speculation, WarmUp(loop, connectors))

        async def begin() -> SessionHost:
            return SessionHost(
                tools,
                segmenter,
                1,
                raw=False,
                rung=lambda: None,
                read_again=lambda: None,
                lost=lambda _generation: None,
            )

        self._host = loop.wait(loop.start(begin()))

    def feed(self, records: Sequence[ReadRecord]) -> None:
        self._loop.call(lambda: self._host.take(SESSION, records))

    def finish(self) -> None:
        """Nothing more will come."""
        self._loop.call(lambda: self._host.input_is_over(SESSION))

    def is_done(self) -> bool:
        """Whether all that was fed is committed. In the loop."""
        return self._host.is_done(SESSION)

    def take_speech(self) -> Iterator[Utterance]:
        """What was committed with listeners since it was last asked."""
        while self._host.utterances:
            utterance = self._host.utterances.popleft()
            if utterance.entry.kind is EntryKind.SPEECH:
                yield utterance

    def delivered(self, utterance: Utterance, language: str) -> None:
        """A session with too much undelivered stops reading. In the loop."""
        self._host.settled(SESSION, utterance.entry.number, language, True)

    def close(self) -> None:
        self._loop.call(self._host.close)


def opened_record(*, at_ms: int = 0) -> ReadRecord:
    """A gateway opened the talk's stream."""
    control = SessionControl(SESSION, _EPOCH, -1, 0, ControlKind.OPENED, at_ms, generation=1)
    return ReadRecord(Place("shard", "0", ""), at_ms, at_ms, control=control)


def audio_records(pcm: bytes, *, started_at_ms: int = 0) -> list[ReadRecord]:
    """The talk in chunks as a browser sends them; ``started_at_ms``: of its first sample."""
    records: list[ReadRecord] = []
    for index, at in enumerate(range(0, len(pcm), CHUNK_BYTES)):
        captured_at_ms = started_at_ms + at * 1000 // (2 * SAMPLE_RATE_HZ)
        there_at_ms = captured_at_ms + CHUNK_MS
        chunk = AudioChunk(
            SESSION, _EPOCH, index, captured_at_ms, there_at_ms, pcm[at : at + CHUNK_BYTES]
        )
        place = Place("shard", str(index + 1), str(index))
        records.append(ReadRecord(place, there_at_ms, there_at_ms, chunk))
    return records


def _panes(pcm: bytes, pane_chunks: int) -> Iterator[list[ReadRecord]]:
    records = audio_records(pcm)
    for first in range(0, len(records), pane_chunks):
        yield records[first : first + pane_chunks]


async def _until(condition: Callable[[], bool]) -> None:
    """Until it holds twice with time between, in which what was ready could happen."""
    held = 0
    while held < 2:
        await asyncio.sleep(_LOOK_EVERY_S)
        held = held + 1 if condition() else 0


@dataclass
class AnsweringSpeechToText:
    """``SpeechToText`` that knows when its streams have answered all they were sent."""

    inner: SpeechToText
    sent_s: float = 0.0
    _opening: int = 0
    _streams: set[AnsweringStream] = field(default_factory=set)

    @property
    def report_every_s(self) -> float:
        return self.inner.report_every_s

    def can_recognise(self, language: str) -> bool:
        return self.inner.can_recognise(language)

    async def open(self, language: str, *, sample_rate_hz: int) -> AnsweringStream:
        self._opening += 1
        try:
            inner = await self.inner.open(language, sample_rate_hz=sample_rate_hz)
        finally:
            self._opening -= 1
        stream = AnsweringStream(inner, self)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        await self.inner.close()

    @property
    def is_answered(self) -> bool:
        """Whether every result that is due has been worked on."""
        slack_s = self.report_every_s + _FRAMES_S
        return not self._opening and all(
            each.worked_on_s >= each.sent_s - slack_s for each in self._streams
        )

    def forget(self, stream: AnsweringStream) -> None:
        self._streams.discard(stream)


class AnsweringStream:
    """``SpeechStream``. A caller that asks for the next result has worked on the last."""

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
        self.worked_on_s = self._through_s
        try:
            result = await anext(self._results)
        except BaseException:
            self._owner.forget(self)
            raise
        self._through_s = result.through_s
        return result

    async def close(self) -> None:
        self._owner.forget(self)
        await self._inner.close()
