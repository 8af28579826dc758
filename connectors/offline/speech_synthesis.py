"""Speech synthesis without a network: espeak-ng's voices, MP3 through PyAV.

espeak-ng runs as a process for each utterance (12 ms here for a sentence), which keeps its global
state and its crashes away from the worker; the encoder runs in a thread.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.audio.mp3 import RATE_HZ, encode_clip, resample
from connectors.interfaces.errors import PermanentError, RetryableError
from schemas.languages import LANGUAGES
from schemas.values import Clip

_VOICES = {tag: row.espeak_voice for tag, row in LANGUAGES.items() if row.espeak_voice}
_FADE_S = 0.005
_SILENCE_LEVEL = 1e-3
"""Of full scale: below it, the start and the end of espeak-ng's output count as silence."""
_MARGIN_S = 0.04
_HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class OfflineSynthesizerSettings:
    """``words_per_min`` is espeak-ng's ``-s``; ``processes`` bounds what runs at once."""

    words_per_min: int = 165
    processes: int = 2
    timeout_s: float = 10.0
    longest_text: int = 3_000
    bit_rate: int = 48_000


Finish = Callable[[NDArray[np.float32], int], NDArray[np.float32]]
"""(samples, rate in Hz) to the samples that are encoded."""


class OfflineSynthesizer:
    """``finish``: what is done to a clip's samples at last, such as levelling their loudness."""

    def __init__(
        self, settings: OfflineSynthesizerSettings | None = None, finish: Finish | None = None
    ) -> None:
        self._settings = settings or OfflineSynthesizerSettings()
        self._finish = finish
        self._turn = asyncio.Semaphore(self._settings.processes)
        self._encoders = ThreadPoolExecutor(self._settings.processes, thread_name_prefix="mp3")
        self._is_closed = False

    def can_speak(self, language: str) -> bool:
        return language in _VOICES

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        if self._is_closed:
            raise PermanentError("this synthesizer is closed")
        if not self.can_speak(language):
            raise PermanentError(f"no offline voice for language {language!r}")
        if not any(character.isalnum() for character in text):
            raise PermanentError("nothing in the text can be voiced")
        if len(text) > self._settings.longest_text:
            raise PermanentError(f"{len(text)} characters; at most {self._settings.longest_text}")
        async with self._turn:
            wave = await self._speak(text, _VOICES[language])
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._encoders, _encode, wave, self._settings.bit_rate, self._finish
            )

    async def close(self) -> None:
        self._is_closed = True
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _speak(self, text: str, voice: str) -> bytes:
        """A WAV file whose header has no length, as espeak-ng writes to a pipe."""
        try:
            process = await asyncio.create_subprocess_exec(
                "espeak-ng",
                *("-v", voice, "-s", str(self._settings.words_per_min)),
                *("-b", "1", "--stdin", "--stdout"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise PermanentError("espeak-ng is not installed (Debian: espeak-ng)") from None
        except OSError as error:
            raise RetryableError(f"espeak-ng did not start: {error.strerror}") from error
        try:
            # A NUL would end the text early.
            spoken = text.replace("\0", " ").encode("utf-8", "replace")
            async with asyncio.timeout(self._settings.timeout_s):
                wave, _ = await process.communicate(spoken)
        except TimeoutError:
            raise RetryableError("espeak-ng gave no answer in time") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise RetryableError(f"espeak-ng ended with {process.returncode}")
        return wave


def _encode(wave: bytes, bit_rate: int, finish: Finish | None) -> Clip:
    if len(wave) <= _HEADER_BYTES or wave[:4] != b"RIFF":
        raise PermanentError("nothing in the text can be voiced")
    (rate_hz,) = struct.unpack_from("<I", wave, 24)
    samples = np.frombuffer(wave[_HEADER_BYTES:], dtype="<i2").astype(np.float32) / np.float32(
        32768
    )
    speech = resample(trimmed(samples, rate_hz), rate_hz)
    samples = finish(speech, RATE_HZ) if finish else speech
    return encode_clip(samples, bit_rate, made_by="espeak-ng")


def trimmed(
    samples: NDArray[np.float32], rate_hz: int, silence_level: float = _SILENCE_LEVEL
) -> NDArray[np.float32]:
    """Speech with ``_MARGIN_S`` of silence at both ends, whatever the voice left there.

    A listener waits for silence as long as for speech; but a sound without any would click, and
    the encoder would smear it over the clip's first sample. Cuts fade for the same reason.
    """
    loud = np.flatnonzero(np.abs(samples) > silence_level)
    if not len(loud):
        raise PermanentError("nothing in the text can be voiced")
    speech = samples[loud[0] : loud[-1] + 1].copy()
    fade = min(int(_FADE_S * rate_hz), len(speech) // 2)
    ramp = np.linspace(0.0, 1.0, fade, endpoint=False, dtype=np.float32)
    speech[:fade] *= ramp
    speech[len(speech) - fade :] *= ramp[::-1]
    return np.pad(speech, int(_MARGIN_S * rate_hz))
