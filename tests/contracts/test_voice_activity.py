"""``contracts.voice_activity``, kept by every voice detector here."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.offline.voice_activity import (
    WebrtcVoiceActivityFactory,
    WebrtcVoiceActivitySettings,
)
from connectors.testing.contracts.voice_activity import (
    RATE_HZ,
    KnownVoice,
    VoiceActivityContract,
    hear,
)
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_silence, write_words

pytestmark = pytest.mark.contract

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")


class TestWebrtcVoiceActivity(VoiceActivityContract):
    @pytest.fixture
    def factory(self) -> VoiceActivityFactory:
        return WebrtcVoiceActivityFactory()

    @pytest.fixture
    def voice(self) -> KnownVoice:
        """Where its words stand is by forced alignment: ``benchmarks.engines.voice_material``."""
        with wave.open(str(LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0930.wav")) as source:
            pcm = source.readframes(source.getnframes())
        return KnownVoice(pcm, begins=round(0.21 * RATE_HZ), ends=round(3.02 * RATE_HZ))

    @pytest.fixture
    def lag_samples(self) -> int:
        return WebrtcVoiceActivitySettings().lag_samples

    @pytest.fixture
    def onset_cut_samples(self) -> int:
        return round(0.03 * RATE_HZ)

    @pytest.fixture
    def late_samples(self) -> int:
        return round(0.2 * RATE_HZ)

    def test_steady_noise_is_no_voice_once_it_is_known(self, factory: VoiceActivityFactory) -> None:
        noise = 300 * np.random.default_rng(1).standard_normal(5 * RATE_HZ)
        heard = hear(factory, noise.astype("<i2").tobytes())
        assert [run.end_sample for run in heard.voice if run.end_sample > RATE_HZ // 5] == []
        assert heard.through_sample > 4.8 * RATE_HZ

    def test_a_hole_in_a_word_is_no_pause(
        self, factory: VoiceActivityFactory, voice: KnownVoice
    ) -> None:
        middle = voice.samples  # in bytes: half way
        holed = voice.pcm[:middle] + bytes(2 * 640) + voice.pcm[middle + 2 * 640 :]
        in_hole = (middle // 2, middle // 2 + 640)
        assert any(
            run.first_sample <= in_hole[0] and run.end_sample >= in_hole[1]
            for run in hear(factory, holed).voice
        )

    @pytest.mark.parametrize(("mode", "frame_ms"), [(3, 15), (4, 20)])
    def test_settings_that_webrtc_does_not_know_are_refused(self, mode: int, frame_ms: int) -> None:
        with pytest.raises(ValueError, match="no WebRTC detector"):
            WebrtcVoiceActivitySettings(mode, frame_ms)


class TestScriptedVoiceActivity(VoiceActivityContract):
    @pytest.fixture
    def factory(self) -> VoiceActivityFactory:
        return ScriptedVoiceActivityFactory()

    @pytest.fixture
    def voice(self) -> KnownVoice:
        pcm, words = write_words(1, 8)
        return KnownVoice(pcm, begins=0, ends=round(words[-1].end_s * RATE_HZ))

    @pytest.fixture
    def lag_samples(self) -> int:
        return 1

    @pytest.fixture
    def onset_cut_samples(self) -> int:
        return 0

    @pytest.fixture
    def late_samples(self) -> int:
        return 0

    def test_voice_is_the_words_to_the_sample(self, factory: VoiceActivityFactory) -> None:
        pcm, words = write_words(1, 5, word_s=0.2, gap_s=0.1)
        assert [(run.first_sample, run.end_sample) for run in hear(factory, pcm).voice] == [
            (round(word.start_s * RATE_HZ), round(word.end_s * RATE_HZ)) for word in words
        ]


class TestScriptedVoiceActivityThatLags(TestScriptedVoiceActivity):
    """As real detectors do. The last samples stay undecided."""

    LAG = 1_600

    @pytest.fixture
    def factory(self) -> VoiceActivityFactory:
        return ScriptedVoiceActivityFactory(lag_samples=self.LAG)

    @pytest.fixture
    def lag_samples(self) -> int:
        return self.LAG + 1

    def test_the_newest_samples_are_not_decided(self, factory: VoiceActivityFactory) -> None:
        assert hear(factory, write_silence(1)).through_sample == RATE_HZ - self.LAG
