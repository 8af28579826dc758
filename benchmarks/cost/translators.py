"""What translating an hour of speech into one language costs, by translator and by steps. Pure but
for the price file.

The talks' sentences are translated again as they grow, as the job's cursors do. Amazon Translate
bills the characters of each text; language models bill tokens, of the very prompts that the job's
adapters send. How long a translation is, and how many characters a token has, are the price file's.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost.charges import HOUR_S, PRICE_FILE
from benchmarks.score.talks import SpokenTalk
from connectors.calls.prompted_translator import PromptSettings, prompt_of
from connectors.interfaces.translation import TranslationHints, TranslationUsage
from pipelines.sentences.cursor import Pace
from pipelines.sentences.tokens import word_count

CONTEXT_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class TranslatorPrice:
    """In dollars. ``source``: the page that the price is from."""

    name: str
    per_character: float
    per_input_token: float
    per_output_token: float
    source: str


@dataclass(frozen=True, slots=True)
class TextLengths:
    """``characters_per_token``: of a language model's own, roughly; ``translated_per_source``:
    characters of a translation by those of its text."""

    characters_per_token: float
    translated_per_source: float


@dataclass(frozen=True, slots=True)
class SentenceStep:
    """``text`` is translated; ``done`` characters of it were translated before."""

    text: str
    done: int
    context: tuple[str, ...]


def read_translator_prices(file: Path = PRICE_FILE) -> tuple[TranslatorPrice, ...]:
    """KeyError: the file lacks one."""
    found = tomllib.loads(file.read_text())
    translate = found["translate"]
    each = [
        TranslatorPrice(
            "Amazon Translate",
            translate["dollars_per_million_characters"] / 1e6,
            0.0,
            0.0,
            translate["source"],
        )
    ]
    for name, model in found["models"].items():
        dollars_in = model["dollars_per_million_input_tokens"] / 1e6
        dollars_out = model["dollars_per_million_output_tokens"] / 1e6
        each.append(TranslatorPrice(name, 0.0, dollars_in, dollars_out, model["source"]))
    return tuple(each)


def read_lengths(file: Path = PRICE_FILE) -> TextLengths:
    text = tomllib.loads(file.read_text())["text"]
    return TextLengths(text["characters_per_token"], text["translated_per_source"])


def steps(sentences: Sequence[str], pace: Pace | None) -> Iterator[SentenceStep]:
    """``pace`` None: each sentence once, when it is over."""
    for number, sentence in enumerate(sentences):
        context = tuple(sentences[max(0, number - CONTEXT_SENTENCES) : number])
        words = sentence.split()
        done, stepped = 0, 0.0
        for count in range(1, len(words) + 1):
            text = " ".join(words[:count])
            length = word_count(text)
            is_over = count == len(words)
            if is_over or (pace is not None and pace.is_due(length, length - stepped, text)):
                yield SentenceStep(text, done, context)
                done, stepped = len(text), length


def usage(asked: Iterable[SentenceStep], lengths: TextLengths) -> TranslationUsage:
    """What both kinds of services would count of these steps."""
    total = TranslationUsage()
    for step in asked:
        released = "x" * round(step.done * lengths.translated_per_source)
        prompt = prompt_of(
            step.text,
            "en",
            "pt",
            TranslationHints(released, step.context),
            PromptSettings().context_characters,
        )
        sent = len(prompt.instructions) + len(prompt.content)
        answered = (len(step.text) - step.done) * lengths.translated_per_source
        total += TranslationUsage(
            1,
            len(step.text),
            math.ceil(sent / lengths.characters_per_token),
            math.ceil(answered / lengths.characters_per_token),
        )
    return total


def dollars_of(used: TranslationUsage, price: TranslatorPrice) -> float:
    return (
        used.characters * price.per_character
        + used.input_tokens * price.per_input_token
        + used.output_tokens * price.per_output_token
    )


def hourly_usage(
    talks: Sequence[SpokenTalk], pace: Pace | None, lengths: TextLengths
) -> tuple[TranslationUsage, float]:
    """Of all talks, and how many of them an hour holds."""
    used = sum((usage(steps(talk.sentences, pace), lengths) for talk in talks), TranslationUsage())
    return used, HOUR_S / sum(talk.speech_s for talk in talks)
