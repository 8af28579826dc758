"""Speech endpoints that speak OpenAI's API: ``/v1/audio/transcriptions`` and ``/v1/audio/speech``.

For a server of one's own with a GPU that serves many talks, or for OpenAI. Both take the key from
their settings only, and never put it or what was said into an error.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

from connectors.audio.mp3 import RATE_HZ, encode_clip
from connectors.calls.line_speech_stream import (
    LineSpeechStream,
    LineStreamSettings,
    Transcription,
)
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.speech_to_text import RecogniserCapabilities
from connectors.interfaces.stream_checks import check_opening, check_places
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.services.openai_endpoint import OpenAiEndpoint
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Clip

_LONGEST_TEXT = 4_096
"""Of /v1/audio/speech."""


@dataclass(frozen=True, slots=True)
class OpenAiSettings:
    """``url``: up to ``/v1``, such as http://127.0.0.1:8000/v1. ``key``: sent as Bearer; None: the
    server asks for none. ``languages``: those that its models are good for."""

    url: str = "http://127.0.0.1:8000/v1"
    key: str | None = field(default=None, repr=False)
    model: str = "whisper-1"
    voice_model: str = "tts-1"
    languages: tuple[str, ...] = ("en",)
    voice: str = "alloy"
    answer_timeout_s: float = 20.0
    max_streams: int = 64


class OpenAiSpeechToText:
    """``SpeechToText``: the line that is spoken is transcribed at each step anew."""

    def __init__(
        self,
        settings: OpenAiSettings,
        detectors: VoiceActivityFactory,
        stream_settings: LineStreamSettings | None = None,
    ) -> None:
        self._settings = settings
        self._detectors = detectors
        self._stream_settings = stream_settings or LineStreamSettings()
        self._endpoint = OpenAiEndpoint(settings.url, settings.key, settings.answer_timeout_s)
        self._streams: set[LineSpeechStream] = set()
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._stream_settings.report_every_s

    @property
    def capabilities(self) -> RecogniserCapabilities:
        return RecogniserCapabilities(
            punctuates=True,
            marks_stable=True,
            settles_after_s=math.inf,
            times_are_estimated=True,
            gives_confidence=True,
        )

    def can_recognise(self, language: str) -> bool:
        return language in self._settings.languages

    async def open(self, language: str, *, sample_rate_hz: int) -> LineSpeechStream:
        check_opening(
            *("openai", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
        )
        check_places(len(self._streams), self._settings.max_streams)

        async def transcribe(pcm: bytes) -> Transcription:
            return await self._transcribe(pcm, language)

        stream = LineSpeechStream(
            transcribe, self._detectors.detector(), self._stream_settings, self._streams.discard
        )
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(stream.close() for stream in tuple(self._streams)))
        await self._endpoint.close()

    async def _transcribe(self, pcm: bytes, language: str) -> Transcription:
        form = aiohttp.FormData()
        form.add_field("file", wav_of(pcm), filename="line.wav", content_type="audio/wav")
        form.add_field("model", self._settings.model)
        form.add_field("language", language)
        form.add_field("response_format", "verbose_json")
        return read_transcription(await self._endpoint.post("/audio/transcriptions", data=form))


class OpenAiSynthesizer:
    """``SpeechSynthesizer``. Asks for bare samples, so that clips are of one kind and their length
    is exact; ``finish`` may level them."""

    def __init__(
        self,
        settings: OpenAiSettings,
        finish: Callable[[Any, int], Any] = lambda samples, _rate_hz: samples,
    ) -> None:
        self._settings = settings
        self._finish = finish
        self._endpoint = OpenAiEndpoint(settings.url, settings.key, settings.answer_timeout_s)
        self._is_closed = False

    def can_speak(self, language: str) -> bool:
        return language in self._settings.languages

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        if self._is_closed:
            raise PermanentError("this synthesizer is closed")
        if not self.can_speak(language):
            raise PermanentError(f"no voice for language {language!r}")
        clean = text.encode("utf-8", "ignore").decode().replace("\0", " ").strip()
        if not any(character.isalnum() for character in clean):
            raise PermanentError("nothing in the text can be voiced")
        if len(clean) > _LONGEST_TEXT:
            raise PermanentError(f"{len(clean)} characters; at most {_LONGEST_TEXT}")
        asked = {
            "model": self._settings.voice_model,
            "voice": self._settings.voice,
            "input": clean,
            "response_format": "pcm",
        }
        pcm = await self._endpoint.post("/audio/speech", json=asked)
        samples = np.frombuffer(pcm[: len(pcm) - len(pcm) % 2], "<i2").astype(np.float32) / 32_768
        if not len(samples):
            raise RetryableError("/audio/speech answered without a sample")
        made_by = self._settings.voice_model
        return await asyncio.to_thread(
            lambda: encode_clip(self._finish(samples, RATE_HZ), 48_000, made_by=made_by)
        )

    async def close(self) -> None:
        self._is_closed = True
        await self._endpoint.close()


def wav_of(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(BYTES_PER_SAMPLE)
        output.setframerate(SAMPLE_RATE_HZ)
        output.writeframes(pcm)
    return file.getvalue()


def read_transcription(body: bytes) -> Transcription:
    """A ``json`` or ``verbose_json`` answer; the latter's segments say how sure the model was.
    RetryableError: it is neither."""
    try:
        answer = json.loads(body)
        text = str(answer["text"]).strip()
        segments = answer.get("segments") or []
        sure = [
            math.exp(min(0.0, float(segment["avg_logprob"])))
            * (1.0 - float(segment.get("no_speech_prob", 0.0)))
            for segment in segments
            if "avg_logprob" in segment
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RetryableError("/audio/transcriptions answered something else") from None
    return Transcription(text, min(sure) if sure else None)
