"""How a dead letter is written down, the same on a stream, on S3 and in a folder."""

from __future__ import annotations

import hashlib
import json

import msgspec

from schemas.names import dead_letter_key
from schemas.values import DeadLetter

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
