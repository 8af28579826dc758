"""Speech synthesis by Amazon Polly: MP3 at 24 kHz, its length measured by decoding it.

Polly's speech marks say when each word of a clip is spoken, for captions that follow the voice.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.error import FFmpegError
from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors, error_code
from connectors.amazon.languages import AMAZON_LANGUAGES, can_speak
from connectors.audio.mp3 import RATE_HZ, decode_clip, encode_clip
from connectors.calls.policy import RateLimiter
from connectors.calls.text_splitter import readable, split_text
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError
from schemas.values import Clip


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """A word, by its characters ``text[start:end]``; ``at_s`` from the beginning of the clip."""

    start: int
    end: int
    at_s: float


def read_marks(body: bytes, text: str) -> tuple[SpeechMark, ...]:
    """``body``: a line of JSON for each word, in order, with places in bytes of UTF-8.

    RetryableError: it is nothing of the kind.
    """
    spoken = text.encode()
    try:
        found: list[Any] = [json.loads(line) for line in body.splitlines() if line.strip()]
        return tuple(
            SpeechMark(
                len(spoken[: mark["start"]].decode()),
                len(spoken[: mark["end"]].decode()),
                mark["time"] / 1000,
            )
            for mark in found
            if mark["type"] == "word"
        )
    except (ValueError, KeyError, TypeError):
        raise RetryableError("Polly's answer is not speech marks") from None


QUALITY_TIERS = ("standard", "premium")
"""Neural and generative voices."""


@dataclass(frozen=True, slots=True)
class AmazonSynthesizerSettings:
    """``requests_per_s``: the account's quota (8 for neural and for generative voices, unless
    raised) divided by the worker processes. ``hold_s``: everybody's pause after the service has
    asked for fewer calls without saying for how long. ``lexicons``: of the account, by name."""

    requests_per_s: float = 8.0
    burst: int = 8
    hold_s: float = 0.5
    longest_text: int = 3_000
    lexicons: tuple[str, ...] = ()
    decoders: int = 2
    bit_rate: int = 48_000


@dataclass(frozen=True, slots=True)
class _Voice:
    name: str
    locale: str
    engine: str


_Wanted = dict[str, Any]
_CLIP: _Wanted = {"OutputFormat": "mp3", "SampleRate": str(RATE_HZ)}
_MARKS: _Wanted = {"OutputFormat": "json", "SpeechMarkTypes": ["word"]}


class AmazonSynthesizer:
    """Text goes as text, never as SSML, so that nothing in it can be taken for a command."""

    def __init__(self, aws: AwsSettings, settings: AmazonSynthesizerSettings | None = None) -> None:
        self._settings = settings or AmazonSynthesizerSettings()
        self._clients = AwsClients(aws)
        self._turns = RateLimiter(self._settings.requests_per_s, self._settings.burst)
        self._decoders = ThreadPoolExecutor(self._settings.decoders, thread_name_prefix="mp3")
        self._without_generative: set[str] = set()
        """Languages whose generative voice this region turned out not to have."""
        self._is_closed = False

    def can_speak(self, language: str) -> bool:
        return can_speak(language)

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        voice, clean = self._checked(text, language, quality_tier)
        bodies = [
            await self._speak(part, language, voice, _CLIP)
            for part in split_text(clean, self._settings.longest_text)
            if any(character.isalnum() for character in part)
        ]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, _clip, bodies, self._settings.bit_rate)

    async def speech_marks(
        self, text: str, language: str, *, quality_tier: str = "standard"
    ) -> tuple[SpeechMark, ...]:
        """When ``synthesize``'s clip of one line of text says each of its words. It is a call of
        its own, of the same quota. PermanentError: a text that takes several calls, too."""
        voice, clean = self._checked(text, language, quality_tier)
        if clean != text or len(clean) > self._settings.longest_text:
            raise PermanentError("speech marks are for one line of text, short enough for one call")
        return read_marks(await self._speak(clean, language, voice, _MARKS), clean)

    async def close(self) -> None:
        self._is_closed = True
        self._decoders.shutdown(wait=False, cancel_futures=True)
        await self._clients.close()

    def _checked(self, text: str, language: str, quality_tier: str) -> tuple[_Voice, str]:
        """Who speaks, and what can be voiced of the text. Raises PermanentError."""
        if self._is_closed:
            raise PermanentError("this synthesizer is closed")
        if quality_tier not in QUALITY_TIERS:
            raise PermanentError(f"no quality tier {quality_tier!r}: {', '.join(QUALITY_TIERS)}")
        voice = self._voice(language, quality_tier)
        clean = readable(text)
        if not any(character.isalnum() for character in clean):
            raise PermanentError("nothing in the text can be voiced")
        return voice, clean

    def _voice(self, language: str, quality_tier: str) -> _Voice:
        found = AMAZON_LANGUAGES.get(language)
        if found is None or found.neural_voice is None or found.polly_locale is None:
            raise PermanentError(f"Polly has no voice for language {language!r}")
        wants_generative = quality_tier == "premium" and language not in self._without_generative
        if wants_generative and found.generative_voice is not None:
            return _Voice(found.generative_voice, found.polly_locale, "generative")
        return _Voice(found.neural_voice, found.polly_locale, "neural")

    async def _speak(self, text: str, language: str, voice: _Voice, wanted: _Wanted) -> bytes:
        try:
            with aws_errors("synthesize"):
                try:
                    return await self._ask(text, voice, wanted)
                except ClientError as error:
                    refused = error_code(error) == "EngineNotSupportedException"
                    if not refused or voice.engine != "generative":
                        raise
                # Not every region has the generative engine: a neural voice is better than none.
                self._without_generative.add(language)
                return await self._ask(text, self._voice(language, "standard"), wanted)
        except ThrottledError as error:
            self._turns.hold(error.retry_after_s or self._settings.hold_s)
            raise

    async def _ask(self, text: str, voice: _Voice, wanted: _Wanted) -> bytes:
        client = await self._clients.polly()
        await self._turns.acquire()
        answer = await client.synthesize_speech(
            Engine=voice.engine,  # pyright: ignore[reportArgumentType] (a literal, from our table)
            LanguageCode=voice.locale,  # pyright: ignore[reportArgumentType]
            VoiceId=voice.name,  # pyright: ignore[reportArgumentType]
            LexiconNames=list(self._settings.lexicons),
            Text=text,
            TextType="text",
            **wanted,
        )
        async with answer["AudioStream"] as body:
            return await body.read()


def _clip(bodies: list[bytes], bit_rate: int) -> Clip:
    """One answer stays as it is; several become one file. The length is what a player makes."""
    try:
        samples = np.concatenate([decode_clip(body) for body in bodies])
    except (FFmpegError, ValueError):
        raise RetryableError("Polly's answer is not MP3") from None
    if len(bodies) > 1:
        return encode_clip(samples, bit_rate)
    return Clip(bodies[0], len(samples) / RATE_HZ)
