"""What the comparison of voice detectors counts, with a detector that is told what to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.engines.voice_candidates import Candidate
from benchmarks.engines.voice_detectors import measure
from benchmarks.engines.voice_material import NOISES, Material, at_level, noise_alone, under_noise
from benchmarks.engines.voice_words import let_through, words_lost
from connectors.offline.voice_smoother import SmoothingRule
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_silence, write_words

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


@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_as_loud_as_asked_for(noise: str) -> None:
    clean = material()
    made = under_noise(clean, noise, 10).samples - clean.samples
    speech = np.concatenate([clean.samples[a:b] for a, b in clean.words])
    ratio = np.mean(speech**2) / np.mean(made**2)
    assert 10 * math.log10(ratio) == pytest.approx(10)


def test_a_quiet_microphone_is_as_quiet_as_asked_for() -> None:
    clean = material()
    samples = at_level(clean, 0.002).samples
    words = np.concatenate([samples[a:b] for a, b in clean.words])
    assert math.sqrt(np.mean(words**2)) / 32768 == pytest.approx(0.002)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_alone_is_as_loud_and_as_long_as_asked_for(noise: str) -> None:
    samples = np.frombuffer(noise_alone(noise, 2.0, 0.02), "<i2").astype(np.float64)
    assert len(samples) == 32_000
    assert math.sqrt(np.mean(samples**2)) / 32768 == pytest.approx(0.02, rel=0.01)


def test_a_word_is_lost_when_less_than_half_of_it_is_let_through() -> None:
    talk = material()
    is_sent = np.ones(len(talk.samples), np.bool_)
    first, end = talk.words[0]
    is_sent[first : (first + end) // 2] = False
    assert words_lost(talk, is_sent) == 0
    is_sent[(first + end) // 2] = False
    assert words_lost(talk, is_sent) == 1


def test_what_is_let_through_is_the_voice_with_what_the_gate_adds() -> None:
    pcm, words = write_words(1, 3, word_s=0.3, gap_s=0.05)
    silence = write_silence(2.0)
    is_sent = let_through(ScriptedVoiceActivityFactory(), silence + pcm + silence)
    sent = np.flatnonzero(is_sent)
    begins, ends = 2.0 - 0.3, 2.0 + words[-1].end_s + 0.5
    assert (sent[0] / 16_000, (sent[-1] + 1) / 16_000) == pytest.approx((begins, ends), abs=0.11)
