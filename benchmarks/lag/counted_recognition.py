"""What is sent to the recogniser, by request: counted at the connector's interface, in any process.

Each stream that is opened is a request. A line of JSON notes how much audio it was sent, every few
seconds of it and once more when it ends, so that a worker that is stopped loses next to nothing.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from connectors.interfaces.speech_to_text import Recognition, SpeechStream, SpeechToText
from connectors.registry import Connectors
from pipelines.runtime.worker import ConnectorFactory
from schemas.values import SAMPLE_RATE_HZ

RECOGNISED_OPTION = "--recognised="
"""Of ``benchmarks.lag.profiled_job``: the file for the lines follows."""
_NOTE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """A stream and the seconds of audio it was sent."""

    request_id: str
    language: str
    sent_s: float


def read_requests(file: Path, language: str) -> tuple[Request, ...]:
    """Those in ``language`` as they were last noted, in the order of their first note."""
    if not file.exists():
        return ()
    newest: dict[str, Request] = {}
    for line in file.read_bytes().splitlines():
        request = msgspec.json.decode(line, type=Request)
        if request.language == language:
            newest[request.request_id] = request
    return tuple(newest.values())


@dataclass(frozen=True, slots=True)
class CountedConnectors:
    """A ``ConnectorFactory``: those of ``inner``, the audio sent to its recogniser counted."""

    inner: ConnectorFactory
    file: Path

    def build(self) -> Connectors:
        connectors = self.inner.build()
        counted = CountedSpeechToText(connectors.speech_to_text, self.file)
        return replace(connectors, speech_to_text=counted)


class CountedSpeechToText:
    """``SpeechToText`` that notes in ``file`` what its streams are sent."""

    def __init__(self, inner: SpeechToText, file: Path) -> None:
        self._inner = inner
        self._file = file

    @property
    def report_every_s(self) -> float:
        return self._inner.report_every_s

    def can_recognise(self, language: str) -> bool:
        return self._inner.can_recognise(language)

    async def open(self, language: str, *, sample_rate_hz: int) -> CountedStream:
        inner = await self._inner.open(language, sample_rate_hz=sample_rate_hz)
        return CountedStream(inner, language, self._file)

    async def close(self) -> None:
        await self._inner.close()


class CountedStream:
    """``SpeechStream``. One that was sent nothing leaves no note: it only warmed something."""

    def __init__(self, inner: SpeechStream, language: str, file: Path) -> None:
        self._inner = inner
        self._language = language
        self._file = file
        self._id = uuid.uuid4().hex
        self._sent_s = 0.0
        self._noted_s = 0.0

    async def send(self, pcm: bytes) -> None:
        self._sent_s += len(pcm) / 2 / SAMPLE_RATE_HZ
        if self._sent_s - self._noted_s >= _NOTE_EVERY_S:
            self._note()
        await self._inner.send(pcm)

    async def finish(self) -> None:
        self._note()
        await self._inner.finish()

    def __aiter__(self) -> AsyncIterator[Recognition]:
        return aiter(self._inner)

    async def close(self) -> None:
        self._note()
        await self._inner.close()

    def _note(self) -> None:
        if self._sent_s == self._noted_s:
            return
        self._noted_s = self._sent_s
        line = msgspec.json.encode(asdict(Request(self._id, self._language, self._sent_s)))
        # One write a line: several processes may share the file.
        file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line + b"\n")
        finally:
            os.close(file)
