"""Recorders' files that say much in few bytes: thousands of elements, of boxes, of packets."""

from __future__ import annotations

import struct

_BOX = struct.Struct(">I4s")
_EBML_AND_SEGMENT = bytes.fromhex("1a45dfa3801853806701ffffffffffffff")
_TRACKS, _ENTRY, _NUMBER, _CODEC = 0x1654AE6B, 0xAE, 0xD7, 0x86
_CLUSTER, _TIME, _BLOCK = bytes.fromhex("1f43b67501ffffffffffffff"), 0xE7, 0xA3
_SHORTEST_OPUS = b"\xe0"
"""2.5 ms: as many packets as fit into the sound that a message may hold, and more."""


def _element(element_id: int, content: bytes) -> bytes:
    size = (len(content) | 1 << 28).to_bytes(4)
    return element_id.to_bytes((element_id.bit_length() + 7) // 8) + size + content


def _page(flags: int, packets: list[bytes]) -> bytes:
    """Of Ogg, which does not say when its packets are."""
    sizes = bytes(map(len, packets))
    head = b"OggS\0" + bytes([flags]) + b"\xff" * 8 + bytes(12) + bytes([len(sizes)])
    return head + sizes + b"".join(packets)


_MP4 = (
    _BOX.pack(12, b"ftyp")
    + b"isom"
    + _BOX.pack(48_008, b"moov")
    + (_BOX.pack(8, b"trak") + _BOX.pack(8, b"free") + _BOX.pack(8, b"mvex")) * 2_000
)
_WEBM = _EBML_AND_SEGMENT + _element(_TRACKS, b"\xec\x80" * 32_000)
_OGG = _page(2, [b"OpusHead"]) + _page(0, [b"OpusTags"]) + _page(0, [_SHORTEST_OPUS] * 255) * 120
_REFUSED_SOUND = (
    _EBML_AND_SEGMENT
    + _element(_TRACKS, _element(_ENTRY, _element(_NUMBER, b"\x01") + _element(_CODEC, b"A_OPUS")))
    + _CLUSTER
    + _element(_TIME, b"\0")
    + _element(_BLOCK, b"\x81\0\0\x80\xfc\0") * 900
)
RECORDERS_BOMBS = {
    "WebM bombs": _WEBM,
    "MP4 bombs": _MP4,
    "Ogg bombs": _OGG,
    "sound that is refused": _REFUSED_SOUND,
}
"""By what they are called. The last one is decoded for 10 s of sound before it is too long."""
