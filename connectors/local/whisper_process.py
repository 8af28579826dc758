"""The process that holds a Whisper model for faster-whisper: a line's samples in, its text out.

``python -m connectors.local.whisper_process FD FOLDER LANGUAGE THREADS``. A request is mono s16le
at 16 kHz; an answer is JSON: a text, and how sure the model is of it (0 to 1).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from connectors.calls.line_speech_stream import Transcription
from connectors.interfaces.errors import PermanentError
from connectors.local.engine_process import serve


class WhisperSegment(Protocol):
    """The part of ``faster_whisper.transcribe.Segment`` that is used here."""

    @property
    def text(self) -> str: ...
    @property
    def avg_logprob(self) -> float: ...
    @property
    def no_speech_prob(self) -> float: ...


class WhisperServer:
    """``transcribe``: samples (n,) in [-1, 1] at 16 kHz to segments."""

    def __init__(self, transcribe: Callable[[Any], Iterable[WhisperSegment]]) -> None:
        self._transcribe = transcribe

    def __call__(self, request: bytes) -> bytes:
        if not request:
            return b""
        samples = np.frombuffer(request, "<i2").astype(np.float32) / 32_768
        segments = list(self._transcribe(samples))
        text = " ".join(segment.text.strip() for segment in segments)
        sure = [
            math.exp(min(0.0, each.avg_logprob)) * (1.0 - each.no_speech_prob) for each in segments
        ]
        return json.dumps([text, min(sure) if sure else None]).encode()


def read_answer(answer: bytes) -> Transcription:
    text, confidence = json.loads(answer)
    return Transcription(text, confidence)


def load(folder: Path, language: str, threads: int) -> WhisperServer:
    """PermanentError: faster-whisper is not installed, or the folder holds no model of it."""
    try:
        import faster_whisper
    except ModuleNotFoundError:
        raise PermanentError(
            "the Python package faster-whisper is not installed: pip install .[local]"
        ) from None
    try:
        model: Any = faster_whisper.WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise PermanentError(
            f"{folder.name} is no Whisper model of CTranslate2's: {type(error).__name__}"
        ) from None

    def transcribe(samples: Any) -> Iterable[WhisperSegment]:
        # One line at a time, so what was said before must not be repeated into it.
        segments, _ = model.transcribe(
            samples, language=language, beam_size=1, condition_on_previous_text=False
        )
        return segments

    return WhisperServer(transcribe)


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: load(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
