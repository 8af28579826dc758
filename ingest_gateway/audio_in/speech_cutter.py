"""Packets of sound to chunks of 16 kHz mono samples that keep time. Pure.

A hole in the media clock (lost packets, a sender that sends nothing in silence) of up to
``LONGEST_FILL_S`` is filled to its length: as ``concealment`` does it, then with silence.
Over a longer one, or when the clock goes back, samples do not go on: the chunk is closed where it
is, and the next one begins a new run with a time of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np

from ingest_gateway.audio_in.concealment import TAIL_SAMPLES, Stereo, concealed
from ingest_gateway.audio_in.packet_decoders import (
    DECODED_RATE_HZ,
    OpusDecoder,
    PacketDecoder,
)
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

CHUNK_SAMPLES = 4096
LONGEST_FILL_S = 2.0
_BACK_S = 1.0
_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class TimedPcm:
    """s16le samples; ``timestamp_ms`` is of the first one, by the clock that ``add`` was given."""

    timestamp_ms: int
    pcm: bytes


class SpeechCutter:
    """``tolerance_samples`` (48 kHz): how far packet times may be off without being a hole.
    ``decoder`` None: of Opus."""

    def __init__(
        self,
        tolerance_samples: int = 0,
        chunk_samples: int = CHUNK_SAMPLES,
        decoder: PacketDecoder | None = None,
    ) -> None:
        self.filled_samples = 0
        """Put into holes, at 48 kHz."""
        self._tolerance = tolerance_samples
        self._chunk_bytes = chunk_samples * BYTES_PER_SAMPLE
        self._decoder = decoder or OpusDecoder()
        self._tail: Stereo = np.zeros((0, _CHANNELS), np.int16)
        self._resampler = _resampler()
        self._expected: int | None = None
        self._run_at_ms = 0
        self._run_samples = 0
        self._rest = bytearray()

    def add(self, at_sample: int, payload: bytes, now_ms: int) -> list[TimedPcm]:
        """Chunks that this packet completes. ``now_ms``: when a run that it begins begins.

        Raises PacketError; the packet's time is then a hole.
        """
        frames = self._decoder.decode(payload)
        chunks: list[TimedPcm] = []
        hole = 0 if self._expected is None else at_sample - self._expected
        if (
            self._expected is None
            or hole > LONGEST_FILL_S * DECODED_RATE_HZ
            or hole < -_BACK_S * DECODED_RATE_HZ
        ):
            chunks += self.flush()
            self._begin_run(at_sample, now_ms)
        elif hole > self._tolerance:
            self._fill(hole)
        for frame in frames:
            self._tail = np.concatenate([self._tail, _samples_of(frame)])[-TAIL_SAMPLES:]
            self._go_on(frame)
        while len(self._rest) >= self._chunk_bytes:
            chunks.append(self._cut(self._chunk_bytes))
        return chunks

    def flush(self) -> list[TimedPcm]:
        """What is left of a chunk; samples go on behind it."""
        return [self._cut(len(self._rest))] if self._rest else []

    def _begin_run(self, at_sample: int, now_ms: int) -> None:
        self._expected = at_sample
        self._run_at_ms = now_ms
        self._run_samples = 0
        self._resampler = _resampler()
        self._tail = self._tail[:0]

    def _fill(self, samples: int) -> None:
        self.filled_samples += samples
        filled = concealed(self._tail, samples)
        self._tail = np.concatenate([self._tail, filled])[-TAIL_SAMPLES:]
        frame = av.AudioFrame.from_ndarray(filled.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = DECODED_RATE_HZ
        self._go_on(frame)

    def _go_on(self, frame: av.AudioFrame) -> None:
        self._expected = (self._expected or 0) + frame.samples
        frame.pts = None  # one run without holes, whatever the packets said
        for resampled in self._resampler.resample(frame):
            self._rest += resampled.to_ndarray().tobytes()

    def _cut(self, size: int) -> TimedPcm:
        pcm = bytes(self._rest[:size])
        del self._rest[:size]
        at_ms = self._run_at_ms + self._run_samples * 1000 // SAMPLE_RATE_HZ
        self._run_samples += len(pcm) // BYTES_PER_SAMPLE
        return TimedPcm(at_ms, pcm)


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)


def _samples_of(frame: av.AudioFrame) -> Stereo:
    return np.frombuffer(frame.to_ndarray().tobytes(), np.int16).reshape(-1, _CHANNELS)
