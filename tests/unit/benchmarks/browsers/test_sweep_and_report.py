"""What the browsers' benchmark reckons from samples and messages."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.browsers.__main__ import word_to_sound
from benchmarks.browsers.arrival import Arrival, summed
from benchmarks.browsers.pages import PlayedUtterance
from benchmarks.browsers.sweep import PERIOD_S, Arrived, Glimpse, Samples, spoken_at_s, sweep, way

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
BEGAN_S = 1_790_000_003.21


def microphone(from_s: float, seconds: float = 0.256) -> Samples:
    """What is heard from this moment on, whichever period it is in."""
    whole = sweep(RATE_HZ)
    at = round((from_s - BEGAN_S) % PERIOD_S * RATE_HZ)
    noise = np.random.default_rng(int(from_s)).normal(0, 300, len(whole))
    return np.roll(whole + noise, -at)[: round(seconds * RATE_HZ)].astype(np.float64)


@pytest.mark.parametrize("at_s", [0.0, 0.4, 3.3, 9.7])
def test_a_chunk_says_when_it_was_spoken(at_s: float) -> None:
    assert spoken_at_s(microphone(BEGAN_S + at_s), RATE_HZ) == pytest.approx(at_s, abs=0.004)


def test_silence_and_noise_say_nothing() -> None:
    assert spoken_at_s(np.zeros(4096), RATE_HZ) is None
    assert spoken_at_s(np.random.default_rng(1).normal(0, 1000, 4096), RATE_HZ) is None


def test_the_way_is_from_the_pages_ear_to_the_stream() -> None:
    """Chunks that are stored 300 ms behind their first sample, each tenth 700 ms, with stamps that
    are 40 ms late; over several periods of the tone."""
    glimpses = [
        Glimpse(at_s + 0.256, microphone(at_s), RATE_HZ) for at_s in BEGAN_S + np.arange(1, 9)
    ]
    spoken_s = BEGAN_S + 1 + 0.256 * np.arange(100)
    arrived = [
        Arrived(at_s + (0.7 if number % 10 == 9 else 0.3), at_s + 0.04, microphone(at_s))
        for number, at_s in enumerate(spoken_s)
    ]
    found = way(glimpses, arrived, RATE_HZ)
    assert found.chunks >= 95  # where the tone begins anew it says nothing
    assert found.p50_ms == pytest.approx(300, abs=5)
    assert found.p99_ms == pytest.approx(700, abs=10)
    assert found.stamp_ms == pytest.approx(40, abs=5)


def test_nothing_heard_is_an_error() -> None:
    with pytest.raises(ValueError, match="page heard nothing"):
        way([], [Arrived(1.0, 1.0, microphone(0))], RATE_HZ)
    with pytest.raises(ValueError, match="played nothing"):
        word_to_sound([], 0.0)


def test_the_sound_is_timed_from_both_ends_of_an_utterance() -> None:
    stages_ms: dict[str, float] = {"capture": 250.0, "recognise": 700.0}
    heard = [PlayedUtterance(100.0, 1.5, stages_ms, 103.0), PlayedUtterance(110.0, 2.0, {}, 114.0)]
    found = word_to_sound(heard, stamp_ms=100.0)
    assert (found.from_first_p50_s, found.from_first_p95_s) == pytest.approx((3.1, 4.1))
    assert (found.from_last_p50_s, found.from_last_p95_s) == pytest.approx((1.6, 2.1))
    assert found.stages_ms["page"] == pytest.approx(2050)  # of 2,050 and 4,000, the lower
    assert list(found.stages_ms) == ["capture", "recognise", "page"]


def test_arrivals_are_summed_by_their_worst_and_their_middle() -> None:
    found = summed([Arrival(100.0 + at, 900.0 + at, 1000 - at, at / 1000) for at in range(21)])
    assert (found.openings, found.loaded_bytes, found.shift) == (21, 1000, 0.02)
    assert (found.usable_p50_ms, found.caption_p50_ms) == (110.0, 910.0)
    assert found.caption_p95_ms == pytest.approx(919.0, abs=1)
    with pytest.raises(ValueError, match="no page"):
        summed([])
