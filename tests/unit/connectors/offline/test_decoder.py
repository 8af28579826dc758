"""When the decoder is fed, when its utterance ends, and what becomes of its words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from connectors.interfaces.speech_to_text import Recognition
from connectors.offline.decoder import PauseRule, StreamingRecogniser

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
FRAME_S = 0.03
FRAME_BYTES = 960
VOICE = b"\x10\x00" * 480
HUSH = bytes(FRAME_BYTES)


@dataclass(frozen=True)
class Segment:
    word: str
    start_frame: int
    end_frame: int


@dataclass
class DecoderThatHears:
    """Gives the segments it was told, and remembers what it was fed."""

    segments: tuple[Segment, ...] = ()
    utterances: list[bytes] = field(default_factory=list)
    is_open: bool = False

    def start_utt(self) -> None:
        assert not self.is_open
        self.is_open = True
        self.utterances.append(b"")

    def process_raw(self, data: bytes, no_search: bool = False, full_utt: bool = False) -> int:
        assert self.is_open
        self.utterances[-1] += data
        return len(data)

    def end_utt(self) -> None:
        assert self.is_open
        self.is_open = False

    def seg(self) -> Iterable[Segment]:
        return self.segments


class DetectorOfLoudness:
    frame_bytes = FRAME_BYTES
    frame_length = FRAME_S

    def is_speech(self, frame: bytes) -> bool:
        return frame == VOICE


def listen(
    decoder: DecoderThatHears, audio: bytes, *, rule: PauseRule | None = None
) -> list[Recognition]:
    recogniser = StreamingRecogniser(
        decoder, DetectorOfLoudness(), RATE_HZ, 0.25, rule or PauseRule()
    )
    return [*recogniser.feed(audio), *recogniser.finish()]


def frames(duration_s: float) -> int:
    return round(duration_s / FRAME_S)


def voice(duration_s: float) -> bytes:
    return VOICE * frames(duration_s)


def hush(duration_s: float) -> bytes:
    return HUSH * frames(duration_s)


def test_fillers_and_variant_marks_are_no_words() -> None:
    heard = ("<s>", "to(2)", "<sil>", "[NOISE]", "be", "++UM++", "[SPEECH]", "i'm(3)", "</s>")
    segments = tuple(Segment(word, 10 * n, 10 * n + 9) for n, word in enumerate(heard))
    results = listen(DecoderThatHears(segments), voice(0.9))
    assert [word.text for word in results[-1].words] == ["to", "be", "i'm"]


def test_word_times_count_from_the_streams_start() -> None:
    decoder = DecoderThatHears((Segment("one", 21, 40),))
    results = listen(decoder, hush(3.0) + voice(0.9))
    (word,) = results[-1].words
    # The voice began at 3 s, 0.09 s inside the window that was voice enough, and in front of that
    # window comes the preroll.
    assert word.start_s == pytest.approx(3.0 - 0.09 - 0.21 + 0.21)
    assert word.end_s - word.start_s == pytest.approx(0.20)


def test_a_word_never_ends_behind_the_audio() -> None:
    results = listen(DecoderThatHears((Segment("one", 0, 9_999),)), voice(0.9))
    assert results[-1].words[0].end_s == results[-1].through_s == pytest.approx(0.9)


def test_silence_is_never_decoded_but_reported() -> None:
    decoder = DecoderThatHears()
    results = listen(decoder, hush(3.0))
    through = [0.0, *(result.through_s for result in results)]
    assert decoder.utterances == []
    assert max(later - earlier for earlier, later in pairwise(through)) <= 0.28
    assert [result.is_final for result in results] == [False] * (len(results) - 1) + [True]


def test_a_click_is_not_speech() -> None:
    decoder = DecoderThatHears()
    listen(decoder, hush(1.0) + voice(0.09) + hush(1.0))
    assert decoder.utterances == []


def test_a_pause_ends_the_utterance_and_the_next_begins_behind_it() -> None:
    decoder = DecoderThatHears((Segment("one", 5, 20),))
    results = listen(decoder, voice(1.5) + hush(0.3) + voice(1.5))
    finals = [result for result in results if result.is_final]
    assert [result.through_s for result in finals] == pytest.approx([1.8, 3.3])
    assert finals[0].words[-1].end_s <= finals[1].words[0].start_s
    assert sum(map(len, decoder.utterances)) <= len(voice(1.5) + hush(0.3) + voice(1.5))


def test_soft_beginnings_reach_the_decoder() -> None:
    decoder = DecoderThatHears()
    listen(decoder, hush(2.0) + voice(0.9))
    assert decoder.utterances[0].startswith(HUSH * frames(0.21))
    assert decoder.utterances[0].endswith(voice(0.9))


def test_a_short_pause_ends_only_a_long_utterance() -> None:
    phrase = voice(4.8) + hush(0.18)
    decoder = DecoderThatHears()
    results = listen(decoder, phrase * 4)
    finals = [result.through_s for result in results if result.is_final]
    # The pauses at 5 s and 10 s (the utterance is 9.96 s old) are too short, the third is enough.
    assert finals[0] == pytest.approx(3 * 4.98, abs=0.05)


def test_noise_without_any_pause_ends_at_last() -> None:
    decoder = DecoderThatHears()
    results = listen(decoder, voice(100.0))
    finals = [result.through_s for result in results if result.is_final]
    assert finals[:2] == pytest.approx([40.0, 80.0], abs=0.7)


def test_finish_gives_the_decoder_the_last_part_of_a_frame() -> None:
    decoder = DecoderThatHears((Segment("one", 0, 9),))
    results = listen(decoder, voice(0.9) + b"\1\0" * 100)
    assert decoder.utterances[0].endswith(b"\1\0" * 100)
    assert results[-1].through_s == pytest.approx(0.9 + 100 / RATE_HZ)
    assert results[-1].is_final
