"""A text too long for one call, cut where a listener hears it least. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SENTENCE_ENDS = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]\s*|\n\s*")
_CLAUSE_ENDS = re.compile(r"[,;:–—]\s+|[、，；：]\s*")
_WORD_ENDS = re.compile(r"\s+")


def bytes_of(text: str) -> int:
    """The size that services mean which count bytes."""
    return len(text.encode("utf-8"))


def split_text(text: str, longest: int, size: Callable[[str], int] = len) -> list[str]:
    """Pieces of at most ``longest`` by ``size``, whole sentences as far as they fit.

    A sentence that does not fit is cut behind a clause, else between words, else anywhere. Pieces
    are stripped and never empty; all that is lost between them is white space.
    """
    return list(_pack(text, longest, size, (_SENTENCE_ENDS, _CLAUSE_ENDS, _WORD_ENDS)))


def _pack(
    text: str, longest: int, size: Callable[[str], int], ends: tuple[re.Pattern[str], ...]
) -> Iterator[str]:
    text = text.strip()
    if not text:
        return
    if size(text) <= longest:
        yield text
        return
    parts = _cut(text, ends[0]) if ends else iter(text)
    packed = ""
    for part in parts:
        if size((packed + part).strip()) <= longest:
            packed += part
            continue
        if packed.strip():
            yield packed.strip()
        packed = part
        if size(part.strip()) > longest:
            if not ends:
                raise ValueError(f"not even one character fits into {longest}")
            *whole, packed = _pack(part, longest, size, ends[1:])
            yield from whole
            packed += " "  # the next part is another sentence, clause or word
    if packed.strip():
        yield packed.strip()


def _cut(text: str, end: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for found in end.finditer(text):
        yield text[start : found.end()]
        start = found.end()
    if start < len(text):
        yield text[start:]


def readable(text: str) -> str:
    """One line without what JSON, XML or a voice cannot take: controls and lone surrogates."""
    return " ".join("".join(c if _is_readable(c) else " " for c in text).split())


def _is_readable(character: str) -> bool:
    code = ord(character)
    return code >= 0x20 and not (
        0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE
    )
