"""One stream of Amazon Transcribe: its pace, the silence that keeps it going, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.amazon.transcribe_wire import WireStream
from connectors.amazon.transcript import TranscriptReader
from connectors.calls.policy import RateLimiter
from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.speech_to_text import Recognition


@dataclass(frozen=True, slots=True)
class AmazonSpeechToTextSettings:
    """``max_streams``, ``starts_per_s``: the account's quotas (25 each unless raised), which all
    worker processes share: give each its part. A session waits its turn for ``turn_within_s``, and
    keeps its place when it asks again (``FairSemaphore``). While others wait, a stream that has had
    no audio for ``free_after_s`` ends, and its place is theirs (sooner, and a job whose speaker is
    cut off could not commit the last words: it waits 3 s for more).

    ``answer_within_s``: quiet audio without a word reported for so long is taken for non-speech,
    loud audio (which may be speech, and the service slow) after ``answer_loud_within_s``; too
    short and a slow answer comes behind a cut, too long and silence delays the words before it.
    ``keep_alive_after_s`` without audio, silence is sent: the service closes a stream after 15 s.
    ``end_words_after_s`` without audio while words are not final, silence follows at the speed of
    speech, ``end_words_within_s`` of it at most: the service ends a segment when it hears a pause.
    ``head_start_s`` of audio go at once, more at ``catch_up_speed`` times its own: the service
    takes audio at about the speed of speech, and signatures of what waits longer than 5 minutes
    are refused.

    ``identify_among``: languages (two or more) to tell apart in a session of language ``und``,
    the likeliest first. ``vocabularies`` and ``vocabulary_filters``: (language, name) pairs.
    ``stability``: ``low``, ``medium`` or ``high``; higher is sooner and less accurate.
    """

    report_every_s: float = 0.25
    answer_within_s: float = 2.0
    answer_loud_within_s: float = 8.0
    keep_alive_after_s: float = 5.0
    end_words_after_s: float = 0.5
    end_words_within_s: float = 2.0
    open_timeout_s: float = 10.0
    max_streams: int = 25
    starts_per_s: float = 25.0
    turn_within_s: float = 5.0
    free_after_s: float = 5.0
    hold_starts_s: float = 1.0
    head_start_s: float = 30.0
    catch_up_speed: float = 4.0
    identify_among: tuple[str, ...] = ()
    vocabularies: tuple[tuple[str, str], ...] = ()
    vocabulary_filters: tuple[tuple[str, str], ...] = ()
    vocabulary_filter_method: str = "mask"
    stability: str = "high"
    ca_file: str | None = None


_EVENT_S = 0.2
"""Of audio in an event, at most; Amazon advises 0.05 to 0.2."""
_KEEP_ALIVE_S = 0.1
"""Of silence."""
_CLOSE_WITHIN_S = 2.0
_LIVE_S = 1.0
"""What was missed is sent at once: audio that comes later is spoken now."""
_QUIET_PEAK = 328
"""Of 32,768, -40 dB: below it nobody speaks into a microphone."""


class _OnClose(Protocol):
    def __call__(self, stream: AmazonSpeechStream, /) -> None: ...


@dataclass(slots=True)
class _End:
    """Behind the last recognition. ``error`` None: all audio has been answered."""

    error: ConnectorError | None = None


@dataclass(slots=True)
class _Results:
    """What waits for the iteration; a wait for it may be given up without loss."""

    queue: asyncio.Queue[Recognition | _End] = field(
        default_factory=asyncio.Queue[Recognition | _End]
    )
    end: _End | None = None

    async def next(self) -> Recognition | _End:
        if self.end is not None:
            return self.end
        outcome = await self.queue.get()
        if isinstance(outcome, _End):
            self.end = outcome
        return outcome


class AmazonSpeechStream:
    """``SpeechStream``. A task reads the service, for cancelling the SDK's wait loses results."""

    def __init__(
        self,
        wire: WireStream,
        settings: AmazonSpeechToTextSettings,
        sample_rate_hz: int,
        on_close: _OnClose,
        is_wanted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._on_close = on_close
        self._is_wanted = is_wanted
        self._bytes_per_s = 2 * sample_rate_hz
        self._reader = TranscriptReader(
            settings.report_every_s, settings.answer_within_s, settings.answer_loud_within_s
        )
        self._pace = RateLimiter(
            settings.catch_up_speed / _EVENT_S, max(1, round(settings.head_start_s / _EVENT_S))
        )
        self._results = _Results()
        self._writing = asyncio.Lock()
        self._is_finished = False
        self._is_ended = False
        self._is_closed = False
        self.broke = False
        """Whether the service, or the way to it, ended what was not to end."""
        self._opened_at_s = asyncio.get_running_loop().time()
        self._last_sent_s = self._last_speech_s = self._opened_at_s
        self.locale: str | None = None
        """The language that the service has identified, as ``en-US``."""
        self._reading = asyncio.create_task(self._read())
        self._ticking = asyncio.create_task(self._tick())

    async def send(self, pcm: bytes) -> None:
        if self._is_closed or self._is_finished:
            raise PermanentError("audio behind the end of its stream")
        if len(pcm) % 2:
            raise PermanentError("odd number of PCM bytes")
        for piece in _pieces(pcm, round(_EVENT_S * self._bytes_per_s)):
            await self._pace.acquire()
            if self._is_ended or self._is_closed:
                return  # the iteration tells
            await self._send(piece, is_speech=True)

    async def finish(self) -> None:
        if self._is_finished or self._is_closed:
            return
        self._is_finished = True
        async with self._writing:
            await self._wire.end()

    def __aiter__(self) -> AmazonSpeechStream:
        return self

    async def __anext__(self) -> Recognition:
        outcome = await self._results.next()
        if self._is_closed:
            raise StopAsyncIteration
        if isinstance(outcome, Recognition):
            return outcome
        if outcome.error is not None:
            raise outcome.error
        raise StopAsyncIteration

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._ticking.cancel()
        self._results.end = _End()
        self._results.queue.put_nowait(_End())
        self._wire.close()  # which ends the reading
        self._on_close(self)
        _, late = await asyncio.wait((self._reading, self._ticking), timeout=_CLOSE_WITHIN_S)
        for task in late:
            task.cancel()

    async def _send(self, pcm: bytes, *, is_speech: bool) -> None:
        async with self._writing:
            if self._is_closed or (self._is_finished and not is_speech):
                return
            # Counted first: the answer may come before this task goes on.
            self._last_sent_s = asyncio.get_running_loop().time()
            duration_s = len(pcm) / self._bytes_per_s
            if is_speech:
                self._last_speech_s = self._last_sent_s
                self._reader.sent(duration_s, self._last_sent_s, is_quiet=_is_quiet(pcm))
            else:
                self._reader.clock.insert_silence(duration_s)
            await self._wire.send(pcm)

    async def _read(self) -> None:
        end = _End()
        try:
            async for results in self._wire.results():
                for result in results:
                    self.locale = result.locale or self.locale
                    self._put(self._reader.take(result))
            if self._is_finished:
                self._put(self._reader.end())
            else:
                end = _End(RetryableError("Transcribe ended the stream by itself"))
        except ConnectorError as error:
            end = _End(error)
        finally:
            is_ours = self._is_closed or self._is_ended  # made room
            self.broke = end.error is not None and not is_ours
            self._is_ended = True
            self._ticking.cancel()
            self._results.queue.put_nowait(end)

    async def _tick(self) -> None:
        """Reports on silence, and silence for a service that gets no audio."""
        while True:
            await asyncio.sleep(self._settings.report_every_s)
            now_s = asyncio.get_running_loop().time()
            self._put(self._reader.quiet(now_s))
            if self._is_spare(now_s):
                self._make_room()
                return  # which ends the keep-alive, too
            silence_s = self._silence_due_s(now_s)
            if silence_s and not self._is_finished:
                silence = bytes(2 * round(silence_s * self._bytes_per_s / 2))
                await self._send(silence, is_speech=False)

    def _is_spare(self, now_s: float) -> bool:
        """Whether nothing is left to be said to it or by it, and another session waits.

        One that was only sent what it had missed is left to its owner: it would be opened for that
        again, and two silent sessions would take one place from each other for ever.
        """
        quiet_s = now_s - self._last_speech_s
        is_done = self._reader.is_done and not self._is_finished
        heard_live = self._last_speech_s - self._opened_at_s >= _LIVE_S
        is_spare = is_done and heard_live and quiet_s >= self._settings.free_after_s
        return is_spare and self._is_wanted()

    def _make_room(self) -> None:
        """The iteration tells, as of a stream that broke: the next speech opens another."""
        self._is_ended = True
        self._results.queue.put_nowait(_End(RetryableError("silent, and other sessions wait")))
        self._wire.close()
        self._on_close(self)

    def _silence_due_s(self, now_s: float) -> float:
        settings = self._settings
        without_speech_s = now_s - self._last_speech_s - settings.end_words_after_s
        if self._reader.has_open_words and 0 <= without_speech_s < settings.end_words_within_s:
            return settings.report_every_s
        return _KEEP_ALIVE_S if now_s - self._last_sent_s >= settings.keep_alive_after_s else 0.0

    def _put(self, recognitions: list[Recognition]) -> None:
        for recognition in recognitions:
            self._results.queue.put_nowait(recognition)


def _is_quiet(pcm: bytes) -> bool:
    samples: NDArray[np.int16] = np.frombuffer(pcm, dtype="<i2")
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) < _QUIET_PEAK


def _pieces(pcm: bytes, longest_bytes: int) -> Iterator[bytes]:
    for at in range(0, len(pcm), longest_bytes):
        yield pcm[at : at + longest_bytes]
