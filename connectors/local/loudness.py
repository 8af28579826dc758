"""How loud a clip is (ITU-R BS.1770-4), and clips made equally loud below a limit of peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TARGET_LUFS = -19.0
"""Mono speech for headphones and speakers; as loud as -16 LUFS in stereo, what podcasts use."""
PEAK = 10 ** (-2.0 / 20)
"""-2 dBFS: MP3 adds up to 0.7 dB, and what is heard stays below -1 dBFS (measured, engines.md)."""
_BLOCK_S = 0.4
_STEP_S = 0.1
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_LOUDEST_GAIN = 10.0
_ATTACK_S = 0.005
# The standard's two filters at 48 kHz: the head's shelf, and the high-pass.
_FILTER_HZ = 48_000
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


def loudness_lufs(samples: NDArray[np.float32], rate_hz: int) -> float:
    """Integrated loudness of mono ``samples``; -inf of silence. A clip shorter than a block of
    0.4 s counts as one block."""
    block = min(int(_BLOCK_S * rate_hz), len(samples))
    if not block:
        return float("-inf")
    starts = range(0, len(samples) - block + 1, max(1, int(_STEP_S * rate_hz)))
    weights = _weights(block, rate_hz)
    powers = np.array(
        [
            float(np.sum(np.abs(np.fft.rfft(samples[at : at + block])) ** 2 * weights))
            for at in starts
        ]
    )
    levels = _lufs(powers)
    kept = powers[levels > _ABSOLUTE_GATE_LUFS]
    if not len(kept):
        return float("-inf")
    gate = float(_lufs(np.array([kept.mean()]))[0]) + _RELATIVE_GATE_LU
    kept = powers[levels > max(gate, _ABSOLUTE_GATE_LUFS)]
    return float(_lufs(np.array([kept.mean()]))[0])


def level(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """As loud as ``TARGET_LUFS``, no peak above ``PEAK``: loud moments are turned down smoothly,
    and what that takes is given back, once."""
    levelled = samples
    for _ in range(2):
        found = loudness_lufs(levelled, rate_hz)
        if found == float("-inf"):
            return samples
        gain = min(10 ** ((TARGET_LUFS - found) / 20), _LOUDEST_GAIN)
        levelled = _limited(levelled * np.float32(gain), rate_hz)
    return levelled


def _limited(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    peaks = np.abs(samples)
    if not len(samples) or float(peaks.max()) <= PEAK:
        return samples
    reach = max(1, int(_ATTACK_S * rate_hz))
    needed = np.minimum(1.0, PEAK / np.maximum(peaks, 1e-9))
    around = np.pad(needed, reach, constant_values=1.0)
    least = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1).min(axis=1)
    smooth = np.convolve(np.pad(least, reach, mode="edge"), np.ones(2 * reach + 1), "valid")
    # A mean over windows that all hold the sample's own need is never above it.
    gains = np.minimum(smooth / (2 * reach + 1), 1.0)
    return np.clip(samples * gains, -PEAK, PEAK).astype(np.float32)


def _weights(block: int, rate_hz: int) -> NDArray[np.float64]:
    """Of each frequency's power in a block's spectrum, so that their sum is the mean square."""
    frequencies = np.fft.rfftfreq(block, 1 / rate_hz)
    turn = np.exp(-2j * np.pi * frequencies / _FILTER_HZ)
    gain = np.ones(len(frequencies))
    for above, below in (_SHELF, _HIGH_PASS):
        gain *= np.abs(np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)) ** 2
    both_sides = np.full(len(frequencies), 2.0)
    both_sides[0] = 1.0
    if block % 2 == 0:
        both_sides[-1] = 1.0
    return gain * both_sides / block**2


def _lufs(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(powers, 1e-30))
