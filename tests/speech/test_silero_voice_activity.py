"""The voice detector's contract by Silero's model, and what it was chosen for."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from benchmarks.engines.voice_material import NOISES, noise_alone
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.local.engines import LocalSpeech
from connectors.local.silero_voice_activity import SileroVoiceActivitySettings
from connectors.testing.contracts.voice_activity import (
    RATE_HZ,
    KnownVoice,
    VoiceActivityContract,
    hear,
)
from tests.contracts.test_voice_activity import LIBRIVOX

pytestmark = pytest.mark.speech


class TestSileroVoiceActivity(VoiceActivityContract):
    @pytest.fixture
    def factory(self) -> VoiceActivityFactory:
        return LocalSpeech().open_voice_activity()

    @pytest.fixture
    def voice(self) -> KnownVoice:
        with wave.open(str(LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0930.wav")) as source:
            pcm = source.readframes(source.getnframes())
        return KnownVoice(pcm, begins=round(0.21 * RATE_HZ), ends=round(3.02 * RATE_HZ))

    @pytest.fixture
    def lag_samples(self) -> int:
        return SileroVoiceActivitySettings().lag_samples

    @pytest.fixture
    def onset_cut_samples(self) -> int:
        """Far less than the 0.3 s that the job's gate sends in front of a voice."""
        return round(0.1 * RATE_HZ)

    @pytest.fixture
    def late_samples(self) -> int:
        return round(0.2 * RATE_HZ)

    @pytest.mark.parametrize("rms", [0.003, 0.02, 0.1])
    @pytest.mark.parametrize("noise", NOISES)
    def test_noise_and_music_hold_no_voice(
        self, factory: VoiceActivityFactory, noise: str, rms: float
    ) -> None:
        assert hear(factory, noise_alone(noise, 20.0, rms)).voice == ()

    def test_speech_of_a_quiet_microphone_is_voice(
        self, factory: VoiceActivityFactory, voice: KnownVoice
    ) -> None:
        """At a thirtieth: an RMS of 0.002 of full scale."""
        quiet = (np.frombuffer(voice.pcm, "<i2") / 30).round().astype("<i2").tobytes()
        voiced = sum(run.end_sample - run.first_sample for run in hear(factory, quiet).voice)
        assert voiced > 0.8 * (voice.ends - voice.begins)
