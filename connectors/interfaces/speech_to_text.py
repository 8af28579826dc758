"""Speech recognition as a stream: samples in, hypotheses out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; times in seconds from the stream's first sample.

    ``is_stable``: the recogniser promises not to change it, though its result is not final.
    ``confidence``: how likely it is right, 0 to 1, by the recogniser; None: it does not say.
    """

    text: str
    start_s: float
    end_s: float
    is_stable: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the recogniser believes now.

    ``words`` are all words behind the last final result, in order; a later result replaces them
    until ``is_final``, after which they never change and later results start behind them.
    ``through_s``: all audio up to here has been considered; it grows from result to result but for
    the last one. Non-speech is not in ``words``.
    """

    words: tuple[Word, ...]
    is_final: bool
    through_s: float


class SpeechStream(Protocol):
    """One open recognition. ``send`` from one task, iterate from another.

    Iteration yields Recognition in order and ends after ``finish`` once all audio sent has been
    answered (the last result is final and its ``through_s`` is all audio sent). After at most
    ``SpeechToText.report_every_s`` of audio there is a result, also in silence, so that
    ``through_s`` follows the audio. Errors of the service surface in the iteration, as
    RetryableError (open a new stream, send again), ThrottledError or PermanentError.
    """

    async def send(self, pcm: bytes) -> None:
        """Mono s16le at the stream's rate. Waits when the recogniser is behind (backpressure)."""
        ...

    async def finish(self) -> None:
        """No more audio."""
        ...

    def __aiter__(self) -> AsyncIterator[Recognition]: ...

    async def close(self) -> None:
        """Drop the stream at once, finished or not; frees everything it holds. May be repeated."""
        ...


class SpeechToText(Protocol):
    @property
    def report_every_s(self) -> float: ...

    def can_recognise(self, language: str) -> bool: ...

    async def open(self, language: str, *, sample_rate_hz: int) -> SpeechStream:
        """PermanentError: the language is not offered. ThrottledError: too many streams."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RecogniserCapabilities:
    """What a recogniser knows beyond words; whoever uses its results relies on no more than that.

    ``punctuates``: words carry punctuation and case.
    ``marks_stable``: words that are ``is_stable`` do not change.
    ``settles_after_s``: a word without that mark is taken to be settled once the recogniser has
    considered so much audio after it; infinite: it may change until it is final, however old.
    ``times_are_estimated``: words are in order and inside the speech they belong to, but where one
    ends is a guess: a gap between two words means nothing.
    ``gives_confidence``: words of final results have a ``confidence``; without it none is dropped
    for being invented (``confidence.without_invented``).
    """

    punctuates: bool = False
    marks_stable: bool = False
    settles_after_s: float = 0.0
    times_are_estimated: bool = False
    gives_confidence: bool = False


@runtime_checkable
class DescribedSpeechToText(SpeechToText, Protocol):
    """A recogniser that says what it is capable of."""

    @property
    def capabilities(self) -> RecogniserCapabilities: ...


def capabilities_of(recogniser: SpeechToText) -> RecogniserCapabilities:
    """The defaults for one that does not say: its words count as settled 0.25 s behind their end
    (``PauseSegmenter``), whether they are or not."""
    if isinstance(recogniser, DescribedSpeechToText):
        return recogniser.capabilities
    return RecogniserCapabilities()


@runtime_checkable
class SharedSpeechToText(SpeechToText, Protocol):
    """A recogniser with fewer streams than there may be sessions, which it shares out fairly."""

    @property
    def waiting(self) -> int:
        """Sessions that ask for a stream and have none."""
        ...

    def for_session(self, session_id: str) -> SpeechToText:
        """The recogniser as this session has it: with one stream at most. Nobody closes it."""
        ...


def for_session(recogniser: SpeechToText, session_id: str) -> SpeechToText:
    """One that all sessions may use alike is itself."""
    if isinstance(recogniser, SharedSpeechToText):
        return recogniser.for_session(session_id)
    return recogniser
