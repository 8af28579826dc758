"""What goes into an MP3 comes out at the same place and for the same time."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, decode_clip, encode_clip, resample

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("samples", [1, 46, 47, 575, 576, 577, 622, 623, 1_152, 24_000, 24_013])
def test_a_clip_lasts_as_long_as_it_says(samples: int) -> None:
    noise = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    clip = encode_clip(noise)
    decoded = decode_clip(clip.body)
    assert len(decoded) == round(clip.duration_s * RATE_HZ)
    assert 0 <= len(decoded) - samples <= 46


def test_nothing_is_moved() -> None:
    """A beep 0.4 s into the clip is 0.4 s into what a player plays."""
    seconds = np.arange(RATE_HZ, dtype=np.float32) / RATE_HZ
    beep = np.where((seconds > 0.4) & (seconds < 0.5), np.sin(2 * np.pi * 440 * seconds), 0)
    decoded = decode_clip(encode_clip((0.5 * beep).astype(np.float32)).body)
    loud = np.flatnonzero(np.abs(decoded) > 0.1) / RATE_HZ
    assert loud[0] == pytest.approx(0.4, abs=0.005)
    assert loud[-1] == pytest.approx(0.5, abs=0.005)


def test_resampling_keeps_time_and_pitch() -> None:
    seconds = np.arange(22_050, dtype=np.float32) / 22_050
    tone = resample(np.sin(2 * np.pi * 1_000 * seconds).astype(np.float32), 22_050)
    spectrum = np.abs(np.fft.rfft(tone))
    assert len(tone) == pytest.approx(RATE_HZ, abs=40)
    assert np.argmax(spectrum) * RATE_HZ / len(tone) == pytest.approx(1_000, abs=2)


def test_too_loud_is_clipped_not_wrapped() -> None:
    decoded = decode_clip(encode_clip(np.full(RATE_HZ, 3.0, dtype=np.float32)).body)
    assert np.median(decoded) > 0.5
