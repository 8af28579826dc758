"""Speech to text by Amazon Transcribe Streaming: one HTTP/2 connection for each stream."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Protocol

from connectors.amazon.clients import AwsSettings
from connectors.amazon.languages import can_recognise, transcribe_locale
from connectors.amazon.transcribe_stream import AmazonSpeechStream, AmazonSpeechToTextSettings
from connectors.amazon.transcribe_wire import StreamRequest, TranscribeWire, WireStream
from connectors.calls.fair_semaphore import FairSemaphore
from connectors.interfaces.errors import RetryableError, ThrottledError
from connectors.interfaces.speech_to_text import RecogniserCapabilities, SpeechToText
from connectors.interfaces.stream_checks import check_opening
from schemas.languages import UNDETERMINED

_SAMPLE_RATES_HZ = (8_000, 16_000)


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
        self._streams: dict[str, AmazonSpeechStream] = {}
        self._turns = FairSemaphore(self._settings.max_streams, self._settings.starts_per_s)
        self._strangers = itertools.count()
        self._is_closed = False

    @property
    def capabilities(self) -> RecogniserCapabilities:
        return RecogniserCapabilities(punctuates=True, marks_stable=True, gives_confidence=True)

    @property
    def report_every_s(self) -> float:
        return self._settings.report_every_s

    @property
    def waiting(self) -> int:
        return self._turns.waiting

    @property
    def refusals(self) -> int:
        return self._turns.refusals

    def for_session(self, session_id: str) -> SpeechToText:
        return _OfSession(self, session_id)

    def can_recognise(self, language: str) -> bool:
        if language == UNDETERMINED:
            return len(self._settings.identify_among) > 1
        return can_recognise(language)

    async def open(
        self, language: str, *, sample_rate_hz: int, session_id: str | None = None
    ) -> AmazonSpeechStream:
        """A stream that ``session_id`` has is closed: none has two. None: of a session of its own.

        ThrottledError: no place was free within ``turn_within_s``, or the service says so.
        """
        check_opening(
            *("amazon", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
            rates_hz=_SAMPLE_RATES_HZ,
        )
        request = self._request(language, sample_rate_hz)
        session = f"stranger {next(self._strangers)}" if session_id is None else session_id
        if session in self._streams:
            await self._streams[session].close()
        await self._turns.acquire(session, self._settings.turn_within_s)
        try:
            wire = await self._start(request)
        except BaseException as error:
            comes_again = session_id is not None and isinstance(error, RetryableError)
            self._turns.release(session, broke=comes_again)
            if isinstance(error, ThrottledError):
                self._turns.hold(error.retry_after_s or self._settings.hold_starts_s)
            raise
        stream = AmazonSpeechStream(
            wire,
            self._settings,
            sample_rate_hz,
            lambda closed: self._forget(session, closed, comes_again=session_id is not None),
            is_wanted=lambda: self._turns.is_wanted,
        )
        self._streams[session] = stream
        if self._is_closed:  # meanwhile
            await stream.close()
        return stream

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(stream.close() for stream in tuple(self._streams.values())))

    def _request(self, language: str, sample_rate_hz: int) -> StreamRequest:
        settings = self._settings
        identifies = language == UNDETERMINED
        spoken = settings.identify_among if identifies else (language,)
        locales = tuple(filter(None, map(transcribe_locale, spoken)))
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

    async def _start(self, request: StreamRequest) -> WireStream:
        if self._wire is None:
            self._wire = TranscribeWire(self._aws, self._settings.ca_file)
        try:
            async with asyncio.timeout(self._settings.open_timeout_s):
                return await self._wire.open(request)
        except TimeoutError:
            raise RetryableError("Transcribe did not open a stream in time") from None

    def _forget(self, session: str, stream: AmazonSpeechStream, *, comes_again: bool) -> None:
        if self._streams.get(session) is stream:
            del self._streams[session]
            self._turns.release(session, broke=stream.broke and comes_again)


@dataclass(frozen=True, slots=True)
class _OfSession:
    """The recogniser as one session has it."""

    shared: AmazonSpeechToText
    session_id: str

    @property
    def report_every_s(self) -> float:
        return self.shared.report_every_s

    def can_recognise(self, language: str) -> bool:
        return self.shared.can_recognise(language)

    async def open(self, language: str, *, sample_rate_hz: int) -> AmazonSpeechStream:
        return await self.shared.open(
            language, sample_rate_hz=sample_rate_hz, session_id=self.session_id
        )

    async def close(self) -> None:
        """It is shared: its maker closes it."""


def _chosen(pairs: tuple[tuple[str, str], ...], languages: tuple[str, ...]) -> tuple[str, ...]:
    names = dict(pairs)
    return tuple(names[language] for language in languages if language in names)
