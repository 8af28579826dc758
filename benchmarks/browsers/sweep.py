"""A microphone that tells the time: its tone rises steadily, so a chunk's pitch says when its first
sample was spoken. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERIOD_S = 10.0
"""Then it begins anew."""
FIRST_HZ = 150.0
HZ_PER_S = 200.0
_CLEAR = 8.0
"""A peak this much over the spectrum's mean: not the moment where the sweep begins anew."""

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The newest samples that the page had at a moment of this machine's clock."""

    at_s: float
    samples: Samples
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A chunk as it was stored: when, by the stream's clock, and when the gateway says that its
    first sample was spoken."""

    at_s: float
    stamp_s: float
    samples: Samples


@dataclass(frozen=True, slots=True)
class Way:
    """From a chunk's first sample in the page until the chunk was stored; ``stamp_ms``: by how much
    the gateway takes samples to be spoken later than they were."""

    chunks: int
    p50_ms: float
    p99_ms: float
    stamp_ms: float


def sweep(rate_hz: int) -> NDArray[np.int16]:
    """One period."""
    at_s = np.arange(round(PERIOD_S * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * (FIRST_HZ + HZ_PER_S / 2 * at_s) * at_s)
    return (12_000 * tone).astype(np.int16)


def spoken_at_s(samples: Samples, rate_hz: int) -> float | None:
    """Where in the period the first of these samples lies, in seconds; None: it cannot be told.

    The rise is taken out of the tone first, so that what is left is one pitch."""
    at_s = np.arange(len(samples)) / rate_hz
    level = samples * np.hanning(len(samples)) * np.exp(-1j * np.pi * HZ_PER_S * at_s**2)
    spectrum = np.abs(np.fft.fft(level, 8 * len(samples)))[: 4 * len(samples)]
    peak = int(spectrum.argmax())
    if spectrum[peak] <= _CLEAR * spectrum.mean():
        return None
    hz = peak * rate_hz / (8 * len(samples))
    return (hz - FIRST_HZ) / HZ_PER_S


def way(glimpses: Sequence[Glimpse], arrived: Sequence[Arrived], rate_hz: int) -> Way:
    """Raises ValueError when nothing was heard."""
    began_s = _began_s(glimpses)
    found = [(one, spoken_at_s(one.samples, rate_hz)) for one in arrived]
    ways_ms = [_since(one.at_s, began_s, at_s) * 1000 for one, at_s in found if at_s is not None]
    stamps_ms = [
        _signed(_since(one.stamp_s, began_s, at_s)) * 1000
        for one, at_s in found
        if at_s is not None
    ]
    if len(ways_ms) < 2:
        raise ValueError("no chunk of the microphone's tone was stored")
    return Way(
        chunks=len(ways_ms),
        p50_ms=statistics.median(ways_ms),
        p99_ms=statistics.quantiles(ways_ms, n=100, method="inclusive")[98],
        stamp_ms=statistics.median(stamps_ms),
    )


def _began_s(glimpses: Sequence[Glimpse]) -> float:
    """When a period of the microphone's tone began."""
    begins: list[float] = []
    for one in glimpses:
        first_s = spoken_at_s(one.samples, one.rate_hz)
        if first_s is not None:
            begins.append(one.at_s - len(one.samples) / one.rate_hz - first_s)
    if not begins:
        raise ValueError("the page heard nothing of the microphone's tone")
    near = begins[0]
    return near + statistics.median(_signed((one - near) % PERIOD_S) for one in begins)


def _since(moment_s: float, began_s: float, at_s: float) -> float:
    return (moment_s - began_s - at_s) % PERIOD_S


def _signed(seconds: float) -> float:
    """Of a period that has no beginning: the nearer of the two ways round."""
    return (seconds + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
