"""What the comparison of voice detectors counts, with a detector that is told what to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.engines.voice_candidates import Candidate
from benchmarks.engines.voice_detectors import measure
from benchmarks.engines.voice_material import Material, under_noise
from connectors.offline.voice_smoothing import SmoothingRule

pytestmark = pytest.mark.unit

MS = 16
FRAME_MS = 20
TALK_MS = 3_000
WORDS_MS = ((400, 1_000), (1_600, 2_400))
AS_HEARD = SmoothingRule(1, 1, margin_frames=0, hangover_frames=1, tail_frames=0)


def material() -> Material:
    """Half a second and more around two words; a sample's value tells its frame."""
    samples = np.repeat(np.arange(TALK_MS // FRAME_MS), FRAME_MS * MS).astype(np.float64)
    return Material("told", samples, tuple((a * MS, b * MS) for a, b in WORDS_MS))


def told(*voice_ms: tuple[int, int], rule: SmoothingRule = AS_HEARD) -> Candidate:
    def is_speech(frame: bytes) -> bool:
        at_ms = int.from_bytes(frame[:2], "little") * FRAME_MS
        return any(first <= at_ms < end for first, end in voice_ms)

    return Candidate("told", FRAME_MS, rule, lambda: is_speech)


def test_a_perfect_detector() -> None:
    found = measure(told(*WORDS_MS), material())
    assert (found.pauses, found.found, found.invented) == (3, 3, 0)
    assert (found.speech_missed, found.onset_cut_ms) == (0.0, 0.0)
    assert (found.late_ms, found.worst_late_ms) == (0.0, 0.0)


def test_a_pause_that_is_heard_late_is_known_late() -> None:
    found = measure(told((400, 1_100), (1_600, 2_460)), material())
    assert found.found == 3
    assert (found.late_ms, found.worst_late_ms) == (60.0, 100.0)


def test_smoothing_delays_a_decision() -> None:
    rule = SmoothingRule(1, 1, margin_frames=4, hangover_frames=1, tail_frames=0)
    found = measure(told(*WORDS_MS, rule=rule), material())
    assert found.late_ms == 80.0


def test_a_pause_that_is_not_heard() -> None:
    found = measure(told((400, 2_400)), material())
    assert (found.pauses, found.found) == (3, 2)


def test_a_pause_inside_a_word_is_invented_and_a_short_hole_is_not() -> None:
    in_two = measure(told((400, 1_000), (1_600, 1_900), (2_000, 2_400)), material())
    assert in_two.invented == 1
    holed = measure(told((400, 1_000), (1_600, 1_900), (1_960, 2_400)), material())
    assert holed.invented == 0
    assert holed.speech_missed == pytest.approx(60 / 1_400)


def test_a_beginning_that_is_cut() -> None:
    found = measure(told((440, 1_000), (1_700, 2_400)), material())
    assert found.onset_cut_ms == 100.0
    assert found.speech_missed == pytest.approx(140 / 1_400)


@pytest.mark.parametrize("noise", ["white", "hum", "music"])
def test_noise_is_as_loud_as_asked_for(noise: str) -> None:
    clean = material()
    made = under_noise(clean, noise, 10).samples - clean.samples
    speech = np.concatenate([clean.samples[a:b] for a, b in clean.words])
    ratio = np.mean(speech**2) / np.mean(made**2)
    assert 10 * math.log10(ratio) == pytest.approx(10)
