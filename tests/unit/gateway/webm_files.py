"""Live WebM as browsers write it: one header, clusters of unknown or known size, Opus inside."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tests.unit.gateway.opus_tones import FRAME_MS

UNKNOWN = b"\x01" + b"\xff" * 7
TRACK = 1
CLUSTER_PACKETS = 50


def element(element_id: int, content: bytes) -> bytes:
    size = (1 << 28 | len(content)).to_bytes(4)
    return element_id.to_bytes((element_id.bit_length() + 7) // 8) + size + content


def number(element_id: int, value: int) -> bytes:
    return element(element_id, value.to_bytes((value.bit_length() + 7) // 8 or 1))


def header(codec: bytes = b"A_OPUS") -> bytes:
    ebml = element(0x1A45DFA3, element(0x4282, b"webm"))
    segment = 0x18538067.to_bytes(4) + UNKNOWN
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000) + element(0x4D80, b"Chrome"))
    video = element(0xAE, number(0xD7, 2) + element(0x86, b"V_VP8"))
    audio = element(0xAE, number(0xD7, TRACK) + element(0x86, codec))
    return ebml + segment + info + element(0x1654AE6B, video + audio)


def block(offset_ms: int, payload: bytes, track: int = TRACK, flags: int = 0x80) -> bytes:
    return element(
        0xA3, bytes([0x80 | track]) + offset_ms.to_bytes(2, signed=True) + bytes([flags]) + payload
    )


def clusters(packets: Sequence[bytes], known_sizes: bool = False, began_ms: int = 0) -> bytes:
    body = b""
    for first in range(0, len(packets), CLUSTER_PACKETS):
        content = number(0xE7, began_ms + first * FRAME_MS)
        for at, payload in enumerate(packets[first : first + CLUSTER_PACKETS]):
            content += block(at * FRAME_MS, payload)
            if at % 10 == 0:
                content += block(at * FRAME_MS, b"a picture", track=2)
        content += element(0xEC, bytes(5))  # Void
        cluster_id = 0x1F43B675
        body += (
            element(cluster_id, content) if known_sizes else cluster_id.to_bytes(4) + UNKNOWN
        ) + (b"" if known_sizes else content)
    return body


def fragments(data: bytes, pieces: int) -> list[bytes]:
    """Cut anywhere, as a recorder's time slices do."""
    edges = [len(data) * at // pieces for at in range(pieces + 1)]
    return [data[first:end] for first, end in itertools.pairwise(edges)]
