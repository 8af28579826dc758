"""Texts as tokens that can be compared and put together again: words, or characters of scripts that
are written without spaces (Chinese, Japanese, Thai, ...).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

STOPS = ".?!…。！？｡؟۔।॥"
"""Signs that end a sentence."""
MARKS = STOPS + ",;:、，；：،؛"
"""Signs that end a clause or a sentence."""
CLOSERS = "\"'”’»)]}」』）】›"
"""Signs that may stand behind a mark and belong to it."""

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # radicals, kana, bopomofo
    (0x3190, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` with its marks; ``spaced``: a space stands in front of it."""

    text: str
    spaced: bool

    @property
    def bare(self) -> str:
        """What is compared: without case, marks and signs. "" for a token of nothing else."""
        folded = unicodedata.normalize("NFC", self.text).casefold()
        return "".join(sign for sign in folded if sign == "'" or _is_word_sign(sign))


def tokens_of(text: str) -> list[Token]:
    tokens: list[Token] = []
    for word in text.split():
        first = True
        for part in _parts(word):
            tokens.append(Token(part, first and bool(tokens)))
            first = False
    return tokens


def text_of(tokens: Iterable[Token]) -> str:
    """The tokens' text; a space of the first one is kept."""
    return "".join(f" {token.text}" if token.spaced else token.text for token in tokens)


def word_count(text: str) -> float:
    """How long a text is in words; two characters of a script without spaces count as one."""
    return sum(0.5 if _is_unspaced(token.text[0]) else 1.0 for token in tokens_of(text))


def ends_with(text: str, signs: str) -> bool:
    """Whether the text's last sign is one of ``signs``, not counting what closes behind it."""
    stripped = text.rstrip().rstrip(CLOSERS)
    return bool(stripped) and stripped[-1] in signs


def without_stop(text: str) -> str:
    """The text without the stop at its end, which engines put behind every text."""
    return text.rstrip().rstrip(STOPS)


def _parts(word: str) -> list[str]:
    """A word in one piece, or by characters where its script has no spaces. Marks and combining
    signs stay with what they follow, an opening sign with what follows it."""
    parts: list[str] = []
    was_unspaced = is_opening = False
    for sign in word:
        unspaced = _is_unspaced(sign) and _is_word_sign(sign)
        joins = unicodedata.combining(sign) or unicodedata.category(sign)[0] in "MPSC"
        opens = unicodedata.category(sign) in ("Ps", "Pi")
        if not parts or is_opening:
            begins = not parts
        else:
            begins = (unspaced or was_unspaced) and (opens or not joins)
        if begins:
            parts.append(sign)
        else:
            parts[-1] += sign
        if not joins or opens:
            was_unspaced = unspaced or (opens and was_unspaced)
        is_opening = opens and (begins or is_opening)
    return parts


def _is_unspaced(sign: str) -> bool:
    code = ord(sign)
    return any(first <= code <= last for first, last in _UNSPACED)


def _is_word_sign(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LNM"
