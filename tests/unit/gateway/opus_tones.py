"""Tones as Opus packets, and what is heard in samples: for tests of everything that decodes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from ingest_gateway.audio_in.recorder_input import RecorderInput
from ingest_gateway.protocol.connection_protocol import Audio, RecorderFragment

OPUS_HZ = 48_000
FRAME_SAMPLES = 960
FRAME_MS = 20


def tone(hz: float, seconds: float, rate_hz: int, amplitude: float = 0.25) -> NDArray[np.float64]:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return amplitude * np.sin(2 * np.pi * hz * at)


def sweep(from_hz: float, to_hz: float, seconds: float, rate_hz: int) -> NDArray[np.float64]:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.25 * np.sin(2 * np.pi * (from_hz * at + (to_hz - from_hz) * at**2 / (2 * seconds)))


def opus_packets(samples: NDArray[np.float64]) -> list[bytes]:
    """Mono samples in [-1, 1] at 48 kHz, whole frames of 20 ms, as one packet each."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = OPUS_HZ
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = 48_000
    encoder.time_base = Fraction(1, OPUS_HZ)
    whole = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    packets: list[bytes] = []
    for at in range(0, len(whole), FRAME_SAMPLES):
        part = np.ascontiguousarray(whole[None, at : at + FRAME_SAMPLES])
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate = OPUS_HZ
        frame.pts = at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def decoded(recorder: RecorderInput, fragment: RecorderFragment) -> list[Audio]:
    """What a recorder's fragment holds. Raises Refusal."""
    packets = recorder.demux(fragment)
    return [audio for some in recorder.decode(fragment, packets) for audio in some]


def heard(chunks: Sequence[bytes]) -> NDArray[np.float64]:
    """s16le chunks as samples (n,) in [-1, 1]."""
    return np.frombuffer(b"".join(chunks), "<i2").astype(np.float64) / 32768


def level(samples: NDArray[np.float64]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples**2)))


def strongest_hz(samples: NDArray[np.float64], rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate_hz)[spectrum.argmax()])


def spoken(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the first sound to the last."""
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def without_silence(samples: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """What is left when stretches of 5 ms without sound are cut out."""
    size = rate_hz // 200
    stretches = samples[: len(samples) // size * size].reshape(-1, size)
    return stretches[np.sqrt(np.mean(stretches**2, axis=1)) > 0.005].reshape(-1)


def silent_ms(samples: NDArray[np.float64], rate_hz: int, below: float = 0.005) -> float:
    """Milliseconds of 5 ms stretches that are quieter than ``below``."""
    size = rate_hz // 200
    stretches = samples[: len(samples) // size * size].reshape(-1, size)
    return float(np.sum(np.sqrt(np.mean(stretches**2, axis=1)) < below) * 5)
