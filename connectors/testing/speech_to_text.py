"""A scripted recogniser: reads the words that ``testing.words`` wrote, late and failing on order.

For tests, chaos runs and benchmarks. Everything happens in memory, and all time is the running
loop's, so a loop in virtual time can drive it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace

from connectors.interfaces.errors import ConnectorError, PermanentError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream, SpeechToText, Word
from connectors.interfaces.stream_checks import check_opening, check_places
from connectors.testing.faults import (
    AT_ONCE,
    Delay,
    Fault,
    FaultKind,
    ScriptedCalls,
    TailedDelay,
)
from connectors.testing.words import WordReader
from schemas.values import SAMPLE_RATE_HZ

_BYTES_PER_S = 2 * SAMPLE_RATE_HZ
_SPELL_S = 3.0
"""How long a stream stays as slow as it is. Drawn for every result, the slowest of a dozen would
hold up the others, and the mean would be far from the one asked for."""


@dataclass(frozen=True, slots=True)
class StreamBreak:
    """The ``stream``-th stream opened (from 1; None: every one) fails where a result would
    consider more than ``after_s`` of its audio. Results before that still come."""

    after_s: float
    kind: FaultKind = FaultKind.RETRYABLE
    stream: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptedSpeechToTextSettings:
    """``delay_s``: how long after its audio a result comes; with ``tail`` drawn from that instead,
    anew for each stream and every 3 s, and never so that one result passes another.
    ``pause_s``: silence that makes the words before it final. ``unsure_s``: a word that ended less
    than this ago is first given as another (``w7`` as ``w7?``) which ends a little later, unless
    it is final. ``confidence``: of every word. ``results_ahead``: results that may
    wait for their reader before ``send`` waits.
    """

    languages: tuple[str, ...] = ("ca", "en", "es", "fr")
    report_every_s: float = 0.25
    pause_s: float = 0.3
    delay_s: float = 0.0
    tail: TailedDelay | None = None
    unsure_s: float = 0.0
    confidence: float | None = None
    open_delay: Delay = AT_ONCE
    open_faults: tuple[Fault, ...] = ()
    breaks: tuple[StreamBreak, ...] = ()
    max_streams: int = 100_000
    results_ahead: int = 64


class ScriptedSpeechToText:
    def __init__(self, settings: ScriptedSpeechToTextSettings | None = None) -> None:
        self._settings = settings or ScriptedSpeechToTextSettings()
        self._opens = ScriptedCalls(self._settings.open_delay, self._settings.open_faults)
        self._streams: set[ScriptedSpeechStream] = set()
        self._opened = 0
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._settings.report_every_s

    def can_recognise(self, language: str) -> bool:
        return language in self._settings.languages

    async def open(self, language: str, *, sample_rate_hz: int) -> ScriptedSpeechStream:
        check_opening(
            *("scripted", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
        )
        await self._opens.make()
        check_places(len(self._streams), self._settings.max_streams)
        self._opened += 1
        stream = ScriptedSpeechStream(self._settings, self._opened, self._streams)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        self._is_closed = True
        for stream in tuple(self._streams):
            await stream.close()


@dataclass(frozen=True, slots=True)
class _Due:
    """What the iteration meets at ``at_s`` of the loop's time; None: the end."""

    at_s: float
    outcome: Recognition | ConnectorError | None


