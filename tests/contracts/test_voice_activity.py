"""The suite every voice detector passes."""

from __future__ import annotations

import random
import wave
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

from connectors.interfaces.voice_activity import VoiceActivityFactory, Voiced
from connectors.offline.voice_activity import (
    WebrtcVoiceActivityFactory,
    WebrtcVoiceActivitySettings,
)
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_silence, write_words

pytestmark = pytest.mark.contract

RATE_HZ = 16_000
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
LONG_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class KnownVoice:
    """Speech without a pause of 0.3 s, and where in it, in samples, the first word begins and the
    last one ends."""

    pcm: bytes
    begins: int
    ends: int

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2


@dataclass(frozen=True, slots=True)
class Heard:
    runs: tuple[Voiced, ...]
    through_sample: int

    @property
    def voice(self) -> tuple[Voiced, ...]:
        return tuple(run for run in joined(self.runs) if run.is_voice)


def joined(runs: tuple[Voiced, ...]) -> Iterator[Voiced]:
    """Runs of different calls that belong together."""
    for is_voice, same in groupby(runs, key=lambda run: run.is_voice):
        own = list(same)
        yield Voiced(own[0].first_sample, own[-1].end_sample, is_voice)


def hear(factory: VoiceActivityFactory, pcm: bytes, sizes: tuple[int, ...] = (3_200,)) -> Heard:
    """``sizes`` in bytes, over and over."""
    detector = factory.detector()
    runs: list[Voiced] = []
    at = turn = 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        runs += detector.hear(pcm[at : at + size])
        at, turn = at + size, turn + 1
    return Heard(tuple(runs), detector.through_sample)


class VoiceActivityContract(ABC):
    @pytest.fixture
    @abstractmethod
    def factory(self) -> VoiceActivityFactory: ...

    @pytest.fixture
    @abstractmethod
    def voice(self) -> KnownVoice: ...

    @pytest.fixture
    @abstractmethod
    def lag_samples(self) -> int:
        """At most so many samples that were heard are not decided."""

    @pytest.fixture
    @abstractmethod
    def onset_cut_samples(self) -> int:
        """At most so much of a first word may count as silence."""

    @pytest.fixture
    @abstractmethod
    def late_samples(self) -> int:
        """So far behind a last word voice may last."""

    @pytest.fixture
    def talk(self, voice: KnownVoice) -> bytes:
        """Twice the same, a long pause around each."""
        pause = write_silence(LONG_PAUSE_S)
        return pause + voice.pcm + pause + voice.pcm + pause

    def test_runs_leave_no_hole_and_alternate_within_a_call(
        self, factory: VoiceActivityFactory, talk: bytes
    ) -> None:
        detector = factory.detector()
        through = 0
        for at in range(0, len(talk), 30_000):
            runs = detector.hear(talk[at : at + 30_000])
            for run in runs:
                assert run.first_sample == through < run.end_sample
                through = run.end_sample
            assert detector.through_sample == through
            assert all(one.is_voice != two.is_voice for one, two in pairwise(runs))

    def test_decisions_keep_up_with_the_audio(
        self, factory: VoiceActivityFactory, talk: bytes, lag_samples: int
    ) -> None:
        detector = factory.detector()
        for at in range(0, len(talk), 500):
            detector.hear(talk[at : at + 500])
            heard = min(at + 500, len(talk)) // 2
            assert heard - lag_samples <= detector.through_sample <= heard

    def test_pauses_lie_between_the_words(
        self,
        factory: VoiceActivityFactory,
        voice: KnownVoice,
        talk: bytes,
        onset_cut_samples: int,
        late_samples: int,
    ) -> None:
        found = hear(factory, talk).voice
        # Gaps between words may count as pauses; what matters lies around the long ones.
        turn = round(LONG_PAUSE_S * RATE_HZ) + voice.samples
        for number in range(2):
            first = round(LONG_PAUSE_S * RATE_HZ) + number * turn
            own = [run for run in found if first <= run.first_sample < first + voice.samples]
            begins, ends = first + voice.begins, first + voice.ends
            assert own[0].first_sample <= begins + onset_cut_samples
            assert own[-1].end_sample >= ends - onset_cut_samples
            assert own[-1].end_sample <= ends + late_samples
            longest_gap = max((b.first_sample - a.end_sample for a, b in pairwise(own)), default=0)
            assert longest_gap < 0.3 * RATE_HZ

    def test_silence_holds_no_voice(self, factory: VoiceActivityFactory) -> None:
        heard = hear(factory, write_silence(5))
        assert heard.voice == ()
        assert heard.runs[0].first_sample == 0

    def test_how_audio_is_cut_into_calls_does_not_matter(
        self, factory: VoiceActivityFactory, talk: bytes
    ) -> None:
        chance = random.Random(7)
        odd = tuple(chance.randint(1, 4_001) for _ in range(50))
        whole = hear(factory, talk, (len(talk),))
        for sizes in ((30,), (641,), odd):
            pieces = hear(factory, talk, sizes)
            assert tuple(joined(pieces.runs)) == tuple(joined(whole.runs))
            assert pieces.through_sample == whole.through_sample

    def test_half_a_sample_waits_for_its_other_half(
        self, factory: VoiceActivityFactory, voice: KnownVoice
    ) -> None:
        detector = factory.detector()
        assert detector.hear(b"") == ()
        assert detector.hear(voice.pcm[:1]) == ()
        assert detector.through_sample == 0
        runs = detector.hear(voice.pcm[1:])
        assert runs == hear(factory, voice.pcm, (len(voice.pcm),)).runs

    def test_streams_do_not_mix(self, factory: VoiceActivityFactory, talk: bytes) -> None:
        alone = hear(factory, talk).runs
        speaking, silent = factory.detector(), factory.detector()
        runs: list[Voiced] = []
        for at in range(0, len(talk), 3_200):
            runs += speaking.hear(talk[at : at + 3_200])
            assert not any(run.is_voice for run in silent.hear(bytes(3_200)))
        assert tuple(runs) == alone


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
