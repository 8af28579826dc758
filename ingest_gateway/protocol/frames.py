"""The binary audio frame: 24 bytes, big endian, then PCM s16le.

offset  0        1         2        4          12            20        24
        magic A1  version  flags    sequence   timestamp ms  length    PCM
        u8        u8 = 1   u16      u64        u64           u32
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = 0xA1
VERSION = 1
_HEADER = struct.Struct(">BBHQQI")
HEADER_BYTES = _HEADER.size


class FrameError(ValueError):
    """Not a frame of this protocol. ``sequence`` is set when the header could be read."""

    def __init__(self, message: str, sequence: int | None = None) -> None:
        super().__init__(message)
        self.sequence = sequence


@dataclass(frozen=True, slots=True)
class AudioFrame:
    sequence: int
    timestamp_ms: int
    pcm: bytes
    flags: int = 0


def encode_frame(frame: AudioFrame) -> bytes:
    header = _HEADER.pack(
        MAGIC, VERSION, frame.flags, frame.sequence, frame.timestamp_ms, len(frame.pcm)
    )
    return header + frame.pcm


def decode_frame(data: bytes) -> AudioFrame:
    """Raises FrameError. The PCM is not looked at."""
    if len(data) < HEADER_BYTES:
        raise FrameError(f"a frame has a header of {HEADER_BYTES} bytes, this one has {len(data)}")
    magic, version, flags, sequence, timestamp_ms, length = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FrameError("a frame starts with the byte A1")
    if version != VERSION:
        raise FrameError(f"this gateway speaks version {VERSION} of the frame, not {version}")
    if length != len(data) - HEADER_BYTES:
        raise FrameError(
            f"the header says {length} bytes of audio, {len(data) - HEADER_BYTES} follow", sequence
        )
    return AudioFrame(sequence, timestamp_ms, data[HEADER_BYTES:], flags)
