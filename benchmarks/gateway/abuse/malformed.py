"""Frames that no client of the protocol sends, by kind: what a stranger's script tries."""

from __future__ import annotations

import base64
import json

EACH = 20_000
"""Frames of a kind in one attack."""
_NO_MASK = bytes(4)
_TEXT, _BINARY, _CLOSE, _PING = 0x81, 0x82, 0x88, 0x89
_CHUNK = {
    "action": "audioChunk",
    "sessionId": "calm-sea-1",
    "audioData": "AAAA",
    "timestamp": 5,
    "format": "pcm",
    "sampleRate": 16_000,
    "channels": 1,
    "encoding": "s16le",
}


def frame(first: int, payload: bytes) -> bytes:
    """Masked with zeros; ``first``: FIN, reserved bits and opcode."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 2**16:
        head = bytes((first, 0xFE)) + size.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8)
    return head + _NO_MASK + payload


def _message(**fields: object) -> bytes:
    return frame(_TEXT, json.dumps(fields).encode())


def _audio(magic: int, version: int, length: int) -> bytes:
    header = bytes((magic, version, 0, 0)) + bytes(8) + (5).to_bytes(8) + length.to_bytes(4)
    return frame(_BINARY, header + bytes(8))


MALFORMED: dict[str, bytes] = {
    "no JSON": frame(_TEXT, b"x" * 40),
    "half an object": frame(_TEXT, b'{"action": "heartbeat"'),
    "a list": frame(_TEXT, b"[1, 2, 3]"),
    "deep lists": frame(_TEXT, b"[" * 200),
    "no UTF-8": frame(_TEXT, b"\xff\xfe\xfd" * 8),
    "an unknown action": _message(action="shout"),
    "a field of another type": _message(action="joinSession", sessionId=7, targetLanguage=[]),
    "a number out of range": _message(**_CHUNK, sequence=2**60),
    "no base64": _message(**{**_CHUNK, "audioData": "@@@@"}),
    "half a sample": _message(**{**_CHUNK, "audioData": base64.b64encode(b"odd").decode()}),
    "another rate": _message(**{**_CHUNK, "sampleRate": 44_100}),
    "another magic": _audio(0xB2, 1, 8),
    "another version": _audio(0xA1, 9, 8),
    "a length that is not": _audio(0xA1, 1, 2**31),
    "a header alone": frame(_BINARY, b"\xa1\x01"),
    "an empty frame": frame(_BINARY, b""),
    "a reserved bit": frame(0xC1, b"x"),
    "a reserved opcode": frame(0x83, b"x"),
    "a ping in two": frame(_PING & 0x7F, b"x"),
    "a ping of 126 bytes": frame(_PING, bytes(126)),
    "no mask": bytes((_TEXT, 1)) + b"x",
    "a close of one byte": frame(_CLOSE, b"\x03"),
    "a continuation of nothing": frame(0x80, b"x"),
    "a length of 2^63": bytes((_BINARY, 0xFF)) + (2**63).to_bytes(8) + _NO_MASK,
}
