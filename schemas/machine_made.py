"""The mark in a clip that a machine speaks: a comment in an ID3v2.4 tag, which players show.

It stands in front of the first frame, adds no sound, and names the engine where that is known.
"""

from __future__ import annotations

_COMMENT = "machine-made speech"
_BETWEEN = ": "
_UTF_8 = b"\x03"
_LANGUAGE = b"eng"
_HEADER_BYTES = 10


def tag(maker: str = "") -> bytes:
    """The bytes of the mark; ``maker``: the engine that speaks."""
    text = f"{_COMMENT}{_BETWEEN}{maker}" if maker else _COMMENT
    content = _UTF_8 + _LANGUAGE + b"\0" + text.encode()
    frame = b"COMM" + _size(len(content)) + b"\0\0" + content
    return b"ID3\x04\0\0" + _size(len(frame)) + frame


def mark(mp3: bytes, maker: str = "") -> bytes:
    """The clip with a mark; as it is when it begins with an ID3 tag of ours already."""
    return mp3 if maker_of(mp3) is not None else tag(maker) + mp3


def maker_of(mp3: bytes) -> str | None:
    """The engine that the clip's mark names, "" when it names none; None: there is no mark."""
    content = mp3[2 * _HEADER_BYTES : _HEADER_BYTES + tag_bytes(mp3)]
    begin = _UTF_8 + _LANGUAGE + b"\0" + _COMMENT.encode()
    if mp3[_HEADER_BYTES : _HEADER_BYTES + 4] != b"COMM" or not content.startswith(begin):
        return None
    return content[len(begin) :].decode("utf-8", "replace").removeprefix(_BETWEEN)


def tag_bytes(mp3: bytes) -> int:
    """How long the ID3v2 tag is that a file begins with, without its header; 0: there is none."""
    if mp3[:3] != b"ID3" or len(mp3) < _HEADER_BYTES:
        return 0
    size = 0
    for byte in mp3[6:_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return size


def _size(count: int) -> bytes:
    """Seven bits a byte, so that no decoder takes it for a frame of sound."""
    return bytes(count >> shift & 0x7F for shift in (21, 14, 7, 0))
