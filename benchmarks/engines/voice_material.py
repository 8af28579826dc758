"""Read speech with pauses whose place is known, as it is and under noise.

Where words stand comes from pocketsphinx' forced alignment with the transcript, not from loudness,
which is what detectors go by. Pauses are put in between words, of the recording's own quiet.
"""

from __future__ import annotations

import math
import re
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

from local_stack.talk import LIBRIVOX, NoTalkError
from schemas.values import SAMPLE_RATE_HZ

Samples = NDArray[np.float64]
Span = tuple[int, int]
"""First sample, and the one behind the last."""

PAUSE_S = 0.4
BETWEEN_SENTENCES_S = 0.6
WORDS_A_PAUSE = 4
_FRAME = SAMPLE_RATE_HZ // 100
_QUIET_S = 0.15
_NO_WORD = re.compile(r"<.*>|\[.*\]")
_SENTENCE = re.compile(r"<s>(?P<text>.*)</s>\s*\((?P<name>.*)\)")


@dataclass(frozen=True, slots=True)
class Material:
    """Samples between -32768 and 32767, and where the words stand in them."""

    name: str
    samples: Samples
    words: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    @property
    def pcm(self) -> bytes:
        return np.clip(np.round(self.samples), -32768, 32767).astype("<i2").tobytes()

    def pauses(self, at_least: int) -> list[Span]:
        """Between one word's end and the next one's beginning, in samples."""
        ends = [0, *(end for _, end in self.words)]
        starts = [*(start for start, _ in self.words), len(self.samples)]
        return [
            (end, start) for end, start in zip(ends, starts, strict=True) if start - end >= at_least
        ]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One recording, its transcript, and where its words stand in it."""

    pcm: bytes
    text: str
    words: tuple[Span, ...]


def read_sentences(recordings: Path = LIBRIVOX) -> Iterator[Sentence]:
    """In the order in which ``local_stack.talk`` joins them. NoTalkError: not installed."""
    transcription = recordings / "transcription"
    if not transcription.exists():
        raise NoTalkError(f"{recordings} is missing: install pocketsphinx-testdata")
    for found in map(_SENTENCE.match, transcription.read_text().splitlines()):
        if found is None:
            continue
        with wave.open(str(recordings / f"{found['name']}.wav")) as source:
            pcm = source.readframes(source.getnframes())
        text = found["text"].strip()
        yield Sentence(pcm, text, tuple(_align(pcm, text)))


def read_with_pauses() -> Material:
    """Every sentence with a pause behind each fourth word and a longer one behind its last."""
    pieces: list[Samples] = []
    words: list[Span] = []
    length = 0

    def add(piece: Samples) -> None:
        nonlocal length
        pieces.append(piece)
        length += len(piece)

    for sentence in read_sentences():
        samples = np.frombuffer(sentence.pcm, dtype="<i2").astype(np.float64)
        quiet = samples[: round(_QUIET_S * SAMPLE_RATE_HZ)]
        copied = 0
        for number, (start, end) in enumerate(sentence.words, 1):
            words.append((length + start - copied, length + end - copied))
            if number % WORDS_A_PAUSE == 0 and number < len(sentence.words):
                add(samples[copied:end])
                add(_room(quiet, PAUSE_S))
                copied = end
        add(samples[copied:])
        add(_room(quiet, BETWEEN_SENTENCES_S))
    return Material("clean", np.concatenate(pieces), tuple(words))


def under_noise(clean: Material, noise: str, snr_db: float) -> Material:
    """``noise``: a key of NOISES. The level is that of the words, pauses not counted."""
    speech = np.concatenate([clean.samples[start:end] for start, end in clean.words])
    made = NOISES[noise](len(clean.samples), np.random.default_rng(0))
    wanted = math.sqrt(np.mean(speech**2)) / 10 ** (snr_db / 20)
    made *= wanted / math.sqrt(np.mean(made**2))
    return replace(clean, name=f"{noise} {snr_db:g} dB", samples=clean.samples + made)


def _align(pcm: bytes, text: str) -> list[Span]:
    decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", lm=None)
    decoder.set_align_text(text)
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    return [
        (segment.start_frame * _FRAME, (segment.end_frame + 1) * _FRAME)
        for segment in decoder.seg()
        if not _NO_WORD.fullmatch(segment.word)
    ]


def _room(quiet: Samples, duration_s: float) -> Samples:
    """``quiet`` to and fro, so that it joins without a click."""
    there_and_back = np.concatenate([quiet, quiet[::-1]])
    return np.resize(there_and_back, round(duration_s * SAMPLE_RATE_HZ))


def _white(samples: int, chance: np.random.Generator) -> Samples:
    return chance.standard_normal(samples)


def _hum(samples: int, chance: np.random.Generator) -> Samples:
    """Of the mains: 50 Hz and its harmonics."""
    at_s = np.arange(samples) / SAMPLE_RATE_HZ
    tones = [
        np.sin(2 * math.pi * 50 * overtone * at_s + chance.uniform(0, 2 * math.pi)) / overtone
        for overtone in range(1, 13)
    ]
    return np.sum(tones, axis=0)


def _music(samples: int, chance: np.random.Generator) -> Samples:
    """Three plucked notes at once with their overtones, others twice a second."""
    out = np.zeros(samples)
    step = SAMPLE_RATE_HZ // 2
    for first in range(0, samples, step):
        length = min(2 * step, samples - first)
        at_s = np.arange(length) / SAMPLE_RATE_HZ
        for _ in range(3):
            pitch_hz = 110 * 2 ** (chance.integers(0, 30) / 12)
            for overtone in range(1, 7):
                tone = np.sin(2 * math.pi * pitch_hz * overtone * at_s) / overtone**1.5
                out[first : first + length] += tone * np.exp(-3 * at_s) * (1 - np.exp(-200 * at_s))
    return out


NOISES: dict[str, Callable[[int, np.random.Generator], Samples]] = {
    "white": _white,
    "hum": _hum,
    "music": _music,
}
