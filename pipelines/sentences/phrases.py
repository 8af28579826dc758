"""Voiced phrases: what is released is shown at once, and voiced when enough of it is there.

A phrase is one or more whole releases of a sentence: three words, or two with a mark behind them,
or whatever there is when the sentence is over. A release is never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.sentences.tokens import MARKS, ends_with, tokens_of, word_count

LEAST_WORDS = 3
LEAST_WORDS_TO_MARK = 2
NORMAL_WORDS_PER_MIN = 165.0
FASTEST = 1.3
"""Listeners still follow speech that is faster by so much."""


@dataclass(frozen=True, slots=True)
class PhraseRules:
    least_words: int = LEAST_WORDS
    least_words_to_mark: int = LEAST_WORDS_TO_MARK


def is_phrase(text: str, *, ends_sentence: bool, rules: PhraseRules | None = None) -> bool:
    """Whether the released and not yet voiced ``text`` is to be voiced now."""
    rules = rules or PhraseRules()
    if not any(token.bare for token in tokens_of(text)):
        return False
    if ends_sentence:
        return True
    words = word_count(text)
    if words >= rules.least_words:
        return True
    return words >= rules.least_words_to_mark and ends_with(text, MARKS)


def voiced_text(text: str) -> str:
    """A phrase as it is voiced and shown alone: without the mark of the word in front of it."""
    return text.strip().lstrip(MARKS).strip() or text.strip()


def voice_rate(backlog_s: float, phrase_s: float) -> float:
    """How much faster than normal a phrase is to be spoken, when ``backlog_s`` of voice waits to
    be played in front of it: up to ``FASTEST``, in proportion to what is waited."""
    if phrase_s <= 0 or backlog_s <= 0:
        return 1.0
    return min(FASTEST, 1.0 + 0.15 * backlog_s / phrase_s)
