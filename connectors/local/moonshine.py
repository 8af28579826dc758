"""Moonshine's C library, as far as streams need it, and a stream of ours over it.

The library's own Python package copies a stream's whole audio at each update; this binding does
not, which takes a speaker from 0.52 to 0.41 of a core.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.calls.line_agreement import LOUDNESS_FRAME_S, LineAgreement, TextLine
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import Recognition
from connectors.local.resident_memory import ResidentMemory

SAMPLE_RATE_HZ = 16_000
_HEADER_VERSION = 20_000
_TINY = 0
_LIBRARY = "moonshine_voice/libmoonshine.so"
_MODEL = "moonshine_voice/assets/tiny-en"
_OPTIONS = {
    b"return_audio_data": b"false",
    b"identify_speakers": b"false",
    b"vad_max_segment_duration": b"20.0",
}
"""Lines of up to 20 s, not the library's 15: where it cuts speech without pauses, words at the cut
are heard twice or not at all (docs/engines.md)."""
_FRAME = int(LOUDNESS_FRAME_S * SAMPLE_RATE_HZ)
_PRIMING = SAMPLE_RATE_HZ
"""Samples of silence that each native stream begins with. Its voice detector's state is not set in
the library: without them the same speech gave other lines, by what lay in memory before (three
streams at once; with them all runs are equal)."""
_LOUD_RATIO = 0.2
"""Of the loud tenth of a line's frames: below it there is no sound that belongs to a word."""


class _TranscriptLine(ctypes.Structure):
    _fields_ = (
        ("text", ctypes.c_char_p),
        ("audio_data", ctypes.c_void_p),
        ("audio_data_count", ctypes.c_size_t),
        ("start_time", ctypes.c_float),
        ("duration", ctypes.c_float),
        ("id", ctypes.c_uint64),
        ("is_complete", ctypes.c_int8),
        ("is_updated", ctypes.c_int8),
        ("is_new", ctypes.c_int8),
        ("has_text_changed", ctypes.c_int8),
        ("has_speaker_id", ctypes.c_int8),
        ("speaker_id", ctypes.c_uint64),
        ("speaker_index", ctypes.c_uint32),
        ("last_transcription_latency_ms", ctypes.c_uint32),
    )


class _Transcript(ctypes.Structure):
    _fields_ = (("lines", ctypes.POINTER(_TranscriptLine)), ("line_count", ctypes.c_uint64))


class _Option(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p))


class NativeStream(Protocol):
    """A model's stream; its lines' times count from its own first sample."""

    def add(self, samples: NDArray[np.float32]) -> None: ...
    def lines(self, skip: int) -> list[TextLine]:
        """Decode, and return the lines after the first ``skip``."""
        ...

    def stop(self) -> None: ...
    def close(self) -> None: ...


class NativeModel(Protocol):
    def open(self) -> NativeStream: ...
    def trim(self) -> None:
        """Give memory back that is free."""
        ...

    def trim_when_grown(self) -> None:
        """The same, if the process has grown much since the last time."""
        ...


class Moonshine:
    """The library with its model loaded. Not for several threads."""

    def __init__(self, folder: Path) -> None:
        self._library = _load_library(folder / _LIBRARY)
        options = (_Option * len(_OPTIONS))(*(_Option(*each) for each in _OPTIONS.items()))
        self._handle: int = self._library.moonshine_load_transcriber_from_files(
            str(folder / _MODEL).encode(), _TINY, options, len(options), _HEADER_VERSION
        )
        if self._handle < 0:
            raise PermanentError(f"Moonshine does not load its model: error {self._handle}")
        self._memory = ResidentMemory()

    def open(self) -> NativeStream:
        return _MoonshineStream(self._library, self._handle)

    def trim(self) -> None:
        self._memory.trim()

    def trim_when_grown(self) -> None:
        self._memory.trim_when_grown()


class _MoonshineStream:
    def __init__(self, library: Any, model: int) -> None:
        self._library = library
        self._model = model
        self._handle: int = library.moonshine_create_stream(model, 0)
        self._check(self._handle)
        self._check(library.moonshine_start_stream(model, self._handle))

    def add(self, samples: NDArray[np.float32]) -> None:
        contiguous = np.ascontiguousarray(samples)
        self._check(
            self._library.moonshine_transcribe_add_audio_to_stream(
                *(self._model, self._handle, contiguous.ctypes.data, len(contiguous)),
                *(SAMPLE_RATE_HZ, 0),
            )
        )

    def lines(self, skip: int) -> list[TextLine]:
        answer = ctypes.POINTER(_Transcript)()
        self._check(
            self._library.moonshine_transcribe_stream(
                self._model, self._handle, 0, ctypes.byref(answer)
            )
        )
        if not answer:
            return []
        transcript = answer.contents
        return [
            TextLine(
                (line.text or b"").decode("utf-8", "ignore"),
                line.start_time,
                line.start_time + line.duration,
                bool(line.is_complete),
            )
            for line in (transcript.lines[at] for at in range(skip, transcript.line_count))
        ]

    def stop(self) -> None:
        self._check(self._library.moonshine_stop_stream(self._model, self._handle))

    def close(self) -> None:
        self._library.moonshine_free_stream(self._model, self._handle)

    @staticmethod
    def _check(code: int) -> None:
        if code < 0:
            raise RuntimeError(f"Moonshine: error {code}")


