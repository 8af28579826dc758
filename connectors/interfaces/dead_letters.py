"""Dead letters: where what could not be done goes, how it is written, and how it is found again.

A letter is the same on a stream, on S3 and in a folder; it holds no text and no audio.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from schemas.names import dead_letter_key
from schemas.values import DeadLetter


class DeadLetters(Protocol):
    async def send(self, letter: DeadLetter) -> None:
        """Never raises for a single letter's content; RetryableError when nothing is reachable."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FoundLetters:
    """``by_stage``: how many there are of each step of the pipeline; ``newest`` are the last few,
    the newest first. Not ``complete``: there are more than were counted."""

    by_stage: Mapping[str, int] = field(default_factory=dict[str, int])
    newest: tuple[DeadLetter, ...] = ()
    complete: bool = True


class DeadLetterArchive(Protocol):
    async def since(self, at_ms: int, newest: int) -> FoundLetters:
        """Letters of this moment and later, and the last ``newest`` of them as they were sent.

        Raises RetryableError: it cannot be reached.
        """
        ...


def found_among(letters: Iterable[DeadLetter], at_ms: int, newest: int) -> FoundLetters:
    """For archives that hold whole letters."""
    late = sorted(
        (one for one in letters if one.at_ms >= at_ms), key=lambda one: one.at_ms, reverse=True
    )
    by_stage: dict[str, int] = {}
    for letter in late:
        by_stage[letter.stage] = by_stage.get(letter.stage, 0) + 1
    return FoundLetters(by_stage, tuple(late[:newest]))


_LONGEST_CAUSE = 500
_DIGEST_DIGITS = 16


def letter_json(letter: DeadLetter) -> bytes:
    """One JSON object with the protocol's camelCase names; members without a value are left out."""
    members = {
        "stage": letter.stage,
        "cause": letter.cause[:_LONGEST_CAUSE],
        "key": letter.key,
        "at": letter.at_ms,
        "sessionId": letter.session_id,
        "recordSha256": letter.record_sha256,
        "recordBytes": letter.record_bytes,
    }
    given = {name: value for name, value in members.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, sort_keys=True).encode()


class _Written(msgspec.Struct, frozen=True, rename="camel"):
    stage: str
    cause: str
    key: str
    at: int
    session_id: str | None = None
    record_sha256: str | None = msgspec.field(default=None, name="recordSha256")
    record_bytes: int | None = None


def letter_of(body: bytes) -> DeadLetter | None:
    """The letter that ``letter_json`` wrote down; None: this is no letter."""
    try:
        read = msgspec.json.decode(body, type=_Written)
    except msgspec.DecodeError:
        return None
    return DeadLetter(
        stage=read.stage,
        cause=read.cause,
        key=read.key,
        at_ms=read.at,
        session_id=read.session_id,
        record_sha256=read.record_sha256,
        record_bytes=read.record_bytes,
    )


def letter_key(letter: DeadLetter) -> str:
    """Where it is stored, by the stage of the pipeline; the same letter has the same key."""
    digest = hashlib.sha256(letter_json(letter)).hexdigest()[:_DIGEST_DIGITS]
    return dead_letter_key(letter.stage, letter.at_ms, digest)
