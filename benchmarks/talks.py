"""Talks with the rhythm of speech, whose every word has a known time: what the lag is measured on.

A talk is written with ``connectors.testing.words``, so a scripted recogniser hears its words, and
is a function of its number and length alone: everybody can speak the same hundred talks.

The rhythm follows what is published about read and spontaneous speech:

- Pauses are lognormal in kinds: brief (below 0.2 s), medium (0.2 to 1 s) and long (above 1 s, in
  spontaneous speech only). Campione and Veronis, "A large-scale multilingual study of silent pause
  duration", Speech Prosody 2002.
- Speech comes in spurts (intonation units) of about five words. Chafe, "Discourse, Consciousness,
  and Time", 1994. A sentence is two to four of them here; the last word of a spurt is drawn out.
- Lectures run at about 140 and radio talks at about 160 words a minute, pauses included. Tauroza
  and Allison, "Speech rates in British English", Applied Linguistics 11, 1990. These talks lie
  between: 2.3 to 2.6 words a second.

The medians, shares and widths below are ours, chosen so that these figures come out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.interfaces.speech_to_text import Word
from connectors.testing.words import WORDS_BEFORE_REPEAT, word_text, write_silence, write_word
from schemas.values import SAMPLE_RATE_HZ

LONG_TALK_S = 1_200.0
"""Twenty minutes: long enough to see whether what is heard falls behind."""
_WORDS_APART = 997
_SHORTEST_WORD_S, _LONGEST_WORD_S = 0.08, 0.9


@dataclass(frozen=True, slots=True)
class Lognormal:
    """``width``: the standard deviation of the logarithm."""

    median: float
    width: float

    def draw(self, chance: random.Random) -> float:
        return self.median * math.exp(chance.gauss(0.0, self.width))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Durations in seconds. Shares are of the spurts within a sentence; the rest run on."""

    word: Lognormal = Lognormal(0.29, 0.42)
    drawn_out: float = 1.25
    brief: Lognormal = Lognormal(0.11, 0.35)
    medium: Lognormal = Lognormal(0.45, 0.40)
    long: Lognormal = Lognormal(1.25, 0.22)
    brief_share: float = 0.30
    medium_share: float = 0.50
    long_share_of_sentences: float = 0.15
    spurt_words: tuple[int, int] = (2, 8)
    sentence_spurts: tuple[int, int] = (2, 4)


@dataclass(frozen=True, slots=True)
class Talk:
    """``pcm``: 16 kHz mono s16le. ``words``: what it says, in seconds from its first sample."""

    number: int
    pcm: bytes
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / SAMPLE_RATE_HZ


def write_talk(number: int, duration_s: float, rhythm: Rhythm | None = None) -> Talk:
    """Talk number ``number``, exactly ``duration_s`` long; its last word ends before that.

    No word comes twice in it. ValueError: it would need more words than there are.
    """
    chance = random.Random(f"talk {number}")  # noqa: S311 - not a secret
    pcm = bytearray()
    words: list[Word] = []
    for word_s, pause_s in _blocks(chance, rhythm or Rhythm()):
        if _seconds(pcm) + word_s > duration_s:
            break
        if len(words) == WORDS_BEFORE_REPEAT:
            raise ValueError(f"{duration_s:.0f} s need more than {WORDS_BEFORE_REPEAT} words")
        code = number * _WORDS_APART + len(words)
        start_s = _seconds(pcm)
        pcm += write_word(code, word_s)
        words.append(Word(word_text(code), start_s, _seconds(pcm)))
        pcm += write_silence(pause_s)
    samples = round(duration_s * SAMPLE_RATE_HZ)
    return Talk(number, bytes(pcm[: 2 * samples]).ljust(2 * samples, b"\0"), tuple(words))


def _seconds(pcm: bytearray) -> float:
    return len(pcm) / 2 / SAMPLE_RATE_HZ


def _blocks(chance: random.Random, rhythm: Rhythm) -> Iterator[tuple[float, float]]:
    """Words without end, each as (duration, the silence behind it)."""
    while True:
        spurts = chance.randint(*rhythm.sentence_spurts)
        for spurt in range(1, spurts + 1):
            words = chance.randint(*rhythm.spurt_words)
            for word in range(1, words + 1):
                drawn = rhythm.word.draw(chance)
                if word < words:
                    yield _clipped(drawn), 0.0
                else:
                    pause_s = _pause_s(chance, rhythm, ends_sentence=spurt == spurts)
                    yield _clipped(drawn * rhythm.drawn_out), pause_s


def _clipped(word_s: float) -> float:
    return min(max(word_s, _SHORTEST_WORD_S), _LONGEST_WORD_S)


def _pause_s(chance: random.Random, rhythm: Rhythm, *, ends_sentence: bool) -> float:
    share = chance.random()
    if ends_sentence:
        kind = rhythm.long if share < rhythm.long_share_of_sentences else rhythm.medium
        return kind.draw(chance)
    if share < rhythm.brief_share:
        return rhythm.brief.draw(chance)
    if share < rhythm.brief_share + rhythm.medium_share:
        return rhythm.medium.draw(chance)
    return 0.0