def _load_library(file: Path) -> Any:
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:
        raise PermanentError(f"{file.name} does not load: {error}") from None
    handle = ctypes.c_int32
    takes = {
        "moonshine_load_transcriber_from_files": (
            *(ctypes.c_char_p, ctypes.c_uint32, ctypes.POINTER(_Option)),
            *(ctypes.c_uint64, ctypes.c_int32),
        ),
        "moonshine_create_stream": (handle, ctypes.c_uint32),
        "moonshine_start_stream": (handle, handle),
        "moonshine_stop_stream": (handle, handle),
        "moonshine_free_stream": (handle, handle),
        "moonshine_transcribe_add_audio_to_stream": (
            *(handle, handle, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32, ctypes.c_uint32),
        ),
        "moonshine_transcribe_stream": (
            *(handle, handle, ctypes.c_uint32, ctypes.POINTER(ctypes.POINTER(_Transcript))),
        ),
    }
    for name, arguments in takes.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int32
    return library


def _floats(pcm: bytes) -> NDArray[np.float32]:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)


@dataclass(slots=True)
class RenewedStream:
    """Samples in, Recognition out, for one speaker of any length.

    The library keeps all audio of a stream, and each update gets slower with it. The stream is
    therefore renewed once it holds ``renew_after_s``, between two lines: the new one begins with
    the audio after the last complete line, so that nothing is recognised twice or missed.
    """

    model: NativeModel
    renew_after_s: float = 30.0
    kept_silence_s: float = 1.0
    renewals: int = 0
    _stream: NativeStream = field(init=False)
    _agreement: LineAgreement = field(init=False)
    _audio: NDArray[np.float32] = field(init=False)
    """From sample ``_first`` of the speaker's on: what a renewed stream would be given."""
    _first: int = 0
    _began: int = 0
    """The speaker's sample that is the native stream's first."""
    _through: int = 0
    _complete: int = 0

    def __post_init__(self) -> None:
        self._agreement = LineAgreement(self._loud)
        self._audio = np.zeros(0, np.float32)
        self._open()

    @property
    def through_s(self) -> float:
        return self._through / SAMPLE_RATE_HZ

    def feed(self, pcm: bytes, report_every_s: float) -> Iterator[Recognition]:
        """Take all of ``pcm`` (mono s16le) and decode once; when it is longer than
        ``report_every_s``, results without a decoding come before."""
        samples = _floats(pcm)
        self._take(samples)
        target = self._through + len(samples)
        step = int(report_every_s * SAMPLE_RATE_HZ)
        while target - self._through > step:
            self._through += step
            yield self._agreement.repeat(self.through_s)
        self._through = target
        yield from self._decode()

    def finish(self, pcm: bytes = b"") -> Iterator[Recognition]:
        """The last result: final, and through all audio. ``pcm``: what is left of it."""
        self._take(_floats(pcm))
        self._through += len(pcm) // 2
        self._stream.stop()
        lines = [
            TextLine(line.text, line.start_s, line.end_s, is_complete=True)
            for line in self._lines()
        ]
        results = self._agreement.update(lines, self.through_s)
        yield results[-1] if lines else Recognition((), is_final=True, through_s=self.through_s)

    def close(self) -> None:
        self._stream.close()
        self.model.trim()

    def _take(self, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self._stream.add(samples)
        self._audio = np.concatenate((self._audio, samples))

    def _decode(self) -> Iterator[Recognition]:
        lines = self._lines()
        self.model.trim_when_grown()
        yield from self._agreement.update(lines, self.through_s)
        complete = [line for line in lines if line.is_complete]
        self._complete += len(complete)
        opened = [line for line in lines if not line.is_complete]
        if complete:
            self._forget_before(int(complete[-1].end_s * SAMPLE_RATE_HZ))
        if not opened:
            self._forget_before(self._through - int(self.kept_silence_s * SAMPLE_RATE_HZ))
        is_old = self._through - self._began >= self.renew_after_s * SAMPLE_RATE_HZ
        if is_old and (complete or not opened):
            self._renew(opened)

    def _lines(self) -> list[TextLine]:
        began_s = self._began / SAMPLE_RATE_HZ
        return [
            TextLine(line.text, began_s + line.start_s, began_s + line.end_s, line.is_complete)
            for line in self._stream.lines(self._complete)
        ]

    def _forget_before(self, sample: int) -> None:
        gone = max(0, min(sample - self._first, len(self._audio)))
        self._audio = self._audio[gone:]
        self._first += gone

    def _renew(self, opened: list[TextLine]) -> None:
        if opened:
            self._forget_before(int(opened[0].start_s * SAMPLE_RATE_HZ))
        self._stream.close()
        self.model.trim()
        self._open()
        self._stream.add(self._audio)
        self.renewals += 1

    def _open(self) -> None:
        self._stream = self.model.open()
        self._stream.add(np.zeros(_PRIMING, np.float32))
        self._began, self._complete = self._first - _PRIMING, 0

    def _loud(self, start_s: float, end_s: float) -> list[bool]:
        """One flag a frame of that stretch, as ``line_agreement.Loudness``."""
        first = max(0, int(start_s * SAMPLE_RATE_HZ) - self._first)
        count = math.ceil((end_s - start_s) / LOUDNESS_FRAME_S)
        stretch = self._audio[first : first + count * _FRAME]
        frames = stretch[: len(stretch) // _FRAME * _FRAME].reshape(-1, _FRAME)
        if not len(frames):
            return []
        rms = np.sqrt(np.mean(frames**2, axis=1))
        loud = rms > _LOUD_RATIO * np.percentile(rms, 90)
        beside = np.pad(loud, 1)
        return list(map(bool, loud & (beside[:-2] | beside[2:])))  # one frame alone is a click
