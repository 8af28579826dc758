"""A scripted voice: a real, short MP3 whose length follows the text, late and failing on order.

For tests, chaos runs and benchmarks; in memory, in the running loop's time. Clips of the same
length are encoded once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.audio.mp3 import RATE_HZ, encode_clip
from connectors.interfaces.errors import PermanentError
from connectors.testing.faults import AT_ONCE, Delay, Fault, ScriptedCalls, TailedDelay
from schemas.values import Clip

_TONE_HZ = 220.0
_LEVEL = 0.2
_SILENT_EDGE_S = 0.02
_FADE_S = 0.005


@dataclass(frozen=True, slots=True)
class ScriptedSynthesizerSettings:
    """A clip lasts ``word_s`` a word, at most ``longest_s``."""

    languages: tuple[str, ...] = ("ca", "de", "en", "es", "fr", "gl", "it", "nl", "pl", "pt")
    word_s: float = 0.1
    longest_s: float = 30.0
    delay: Delay | TailedDelay = AT_ONCE
    faults: tuple[Fault, ...] = ()


class ScriptedSynthesizer:
    def __init__(self, settings: ScriptedSynthesizerSettings | None = None) -> None:
        self._settings = settings or ScriptedSynthesizerSettings()
        self._calls = ScriptedCalls(self._settings.delay, self._settings.faults)
        self._clips: dict[int, Clip] = {}
        self._is_closed = False
        self.is_scarce = False

    @property
    def calls_made(self) -> int:
        return self._calls.made

    def can_speak(self, language: str) -> bool:
        return language in self._settings.languages

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        if self._is_closed:
            raise PermanentError("this synthesizer is closed")
        if not self.can_speak(language):
            raise PermanentError(f"no scripted voice for language {language!r}")
        words = sum(any(map(str.isalnum, word)) for word in text.split())
        if not words:
            raise PermanentError("nothing in the text can be voiced")
        await self._calls.make(text)
        if words not in self._clips:
            self._clips[words] = _tone(min(words * self._settings.word_s, self._settings.longest_s))
        return self._clips[words]

    async def close(self) -> None:
        self._is_closed = True


def _tone(duration_s: float) -> Clip:
    seconds = np.arange(round(duration_s * RATE_HZ), dtype=np.float32) / RATE_HZ
    from_edge_s = np.minimum(seconds, seconds[::-1])
    loudness = np.clip((from_edge_s - _SILENT_EDGE_S) / _FADE_S, 0.0, 1.0)
    tone = _LEVEL * loudness * np.sin(2 * np.pi * _TONE_HZ * seconds)
    return encode_clip(tone.astype(np.float32), made_by="a scripted tone")
