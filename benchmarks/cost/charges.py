"""What the services charge for an hour of one speaker, in either flow. Pure but for the price file.

Recognition is billed by the second with a minimum for each request, translation and speech by the
character. The flow being replaced makes a request for every batch, silent or not; the job keeps one
stream, which is billed for the audio it is sent, and a ledger, which is billed by writes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from benchmarks.baseline.batches import WINDOW_S
from benchmarks.cost.ledger import head_units, units_per_utterance
from connectors.interfaces.speech_to_text import Word

STEP_WORDS = 2.0
"""In an utterance, where translations are released of sentences (``StepSegmenter``)."""
PRICE_FILE = Path(__file__).with_name("prices.toml")
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """In dollars; ``ledger_unit`` is a write of up to 1 KB. The last three say how many characters
    a word stands for, how many a translation has for each of its source, and how many words an
    utterance has."""

    recognition_per_s: float
    least_recognition_s: float
    translation_per_character: float
    neural_per_character: float
    generative_per_character: float
    ledger_unit: float
    characters_per_word: float
    translated_per_source: float
    words_per_utterance: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Units used. ``recognised_s`` is the audio sent, ``billed_s`` what is charged for it;
    ``ledger_units`` are writes to the ledger by the KB."""

    requests: int
    recognised_s: float
    billed_s: float
    translated_characters: float
    spoken_characters: float
    ledger_units: float = 0.0

    def per_hour(self, talk_s: float) -> Usage:
        """Of a talk of ``talk_s``, as if it went on like that for an hour."""
        times = HOUR_S / talk_s
        return Usage(
            round(self.requests * times),
            self.recognised_s * times,
            self.billed_s * times,
            self.translated_characters * times,
            self.spoken_characters * times,
            self.ledger_units * times,
        )


def read_prices(file: Path = PRICE_FILE) -> Prices:
    """KeyError: the file lacks one."""
    found = tomllib.loads(file.read_text())
    polly, text = found["polly"], found["text"]
    return Prices(
        found["transcribe"]["dollars_per_second"],
        found["transcribe"]["least_seconds"],
        found["translate"]["dollars_per_million_characters"] / 1e6,
        polly["neural_dollars_per_million_characters"] / 1e6,
        polly["generative_dollars_per_million_characters"] / 1e6,
        found["dynamodb"]["dollars_per_million_writes"] / 1e6,
        text["characters_per_word"],
        text["translated_per_source"],
        text["words_per_utterance"],
    )


def billed_s(requests_s: Iterable[float], least_s: float) -> float:
    """Each request of so many seconds of audio is billed for ``least_s`` at least."""
    return sum(max(least_s, one) for one in requests_s)


def voiced_stretches_s(
    words: Sequence[Word], *, pad_s: float, bridged_s: float
) -> tuple[float, ...]:
    """How long each stretch of speech is when silences over ``bridged_s`` are left out, all but
    ``pad_s`` before and behind each stretch. ``bridged_s`` is at least two pads."""
    if bridged_s < 2 * pad_s:
        raise ValueError(f"pads of {pad_s} s do not fit into a silence of {bridged_s} s")
    if not words:
        return ()
    starts = [words[0].start_s]
    ends: list[float] = []
    for earlier, later in pairwise(words):
        if later.start_s - earlier.end_s > bridged_s:
            ends.append(earlier.end_s)
            starts.append(later.start_s)
    ends.append(words[-1].end_s)
    return tuple(end - start + 2 * pad_s for start, end in zip(starts, ends, strict=True))


def window_usage(words: Sequence[Word], talk_s: float, languages: int, prices: Prices) -> Usage:
    """Of the flow being replaced: a request for every 3 s, whoever listens."""
    full, rest_s = divmod(talk_s, WINDOW_S)
    requests_s = [WINDOW_S] * int(full) + ([rest_s] if rest_s > 0 else [])
    return _usage(requests_s, len(words), languages, prices)


def stream_usage(
    requests_s: Sequence[float],
    words: Sequence[Word],
    languages: int,
    prices: Prices,
    in_vain: float = 0.0,
) -> Usage:
    """Of the job: ``requests_s`` are the seconds of audio sent on each stream it opened. One for
    the whole talk; with silence left out, one of the voiced stretches' sum. ``in_vain``: the share
    of translations and clips that is made besides, of words that were guessed wrong; none of it is
    in the ledger."""
    services = _usage(requests_s, len(words) * (1 + in_vain), languages, prices)
    heads = head_units(languages, sum(requests_s))
    return replace(services, ledger_units=heads + _ledger_units(len(words), languages, prices))


def released_usage(
    requests_s: Sequence[float],
    words: Sequence[Word],
    languages: int,
    prices: Prices,
    times: float,
) -> Usage:
    """Of the job where sentences are translated again as they grow: ``times`` the characters of
    each sentence once. Nothing is begun ahead of a commit."""
    steps = replace(prices, words_per_utterance=STEP_WORDS)
    used = stream_usage(requests_s, words, languages, steps)
    return replace(used, translated_characters=used.translated_characters * times)


def dollars(usage: Usage, prices: Prices, *, generative: bool) -> float:
    """``generative``: the dearer voices."""
    voice = prices.generative_per_character if generative else prices.neural_per_character
    return (
        usage.billed_s * prices.recognition_per_s
        + usage.translated_characters * prices.translation_per_character
        + usage.spoken_characters * voice
        + usage.ledger_units * prices.ledger_unit
    )


def _ledger_units(words: int, languages: int, prices: Prices) -> float:
    characters = prices.words_per_utterance * prices.characters_per_word
    translated = characters * prices.translated_per_source
    each = units_per_utterance(languages, round(characters), round(translated))
    return words / prices.words_per_utterance * each


def _usage(requests_s: Sequence[float], words: float, languages: int, prices: Prices) -> Usage:
    characters = words * prices.characters_per_word * languages
    return Usage(
        len(requests_s),
        sum(requests_s),
        billed_s(requests_s, prices.least_recognition_s),
        characters,
        characters * prices.translated_per_source,
    )
