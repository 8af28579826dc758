"""Words written in the samples themselves, so that what is recognised is a function of the audio.

Word ``i`` is a block of samples: the mark of its start, its code over and over, the mark of its
end. Silence is 0. Both marks are needed for a word to count: a stream that begins (or a gap that
ends) inside a word reports nothing for that half, just as one that ends inside it.

    code  = 1000 + i % 15000        1,000 .. 15,999
    start = -code                  -1,000 .. -15,999
    end   = -(code + 16000)       -17,000 .. -31,999
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.interfaces.speech_to_text import Word
from schemas.values import SAMPLE_RATE_HZ

_FIRST_CODE = 1_000
WORDS_BEFORE_REPEAT = 15_000
"""So many words have a code of their own."""
_END = 16_000
_SHORTEST_SAMPLES = 3


def word_text(word: int) -> str:
    return f"w{word % WORDS_BEFORE_REPEAT}"


def write_word(word: int, duration_s: float) -> bytes:
    samples = round(duration_s * SAMPLE_RATE_HZ)
    if samples < _SHORTEST_SAMPLES:
        raise ValueError(f"a word needs {_SHORTEST_SAMPLES} samples, not {samples}")
    code = _FIRST_CODE + word % WORDS_BEFORE_REPEAT
    block = np.full(samples, code, dtype="<i2")
    block[0] = -code
    block[-1] = -(code + _END)
    return block.tobytes()


def write_silence(duration_s: float) -> bytes:
    return bytes(2 * round(duration_s * SAMPLE_RATE_HZ))


def write_words(
    first_word: int, count: int, word_s: float = 0.25, gap_s: float = 0.05
) -> tuple[bytes, tuple[Word, ...]]:
    """PCM s16le of ``count`` words, each with ``gap_s`` of silence behind it, and those words."""
    return _write((number, word_s, gap_s) for number in range(first_word, first_word + count))


def write_talk(
    duration_s: float, *, seed: int = 0, first_word: int = 0
) -> tuple[bytes, tuple[Word, ...]]:
    """Words of 0.1 to 0.5 s with small gaps, now and then a pause of 0.4 to 2 s.

    At most ``duration_s`` long; the same for the same seed.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret

    def rhythm() -> Iterator[tuple[int, float, float]]:
        number, spoken_s = first_word, 0.0
        while True:
            word_s = chance.uniform(0.1, 0.5)
            is_pause = chance.random() < 0.12
            gap_s = chance.uniform(0.4, 2.0) if is_pause else chance.uniform(0.0, 0.1)
            spoken_s += word_s + gap_s
            if spoken_s > duration_s:
                return
            yield number, word_s, gap_s
            number += 1

    return _write(rhythm())


def _write(blocks: Iterator[tuple[int, float, float]]) -> tuple[bytes, tuple[Word, ...]]:
    pcm = bytearray()
    words: list[Word] = []
    for number, word_s, gap_s in blocks:
        start_s = len(pcm) / 2 / SAMPLE_RATE_HZ
        pcm += write_word(number, word_s)
        words.append(Word(word_text(number), start_s, len(pcm) / 2 / SAMPLE_RATE_HZ))
        pcm += write_silence(gap_s)
    return bytes(pcm), tuple(words)


@dataclass(slots=True)
class WordReader:
    """Finds words in samples that come in pieces; times count from the first piece."""

    _samples: int = 0
    _code: int | None = None
    _start: int = 0
    last_voice_sample: int = 0
    """Behind the last sample that was not silence."""

    @property
    def through_s(self) -> float:
        return self._samples / SAMPLE_RATE_HZ

    @property
    def voiceless_s(self) -> float:
        return (self._samples - self.last_voice_sample) / SAMPLE_RATE_HZ

    def read(self, pcm: bytes) -> list[Word]:
        """The words that end within ``pcm``."""
        samples: NDArray[np.int16] = np.frombuffer(pcm, dtype="<i2")
        words: list[Word] = []
        for at in np.flatnonzero(samples < 0):
            word = self._read_mark(self._samples + int(at), -int(samples[at]))
            if word is not None:
                words.append(word)
        voiced = np.flatnonzero(samples)
        if len(voiced):
            self.last_voice_sample = self._samples + int(voiced[-1]) + 1
        self._samples += len(samples)
        return words

    def _read_mark(self, sample: int, mark: int) -> Word | None:
        if mark < _FIRST_CODE + _END:
            self._code, self._start = mark, sample
            return None
        code = mark - _END
        began, self._code = self._code == code, None
        if not began:
            return None  # its start lies before this stream, or in a hole
        text = word_text(code - _FIRST_CODE)
        return Word(text, self._start / SAMPLE_RATE_HZ, (sample + 1) / SAMPLE_RATE_HZ)
