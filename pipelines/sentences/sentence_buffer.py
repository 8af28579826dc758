"""Where sentences end in what a recogniser commits, an utterance at a time.

A sentence ends at the recogniser's punctuation, at a pause, and at a cap. The caller that commits
an utterance asks here which sentence it belongs to and whether it ends it; the answer is committed
with it, so that readers of the ledger need no buffer.

A recogniser without punctuation is found out by the words that it has given: its sentences end at
shorter pauses and at a lower cap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.sentences.tokens import CLOSERS, MARKS, STOPS, ends_with, word_count

_DOTTED = re.compile(r"(?:[^\W\d]\.)+[^\W\d]?\.?$")
"""Initials and the like: "U.S.", "e.g.", "J."."""
_OPENERS = "\"'“‘«(¿¡"
_ELLIPSIS = re.compile(r"(?:\.\.+|…)$")
_SHORT_NUMBER = re.compile(r"\d{1,2}\.$")
_ORDINAL_DOT = frozenset({"de", "da", "no", "nb", "fi", "pl", "cs", "tr", "hu", "hr"})
"""Languages in which a dot makes a number an ordinal."""

_ABBREVIATIONS: Mapping[str, str] = {
    "en": " mr mrs ms dr prof st sr jr vs fig approx dept est inc ltd co etc ",
    "es": " sr sra srta dr dra prof ud uds núm pág etc art av ",
    "pt": " sr sra dr dra prof profa núm pág etc av ",
    "fr": " mm mme mlle dr pr st ste etc cf p env ",
    "ca": " sr sra dr dra núm pàg etc av ",
    "it": " sig dott dr prof ecc art pag ",
    "de": " hr fr dr prof st nr bzw usw ca ggf vgl str abs ",
}


@dataclass(frozen=True, slots=True)
class SentenceRules:
    """A pause of ``pause_s`` ends a sentence. One of ``cap_words`` ends at its next mark, or at
    ``longest_words``. The ``bare_`` figures hold for recognisers without punctuation, which shows
    after ``bare_after_words`` words without a mark, or twice as many where there were marks."""

    pause_s: float = 0.9
    cap_words: float = 36
    longest_words: float = 48
    bare_pause_s: float = 0.5
    bare_cap_words: float = 18
    bare_after_words: float = 20


class SentenceBuffer:
    """The sentence that is open, of one session. ``number`` counts the session's sentences from 0;
    it is the open one's, or the next one's."""

    def __init__(self, language: str, rules: SentenceRules | None = None, number: int = 0) -> None:
        self.number = number
        self._language = language
        self._rules = rules or SentenceRules()
        self._words = 0.0
        self._words_since_mark = 0.0
        self._marks_seen = False

    @property
    def is_open(self) -> bool:
        return self._words > 0

    @property
    def is_bare(self) -> bool:
        """Whether the recogniser seems to give no punctuation."""
        times = 2 if self._marks_seen else 1
        return self._words_since_mark >= times * self._rules.bare_after_words

    @property
    def pause_s(self) -> float:
        """A pause of so much after the last word ends the open sentence."""
        return self._rules.bare_pause_s if self.is_bare else self._rules.pause_s

    def ends_with(self, text: str) -> bool:
        """Whether an utterance of ``text``, committed next, ends the open sentence."""
        if not text.strip():
            return False
        if is_sentence_end(text.split()[-1], self._language):
            return True
        words = self._words + word_count(text)
        if self.is_bare:
            return words >= self._rules.bare_cap_words
        if words >= self._rules.longest_words:
            return True
        return words >= self._rules.cap_words and ends_with(text, MARKS)

    def add(self, text: str, *, ends: bool) -> None:
        """An utterance of the open sentence stands; an empty one with ``ends`` closes it."""
        words = word_count(text)
        self._words += words
        self._words_since_mark += words
        if any(_is_mark(word, self._language) for word in text.split()):
            self._marks_seen = True
            self._words_since_mark = 0.0
        if ends:
            self.number += 1
            self._words = 0.0


def _is_mark(word: str, language: str) -> bool:
    """Whether a word ends with a mark of punctuation: not with the dot of a letter that is spelt,
    or of an abbreviation, which recognisers without punctuation write too."""
    if not ends_with(word, MARKS):
        return False
    return word.rstrip(CLOSERS)[-1] != "." or is_sentence_end(word, language)


def is_sentence_end(word: str, language: str) -> bool:
    """Whether a sentence ends with ``word``, by its mark: not at abbreviations, initials, ordinals
    and dots of hesitation, behind which only a pause tells."""
    stripped = word.rstrip(CLOSERS)
    if not stripped or stripped[-1] not in STOPS:
        return False
    if stripped[-1] not in ".…":
        return True
    if _ELLIPSIS.search(stripped):
        return False
    bare = stripped.lstrip(_OPENERS).rstrip(".").casefold()
    if bare == "i" and language == "en":
        return True
    if _DOTTED.fullmatch(stripped.lstrip(_OPENERS)):
        return False
    if _SHORT_NUMBER.fullmatch(stripped) and language in _ORDINAL_DOT:
        return False
    return f" {bare} " not in _ABBREVIATIONS.get(language, "")
