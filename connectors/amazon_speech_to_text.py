"""Speech to text by Amazon Transcribe Streaming: one HTTP/2 connection for each stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from connectors.amazon_clients import AwsSettings
from connectors.amazon_languages import AMAZON_LANGUAGES, UNDETERMINED
from connectors.amazon_transcribe_wire import StreamRequest, TranscribeWire, WireStream
from connectors.amazon_transcript import TranscriptReader
from connectors.errors import ConnectorError, PermanentError, RetryableError, ThrottledError
from connectors.policy import RateLimiter
from connectors.speech_to_text import Recognition

_SAMPLE_RATES_HZ = (8_000, 16_000)
_EVENT_S = 0.2
"""Of audio in an event, at most; Amazon advises 0.05 to 0.2."""
_KEEP_ALIVE_S = 0.1
_CLOSE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class AmazonSpeechToTextSettings:
    """``max_streams``, ``starts_per_s``: the account's quotas (25 each unless raised), which all
    worker processes share: give each its part. A stream waits its turn for ``turn_within_s``.

    ``answer_within_s``: audio without a word reported for so long is taken for non-speech; too
    short and a slow answer comes behind a cut, too long and silence delays the words before it.
    ``keep_alive_after_s`` without audio, silence is sent: the service closes a stream after 15 s.
    ``head_start_s`` of audio go at once, more at ``catch_up_speed`` times its own: the service
    takes audio at about the speed of speech, and signatures of what waits longer than 5 minutes
    are refused.

    ``identify_among``: languages (two or more) to tell apart in a session of language ``und``,
    the likeliest first. ``vocabularies`` and ``vocabulary_filters``: (language, name) pairs.
    ``stability``: ``low``, ``medium`` or ``high``; higher is sooner and less accurate.
    """

    report_every_s: float = 0.25
    answer_within_s: float = 2.0
    keep_alive_after_s: float = 5.0
    open_timeout_s: float = 10.0
    max_streams: int = 25
    starts_per_s: float = 25.0
    turn_within_s: float = 5.0
    hold_starts_s: float = 1.0
    head_start_s: float = 30.0
    catch_up_speed: float = 4.0
    identify_among: tuple[str, ...] = ()
    vocabularies: tuple[tuple[str, str], ...] = ()
    vocabulary_filters: tuple[tuple[str, str], ...] = ()
    vocabulary_filter_method: str = "mask"
    stability: str = "high"
    ca_file: str | None = None


class StreamOpener(Protocol):
    """What ``TranscribeWire`` does; tests put something scripted in its place."""

    async def open(self, request: StreamRequest) -> WireStream: ...


class AmazonSpeechToText:
    def __init__(
        self,
        aws: AwsSettings,
        settings: AmazonSpeechToTextSettings | None = None,
        wire: StreamOpener | None = None,
    ) -> None:
        self._aws = aws
        self._settings = settings or AmazonSpeechToTextSettings()
        self._wire = wire
        self._streams: set[AmazonSpeechStream] = set()
        # Both let callers in by turns, so no session keeps the others from their streams.
        self._slots = asyncio.Semaphore(self._settings.max_streams)
        self._starts = RateLimiter(self._settings.starts_per_s)
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._settings.report_every_s

    def can_recognise(self, language: str) -> bool:
        if language == UNDETERMINED:
            return len(self._settings.identify_among) > 1
        return _locale(language) is not None

    async def open(self, language: str, *, sample_rate_hz: int) -> AmazonSpeechStream:
        """ThrottledError: no turn came within ``turn_within_s``, or the service says so."""
        if self._is_closed:
            raise PermanentError("this recogniser is closed")
        request = self._request(language, sample_rate_hz)
        await self._wait_for_slot()
        try:
            wire = await self._start(request)
        except BaseException as error:
            self._slots.release()
            if isinstance(error, ThrottledError):
                self._starts.hold(error.retry_after_s or self._settings.hold_starts_s)
            raise
        stream = AmazonSpeechStream(wire, self._settings, sample_rate_hz, self._forget)
        self._streams.add(stream)
        if self._is_closed:  # meanwhile
            await stream.close()
        return stream

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(stream.close() for stream in tuple(self._streams)))

    def _request(self, language: str, sample_rate_hz: int) -> StreamRequest:
        settings = self._settings
        if not self.can_recognise(language):
            raise PermanentError(f"Transcribe is not asked for language {language!r}")
        if sample_rate_hz not in _SAMPLE_RATES_HZ:
            raise PermanentError(f"{sample_rate_hz} Hz; Transcribe is given 8000 or 16000 Hz")
        identifies = language == UNDETERMINED
        spoken = settings.identify_among if identifies else (language,)
        locales = tuple(filter(None, map(_locale, spoken)))
        return StreamRequest(
            locale=None if identifies else locales[0],
            sample_rate_hz=sample_rate_hz,
            among=locales if identifies else (),
            preferred=locales[0] if identifies else None,
            vocabularies=_chosen(settings.vocabularies, spoken),
            vocabulary_filters=_chosen(settings.vocabulary_filters, spoken),
            filter_method=settings.vocabulary_filter_method,
            stability=settings.stability,
        )

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._settings.turn_within_s):
                await self._slots.acquire()
        except TimeoutError:
            limit = self._settings.max_streams
            raise ThrottledError(f"{limit} streams are open, which is the limit") from None

    async def _start(self, request: StreamRequest) -> WireStream:
        await self._starts.acquire()
        if self._wire is None:
            self._wire = TranscribeWire(self._aws, self._settings.ca_file)
        try:
            async with asyncio.timeout(self._settings.open_timeout_s):
                return await self._wire.open(request)
        except TimeoutError:
            raise RetryableError("Transcribe did not open a stream in time") from None

    def _forget(self, stream: AmazonSpeechStream) -> None:
        if stream in self._streams:
            self._streams.discard(stream)
            self._slots.release()


@dataclass(slots=True)
class _End:
    """Behind the last recognition. ``error`` None: all audio has been answered."""

    error: ConnectorError | None = None


@dataclass(slots=True)
class _Heard:
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
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._on_close = on_close
        self._bytes_per_s = 2 * sample_rate_hz
        self._reader = TranscriptReader(settings.report_every_s, settings.answer_within_s)
        self._pace = RateLimiter(
            settings.catch_up_speed / _EVENT_S, max(1, round(settings.head_start_s / _EVENT_S))
        )
        self._heard = _Heard()
        self._writing = asyncio.Lock()
        self._is_finished = False
        self._is_ended = False
        self._is_closed = False
        self._last_sent_s = asyncio.get_running_loop().time()
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
        outcome = await self._heard.next()
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
        self._heard.end = _End()
        self._heard.queue.put_nowait(_End())
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
                self._reader.sent(duration_s, self._last_sent_s)
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
            self._is_ended = True
            self._ticking.cancel()
            self._heard.queue.put_nowait(end)

    async def _tick(self) -> None:
        """Reports on silence, and silence for a service that gets no audio."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.report_every_s)
            self._put(self._reader.quiet(loop.time()))
            idle_s = loop.time() - self._last_sent_s
            if idle_s >= self._settings.keep_alive_after_s and not self._is_finished:
                silence = bytes(2 * round(_KEEP_ALIVE_S * self._bytes_per_s / 2))
                await self._send(silence, is_speech=False)

    def _put(self, recognitions: list[Recognition]) -> None:
        for recognition in recognitions:
            self._heard.queue.put_nowait(recognition)


class _OnClose(Protocol):
    def __call__(self, stream: AmazonSpeechStream, /) -> None: ...


def _locale(language: str) -> str | None:
    found = AMAZON_LANGUAGES.get(language)
    return found.transcribe_locale if found else None


def _chosen(pairs: tuple[tuple[str, str], ...], languages: tuple[str, ...]) -> tuple[str, ...]:
    names = dict(pairs)
    return tuple(names[language] for language in languages if language in names)


def _pieces(pcm: bytes, longest_bytes: int) -> Iterator[bytes]:
    for at in range(0, len(pcm), longest_bytes):
        yield pcm[at : at + longest_bytes]
