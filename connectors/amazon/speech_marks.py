"""Polly's speech marks: when each word of a clip is spoken, for captions that follow the voice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from connectors.interfaces.errors import RetryableError


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """A word, by its characters ``text[start:end]``; ``at_s`` from the beginning of the clip."""

    start: int
    end: int
    at_s: float


def read_marks(body: bytes, text: str) -> tuple[SpeechMark, ...]:
    """``body``: a line of JSON for each word, in order, with places in bytes of UTF-8.

    RetryableError: it is nothing of the kind.
    """
    spoken = text.encode()
    try:
        found: list[Any] = [json.loads(line) for line in body.splitlines() if line.strip()]
        return tuple(
            SpeechMark(
                len(spoken[: mark["start"]].decode()),
                len(spoken[: mark["end"]].decode()),
                mark["time"] / 1000,
            )
            for mark in found
            if mark["type"] == "word"
        )
    except (ValueError, KeyError, TypeError):
        raise RetryableError("Polly's answer is not speech marks") from None
