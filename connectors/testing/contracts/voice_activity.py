"""What every voice detector keeps."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import pytest

from connectors.interfaces.voice_activity import VoiceActivityFactory, Voiced
from connectors.testing.words import write_silence

RATE_HZ = 16_000
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
class Decided:
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


def hear(factory: VoiceActivityFactory, pcm: bytes, sizes: tuple[int, ...] = (3_200,)) -> Decided:
    """``sizes`` in bytes, over and over."""
    detector = factory.detector()
    runs: list[Voiced] = []
    at = turn = 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        runs += detector.hear(pcm[at : at + size])
        at, turn = at + size, turn + 1
    return Decided(tuple(runs), detector.through_sample)


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
        chance = random.Random(7)  # noqa: S311 - not a secret
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
