"""Plain text to Apertium's stream format and back, and the case that recognised text has."""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = re.compile(r"([/$@])")
_DROPPED = re.compile(r"[\[\]{}<>^\\|~*#_=]")
"""Signs of the stream format and of its marks that nobody speaks; the rest is escaped."""
_TAG = re.compile(r"<[^<>]*>")
_MARK = re.compile(r"(?<![^\s(\"'¿¡-])[*@#]+(?=\w)")
_I = re.compile(r"\bi\b")
_SPACE_BEFORE_PUNCTUATION = re.compile(r"\s+(?=[.,;:!?](?:\s|$))")


def to_stream(text: str, source: str) -> str:
    """One line without any sign that the stream format would take for its own."""
    printable = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co") else character
        for character in unicodedata.normalize("NFC", text)
    )
    line = " ".join(_DROPPED.sub(" ", printable).split())
    if source == "en":
        line = _I.sub("I", line)  # recognised text has no capitals; Apertium knows only "I"
    return _ESCAPED.sub(r"\\\1", line)


def from_stream(answer: str) -> str:
    """Without escapes, tags, blanks and marks (``*unknown``, ``@untransferred``, ``#unformed``)."""
    unescaped = re.sub(r"\\(.)", r"\1", _TAG.sub("", answer.replace("[]", "")))
    line = " ".join(_MARK.sub("", unescaped).split())
    return _SPACE_BEFORE_PUNCTUATION.sub("", line)


def match_case(translated: str, source: str) -> str:
    """Apertium begins sentences with capitals where it sees fit; follow the source instead.

    A source without any capital (recognised speech) gets none but in words that are all capitals.
    Otherwise the first letter follows the source's first.
    """
    if source == source.lower():
        words = translated.split(" ")
        return " ".join(word if _is_acronym(word) else word.lower() for word in words)
    first = next((character for character in source if character.isalpha()), "")
    if first.isupper():
        return translated[:1].upper() + translated[1:]
    return translated


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()
