"""The process that holds Kokoro's voices: text in, an MP3 clip out.

``python -m connectors.local.voice_process FD FOLDER THREADS``. A request is JSON: language, text.
An answer is two doubles, how long the clip lasts and how long it took to make, then its body.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.audio.mp3 import RATE_HZ, encode_clip
from connectors.interfaces.errors import PermanentError
from connectors.local.engine_process import serve
from connectors.local.loudness import level
from connectors.local.phonemes import Phonemizer, batches, tokens
from connectors.offline.speech_synthesis import trimmed
from schemas.languages import LANGUAGES
from schemas.values import Clip

VOICES = {
    tag: (row.kokoro.phonemes, row.kokoro.style) for tag, row in LANGUAGES.items() if row.kokoro
}
"""Language -> (espeak-ng's voice for phonemes, Kokoro's voice)."""
_STYLE_SIZE = 256
_LONGEST = 500
"""Phonemes of one run; the model takes 510."""
_SILENCE_LEVEL = 3e-3
_PAUSE_S = 0.15
_LENGTHS = struct.Struct(">dd")


class KokoroVoices:
    """``session`` is an onnxruntime.InferenceSession, or what plays it."""

    def __init__(
        self, session: Any, folder: Path, phonemizer: Phonemizer, bit_rate: int = 48_000
    ) -> None:
        self._session = session
        self._folder = folder
        self._phonemizer = phonemizer
        self._bit_rate = bit_rate
        self._styles: dict[str, NDArray[np.float32]] = {}

    def __call__(self, request: bytes) -> bytes:
        asked: dict[str, str] = json.loads(request)
        if not asked["text"]:
            return b""
        began_s = time.monotonic()
        clip = self.speak(asked["text"], asked["language"])
        return _LENGTHS.pack(clip.duration_s, time.monotonic() - began_s) + clip.body

    def speak(self, text: str, language: str) -> Clip:
        if language not in VOICES:
            raise PermanentError(f"no voice for language {language!r}")
        espeak_voice, voice = VOICES[language]
        phonemes = self._phonemizer.phonemes(text, espeak_voice)
        parts = [self._run(part, voice) for part in batches(phonemes, _LONGEST)]
        pause = np.zeros(int(_PAUSE_S * RATE_HZ), np.float32)
        joined = [piece for part in parts for piece in (pause, part)][1:]
        samples = level(np.concatenate(joined), RATE_HZ)
        return encode_clip(samples, self._bit_rate, made_by="Kokoro")

    def _run(self, phonemes: str, voice: str) -> NDArray[np.float32]:
        numbers = tokens(phonemes)
        styles = self._style(voice)
        (audio,) = self._session.run(
            None,
            {
                "tokens": np.array([[0, *numbers, 0]], np.int64),
                "style": styles[min(len(numbers), len(styles)) - 1].reshape(1, _STYLE_SIZE),
                "speed": np.ones(1, np.float32),
            },
        )
        return trimmed(np.asarray(audio, np.float32).ravel(), RATE_HZ, _SILENCE_LEVEL)

    def _style(self, voice: str) -> NDArray[np.float32]:
        """One style for each number of phonemes."""
        if voice not in self._styles:
            file = self._folder / "voices" / f"{voice}.bin"
            self._styles[voice] = np.fromfile(file, "<f4").reshape(-1, _STYLE_SIZE)
        return self._styles[voice]


def read_answer(answer: bytes) -> tuple[Clip, float]:
    """The clip, and the seconds that it took to make."""
    duration_s, took_s = _LENGTHS.unpack_from(answer)
    return Clip(answer[_LENGTHS.size :], duration_s), took_s


def load(folder: Path, threads: int) -> Callable[[bytes], bytes]:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise PermanentError(
            "the Python package onnxruntime is not installed: pip install .[local]"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning would take the core that recognition needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(folder / "kokoro.int8.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return KokoroVoices(session, folder, Phonemizer())


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: load(Path(sys.argv[2]), int(sys.argv[3])))
