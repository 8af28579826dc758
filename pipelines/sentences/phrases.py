"""Voiced phrases: what is released is shown at once, and voiced when enough of it is there.

A phrase is one or more whole releases of a sentence: three words, or two with a mark behind them,
or whatever there is when the sentence is over. A release is never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.sentences.tokens import MARKS, ends_with, tokens_of, word_count

LEAST_WORDS = 3
LEAST_WORDS_TO_MARK = 2


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
