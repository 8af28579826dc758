"""Recognition by a server of whisper-live's kind: a WebSocket, samples in, segments out.

A stream is a connection. The client sends a line of JSON that says what it wants, waits until the
server is ready, and then sends float samples at 16 kHz; ``whisper_live_transcript`` reads what
comes back. Such a server does not transcribe less than a second, ends a segment when it has heard
the same several times, and drops what is unfinished when a client leaves: so a pause is filled with
silence of ours, and the end waits for the last words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.speech_to_text import RecogniserCapabilities, Recognition
from connectors.interfaces.stream_checks import check_opening
from connectors.services.whisper_live_transcript import READY, WhisperLiveTranscript, read_message
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

_FRAME_BYTES = SAMPLE_RATE_HZ // 5 * BYTES_PER_SAMPLE
_END = b"END_OF_AUDIO"
_LAST_SILENCE_S = 1.5
_MOST_MESSAGE_BYTES = 1 << 20
_CLOSE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class WhisperLiveSettings:
    """``model``: as the server names it. ``languages``: those that it is good for.

    ``answer_within_s``: loud audio without a word for so long is taken for no speech.
    ``repeats``: how often the server has to hear the same until a segment is complete.
    ``end_words_after_s`` without audio while words may come, silence follows at the speed of
    speech, ``end_words_within_s`` of it at most. ``ahead_s``: audio that may wait at the server
    (which drops what is older than 45 s) before ``send`` does.
    """

    url: str = "ws://127.0.0.1:9090"
    model: str = "small"
    languages: tuple[str, ...] = ("en",)
    report_every_s: float = 0.5
    open_timeout_s: float = 30.0
    answer_within_s: float = 4.0
    repeats: int = 3
    end_words_after_s: float = 0.5
    end_words_within_s: float = 3.0
    ahead_s: float = 20.0


class WhisperLiveSpeechToText:
    """``SpeechToText``. How many streams there may be, the server says."""

    def __init__(self, settings: WhisperLiveSettings) -> None:
        self._settings = settings
        self._streams: set[WhisperLiveStream] = set()
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._settings.report_every_s

    @property
    def capabilities(self) -> RecogniserCapabilities:
        return RecogniserCapabilities(
            punctuates=True,
            marks_stable=True,
            settles_after_s=math.inf,
            times_are_estimated=True,
        )

    def can_recognise(self, language: str) -> bool:
        return language in self._settings.languages

    async def open(self, language: str, *, sample_rate_hz: int) -> WhisperLiveStream:
        check_opening(
            *("whisper_live", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
        )
        uid = str(uuid.uuid4())
        try:
            async with asyncio.timeout(self._settings.open_timeout_s):
                socket = await connect(
                    self._settings.url,
                    compression=None,
                    max_size=_MOST_MESSAGE_BYTES,
                    close_timeout=_CLOSE_WITHIN_S,
                    open_timeout=None,
                    proxy=None,
                )
                try:
                    await self._begin(socket, uid, language)
                except BaseException:
                    socket.transport.abort()
                    raise
        except TimeoutError:
            raise RetryableError("the recognition server is not ready in time") from None
        except (OSError, WebSocketException) as error:
            raise RetryableError(f"no recognition server: {type(error).__name__}") from None
        stream = WhisperLiveStream(socket, uid, self._settings, self._streams.discard)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(stream.close() for stream in tuple(self._streams)))

    async def _begin(self, socket: ClientConnection, uid: str, language: str) -> None:
        wanted = {
            "uid": uid,
            "language": language,
            "task": "transcribe",
            "model": self._settings.model,
            "use_vad": True,
            "same_output_threshold": self._settings.repeats,
        }
        await socket.send(json.dumps(wanted))
        while read_message(await socket.recv(), uid) != READY:
            pass


@dataclass(frozen=True, slots=True)
class _End:
    """Behind the last recognition. ``error`` None: all audio has been answered."""

    error: ConnectorError | None = None


class WhisperLiveStream:
    """``SpeechStream``. A wait for a result may be given up without loss."""

    def __init__(
        self,
        socket: ClientConnection,
        uid: str,
        settings: WhisperLiveSettings,
        on_close: Callable[[WhisperLiveStream], None],
    ) -> None:
        self._socket = socket
        self._uid = uid
        self._settings = settings
        self._on_close = on_close
        self._transcript = WhisperLiveTranscript(settings.report_every_s, settings.answer_within_s)
        self._unsent = bytearray()
        self._results: asyncio.Queue[Recognition | _End] = asyncio.Queue()
        self._end: _End | None = None
        self._moved = asyncio.Event()
        self._is_finished = self._is_over = self._is_closed = False
        self._last_audio_s = self._now_s()
        self._silence_s = 0.0
        """Sent since the last audio."""
        self._reading = asyncio.create_task(self._read())
        self._ticking = asyncio.create_task(self._tick())

    async def send(self, pcm: bytes) -> None:
        if self._is_closed or self._is_finished:
            raise PermanentError("audio behind the end of its stream")
        if len(pcm) % BYTES_PER_SAMPLE:
            raise PermanentError("odd number of PCM bytes")
        self._unsent += pcm
        while len(self._unsent) >= _FRAME_BYTES and not self._is_stopped:
            frame = bytes(self._unsent[:_FRAME_BYTES])
            del self._unsent[:_FRAME_BYTES]
            await self._room()
            await self._send_audio(frame)

    async def finish(self) -> None:
        if self._is_finished or self._is_stopped:
            return
        self._is_finished = True
        rest, self._unsent = bytes(self._unsent), bytearray()
        if rest:
            await self._send_audio(rest)
        self._transcript.finishing()
        if not self._transcript.is_settled:
            await self._send_silence(_LAST_SILENCE_S)
        self._end_if_settled()

    def __aiter__(self) -> WhisperLiveStream:
        return self

    async def __anext__(self) -> Recognition:
        outcome = self._end or await self._results.get()
        if isinstance(outcome, Recognition) and not self._is_closed:
            return outcome
        if isinstance(outcome, _End):
            self._end = outcome
            if outcome.error is not None and not self._is_closed:
                raise outcome.error
        raise StopAsyncIteration

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._stop(_End())
        self._on_close(self)
        for task in (self._reading, self._ticking):
            task.cancel()
        await asyncio.gather(self._reading, self._ticking, return_exceptions=True)
        try:
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._socket.send(_END)
                await self._socket.close()
        except (TimeoutError, WebSocketException):
            self._socket.transport.abort()

    @property
    def _is_stopped(self) -> bool:
        return self._is_over or self._is_closed

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    async def _room(self) -> None:
        transcript = self._transcript
        while (
            transcript.clock.audio_s - transcript.through_s > self._settings.ahead_s
            and not self._is_stopped
        ):
            self._moved.clear()
            await self._moved.wait()

    async def _send_audio(self, pcm: bytes) -> None:
        # Counted first: the answer may come before this task goes on.
        self._last_audio_s, self._silence_s = self._now_s(), 0.0
        self._transcript.sent(pcm, self._last_audio_s)
        await self._write(pcm)

    async def _send_silence(self, duration_s: float) -> None:
        self._transcript.clock.insert_silence(duration_s)
        self._silence_s += duration_s
        await self._write(bytes(round(duration_s * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE))

    async def _write(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2").astype("<f4") / np.float32(32_768)
        with contextlib.suppress(WebSocketException):  # the reading tells
            await self._socket.send(samples.tobytes())

    async def _read(self) -> None:
        try:
            while True:
                message = read_message(await self._socket.recv(), self._uid)
                if isinstance(message, tuple):
                    self._put(self._transcript.take(message, self._now_s()))
                    self._end_if_settled()
        except ConnectorError as error:
            self._stop(_End(error))
        except WebSocketException:
            self._stop(_End(RetryableError("the recognition server ended the stream")))

    async def _tick(self) -> None:
        """Reports on silence, silence for a server that gets no audio, and an end of waiting."""
        settings = self._settings
        while not self._is_stopped:
            await asyncio.sleep(settings.report_every_s)
            now_s = self._now_s()
            self._put(self._transcript.quiet(now_s))
            without_audio_s = now_s - self._last_audio_s
            if self._is_finished:
                self._end_if_settled(is_overdue=without_audio_s >= settings.answer_within_s)
            elif (
                self._transcript.expects_words
                and without_audio_s >= settings.end_words_after_s
                and self._silence_s < settings.end_words_within_s
            ):
                await self._send_silence(settings.report_every_s)

    def _end_if_settled(self, *, is_overdue: bool = False) -> None:
        if (
            self._is_finished
            and not self._is_stopped
            and (is_overdue or self._transcript.is_settled)
        ):
            self._put(self._transcript.end())
            self._stop(_End())

    def _put(self, recognitions: list[Recognition]) -> None:
        if not self._is_stopped:
            for recognition in recognitions:
                self._results.put_nowait(recognition)
            self._moved.set()

    def _stop(self, end: _End) -> None:
        if not self._is_over:
            self._is_over = True
            self._results.put_nowait(end)
        self._moved.set()
