"""Recognition as a stream by an engine that only takes whole recordings: a line again and again.

The line that is being spoken is transcribed at each step anew; words on which transcriptions agree
are stable (``line_agreement``). Nothing is sent while there is no voice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from connectors.calls.line_agreement import LineAgreement, TextLine
from connectors.calls.voiced_lines import LineRule, VoicedLine, VoicedLines
from connectors.interfaces.errors import ConnectorError, PermanentError
from connectors.interfaces.speech_to_text import Recognition
from connectors.interfaces.voice_activity import VoiceActivity
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

_BYTES_PER_S = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True)
class Transcription:
    """``confidence``: 0 to 1, of the whole text; None: the engine does not say."""

    text: str
    confidence: float | None = None


Transcribe = Callable[[bytes], Awaitable[Transcription]]
"""Mono s16le at 16 kHz. Raises the errors of ``interfaces.errors``."""


@dataclass(frozen=True, slots=True)
class LineStreamSettings:
    """``report_every_s``: the step; each is a call while there is voice. ``most_steps``: a stream
    that is behind takes so many at once. ``ahead_s``: audio that may wait before ``send`` does."""

    report_every_s: float = 1.0
    most_steps: int = 4
    ahead_s: float = 4.0
    rule: LineRule = field(default_factory=LineRule)


class LineSpeechStream:
    """``SpeechStream``. Cancelling a wait for a result loses nothing."""

    def __init__(
        self,
        transcribe: Transcribe,
        detector: VoiceActivity,
        settings: LineStreamSettings,
        on_close: Callable[[LineSpeechStream], None] = lambda _stream: None,
    ) -> None:
        self._transcribe = transcribe
        self._settings = settings
        self._lines = VoicedLines(detector, settings.rule)
        self._agreement = LineAgreement()
        self._on_close = on_close
        self._unread = bytearray()
        self._results: deque[Recognition] = deque()
        self._error: ConnectorError | None = None
        self._changed = asyncio.Condition()
        self._is_finished = self._is_over = self._is_closed = False
        self._working = asyncio.create_task(self._work())

    async def send(self, pcm: bytes) -> None:
        if self._is_closed or self._is_finished:
            raise PermanentError("audio behind the end of its stream")
        if len(pcm) % BYTES_PER_SAMPLE:
            raise PermanentError("odd number of PCM bytes")
        most = int(self._settings.ahead_s * _BYTES_PER_S)
        async with self._changed:
            self._unread += pcm
            self._changed.notify_all()
            await self._changed.wait_for(
                lambda: len(self._unread) < most or self._is_over or self._is_closed
            )

    async def finish(self) -> None:
        async with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def __aiter__(self) -> LineSpeechStream:
        return self

    async def __anext__(self) -> Recognition:
        async with self._changed:
            await self._changed.wait_for(
                lambda: bool(self._results) or self._is_over or self._is_closed
            )
            if self._is_closed:
                raise StopAsyncIteration
            if self._results:
                return self._results.popleft()
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration

    async def close(self) -> None:
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        self._on_close(self)

    async def _work(self) -> None:
        error: ConnectorError | None = None
        try:
            while (pcm := await self._next_steps()) is not None:
                await self._put(await self._step(pcm))
            await self._put([await self._last()])
        except ConnectorError as failed:
            error = failed
        async with self._changed:
            self._error, self._is_over = error, True
            self._changed.notify_all()

    async def _next_steps(self) -> bytes | None:
        """None: all that is left is less than a step, and the last."""
        step = int(self._settings.report_every_s * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._unread) >= step or self._is_finished)
            steps = min(len(self._unread) // step, self._settings.most_steps)
            if not steps:
                return None
            pcm = bytes(self._unread[: steps * step])
            del self._unread[: len(pcm)]
            self._changed.notify_all()
            return pcm

    async def _step(self, pcm: bytes) -> list[Recognition]:
        every_s = self._settings.report_every_s
        began_s = self._lines.through_s
        lines = await self._transcribed(self._lines.add(pcm))
        skipped = round((self._lines.through_s - began_s) / every_s) - 1
        repeated = [
            self._agreement.repeat(began_s + number * every_s) for number in range(1, skipped + 1)
        ]
        return repeated + self._results_of(lines)

    async def _last(self) -> Recognition:
        left, self._unread = bytes(self._unread), bytearray()
        ended = [line for line in self._lines.add(left) if line.is_complete]
        lines = await self._transcribed([*ended, *self._lines.end()])
        if not lines:
            return Recognition((), is_final=True, through_s=self._lines.through_s)
        return self._results_of(lines)[-1]

    def _results_of(self, lines: list[tuple[TextLine, float | None]]) -> list[Recognition]:
        """Words of final results have the confidence of their lines."""
        sure = [confidence for line, confidence in lines if line.is_complete]
        results = self._agreement.update([line for line, _ in lines], self._lines.through_s)
        known = [each for each in sure if each is not None]
        if not known:
            return results
        least = min(known)
        return [
            replace(result, words=tuple(replace(word, confidence=least) for word in result.words))
            if result.is_final
            else result
            for result in results
        ]

    async def _transcribed(self, lines: list[VoicedLine]) -> list[tuple[TextLine, float | None]]:
        done: list[tuple[TextLine, float | None]] = []
        for line in lines:
            said = await self._transcribe(line.pcm)
            spoken = TextLine(said.text, line.voice_start_s, line.end_s, line.is_complete)
            done.append((spoken, said.confidence))
        return done

    async def _put(self, results: list[Recognition]) -> None:
        async with self._changed:
            self._results += results
            self._changed.notify_all()