class ScriptedSpeechStream:
    """``SpeechStream``. Cancelling a wait for a result loses nothing."""

    def __init__(
        self,
        settings: ScriptedSpeechToTextSettings,
        number: int,
        registry: set[ScriptedSpeechStream],
    ) -> None:
        self._settings = settings
        self._number = number
        self._opened_at_s = asyncio.get_running_loop().time()
        self._last_due_s = 0.0
        self._registry = registry
        self._break = next(
            (each for each in settings.breaks if each.stream in (None, number)), None
        )
        self._reader = WordReader()
        self._words: tuple[Word, ...] = ()
        self._unread = b""
        self._waiting: deque[_Due] = deque()
        self._changed = asyncio.Condition()
        self._next: _Due | None = None
        self._is_finished = False
        self._is_broken = False
        self._is_closed = False

    async def send(self, pcm: bytes) -> None:
        if self._is_closed or self._is_finished:
            raise PermanentError("audio behind the end of its stream")
        if len(pcm) % 2:
            raise PermanentError("odd number of PCM bytes")
        self._unread += pcm
        step = 2 * round(self._settings.report_every_s * SAMPLE_RATE_HZ)
        if self._settings.pause_s > len(self._unread) / _BYTES_PER_S and self._break is None:
            step *= len(self._unread) // step  # one report says what several at once would say
        while step and len(self._unread) >= step:
            piece, self._unread = self._unread[:step], self._unread[step:]
            await self._hear(piece, is_last=False)

    async def finish(self) -> None:
        if self._is_finished or self._is_closed:
            return
        self._is_finished = True
        piece, self._unread = self._unread, b""
        await self._hear(piece, is_last=True)
        await self._put(None)

    def __aiter__(self) -> ScriptedSpeechStream:
        return self

    async def __anext__(self) -> Recognition:
        if self._next is None:
            self._next = await self._take()
        await asyncio.sleep(self._next.at_s - asyncio.get_running_loop().time())
        outcome = self._next.outcome
        if outcome is None or self._is_closed:
            raise StopAsyncIteration
        if isinstance(outcome, ConnectorError):
            raise outcome
        self._next = None
        return outcome

    async def close(self) -> None:
        self._registry.discard(self)
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    async def _hear(self, pcm: bytes, *, is_last: bool) -> None:
        if self._is_broken:
            return
        if self._break is not None:
            would_be_through_s = self._reader.through_s + len(pcm) / _BYTES_PER_S
            if would_be_through_s > self._break.after_s:
                self._is_broken = True
                await self._put(self._break.kind.error())
                return
        read = self._reader.read(pcm)
        self._words += tuple(replace(word, confidence=self._settings.confidence) for word in read)
        through_s = self._reader.through_s
        is_final = is_last or (
            bool(self._words) and self._reader.voiceless_s >= self._settings.pause_s
        )
        believed = self._words if is_final else tuple(map(self._guess, self._words))
        if is_final:
            self._words = ()
        await self._put(Recognition(believed, is_final, through_s))

    def _guess(self, word: Word) -> Word:
        through_s = self._reader.through_s
        if through_s - word.end_s >= self._settings.unsure_s:
            return replace(word, is_stable=True)
        return replace(word, text=word.text + "?", end_s=min(word.end_s + 0.05, through_s))

    async def _put(self, outcome: Recognition | ConnectorError | None) -> None:
        now_s = asyncio.get_running_loop().time()
        self._last_due_s = max(self._last_due_s, now_s + self._delay_s(now_s))
        due = _Due(self._last_due_s, outcome)
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._is_closed or len(self._waiting) < self._settings.results_ahead
            )
            self._waiting.append(due)
            self._changed.notify_all()

    def _delay_s(self, now_s: float) -> float:
        if self._settings.tail is None:
            return self._settings.delay_s
        spell = int((now_s - self._opened_at_s) / _SPELL_S)
        return self._settings.tail.of(f"{self._number}/{spell}")

    async def _take(self) -> _Due:
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_closed or bool(self._waiting))
            if self._is_closed:
                return _Due(0.0, None)
            due = self._waiting.popleft()
            self._changed.notify_all()
            return due


class CombinedSpeechToText:
    """Two recognisers as one: each language goes to the first that offers it.

    For chaos runs, where most sessions are scripted so that every word is known, and one is really
    recognised: ``offline`` hears English, ``scripted`` whatever else it was given words in.
    """

    def __init__(self, *recognisers: SpeechToText) -> None:
        self._recognisers = recognisers
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return max(each.report_every_s for each in self._recognisers)

    def can_recognise(self, language: str) -> bool:
        return any(each.can_recognise(language) for each in self._recognisers)

    async def open(self, language: str, *, sample_rate_hz: int) -> SpeechStream:
        offering = [each for each in self._recognisers if each.can_recognise(language)]
        check_opening(
            *("combined", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=bool(offering),
        )
        return await offering[0].open(language, sample_rate_hz=sample_rate_hz)

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(each.close() for each in self._recognisers))
