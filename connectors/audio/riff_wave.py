"""WAV files as recorders really leave them: where the samples lie, and what is wrong with them.

Pure: bytes in, a description out. A header that was never finished, a length that is more than
the file holds, ``WAVE_FORMAT_EXTENSIBLE`` and 64-bit lengths (RF64, BW64) are all read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

Bytes = bytes | memoryview

_RIFF_IDS = (b"RIFF", b"RF64", b"BW64")
_EXTENSIBLE = 0xFFFE
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""Of the GUID that repeats an old format tag in its first two bytes."""
_IN_DS64 = 0xFFFFFFFF


class WavError(ValueError):
    """Not a WAV file whose samples can be found; the message says why."""


class SampleFormat(StrEnum):
    PCM = "PCM"
    FLOAT = "float"
    OTHER = "other"
    """Compressed: a decoder has to read the file."""


@dataclass(frozen=True, slots=True)
class WavLayout:
    """What a WAV file holds: its samples are the bytes ``start`` up to, not including, ``end``.

    ``bits`` is the size of a stored sample, whatever number of them is used. ``promised_frames`` is
    what the header says; None: it says nothing, because it was written before the recording
    and never again. ``after_bytes`` follow the samples and are neither samples nor a RIFF chunk.
    """

    format: SampleFormat
    rate_hz: int
    channels: int
    bits: int
    start: int
    end: int
    promised_frames: int | None
    after_bytes: int = 0

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def frames(self) -> int:
        """Whole ones: a sample that was cut in two is none."""
        return (self.end - self.start) // self.frame_bytes

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    @property
    def promised_s(self) -> float | None:
        return None if self.promised_frames is None else self.promised_frames / self.rate_hz


def is_wav(content: Bytes) -> bool:
    return len(content) >= 12 and bytes(content[:4]) in _RIFF_IDS and content[8:12] == b"WAVE"


def read_layout(content: Bytes) -> WavLayout:
    """Raises WavError."""
    if not is_wav(content):
        raise WavError("not a WAV file")
    fmt: bytes | None = None
    long_data_bytes = 0
    for chunk_id, size, start in _chunks(content):
        if chunk_id == b"ds64" and len(content) >= start + 16:
            (long_data_bytes,) = struct.unpack_from("<Q", content, start + 8)
        elif chunk_id == b"fmt ":
            fmt = bytes(content[start : start + size])
        elif chunk_id == b"data":
            if fmt is None:
                raise WavError("a WAV file without a format before its samples")
            if size == _IN_DS64 and long_data_bytes:
                size = long_data_bytes
            return _with_samples(_format(fmt), content, start, size)
    raise WavError("a WAV file without samples")


def _chunks(content: Bytes) -> Iterator[tuple[bytes, int, int]]:
    """(id, size as written, where it begins) of each RIFF chunk."""
    position = 12
    while position + 8 <= len(content):
        chunk_id, size = struct.unpack_from("<4sI", content, position)
        yield chunk_id, size, position + 8
        position += 8 + size + size % 2


def _format(fmt: bytes) -> tuple[SampleFormat, int, int, int]:
    """(format, rate, channels, bits a stored sample)."""
    if len(fmt) < 16:
        raise WavError("a WAV file whose format is cut short")
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == _EXTENSIBLE and len(fmt) >= 40:
        if fmt[26:40] == _SUBFORMAT_TAIL:
            (tag,) = struct.unpack_from("<H", fmt, 24)
    elif tag == _EXTENSIBLE:
        tag = 1
    if not channels or not rate_hz:
        raise WavError(f"a WAV file of {channels} channels at {rate_hz} Hz")
    # 12 or 20 used bits stand in a container of 16 or 24.
    stored = frame_bytes // channels * 8 or (bits + 7) // 8 * 8
    if tag == 1 and stored in (8, 16, 24, 32):
        return SampleFormat.PCM, rate_hz, channels, stored
    if tag == 3 and stored in (32, 64):
        return SampleFormat.FLOAT, rate_hz, channels, stored
    return SampleFormat.OTHER, rate_hz, channels, stored or 8


def _with_samples(
    shape: tuple[SampleFormat, int, int, int], content: Bytes, start: int, size: int
) -> WavLayout:
    sample_format, rate_hz, channels, bits = shape
    there = len(content) - start
    (riff_size,) = struct.unpack_from("<I", content, 4)
    riff_end = riff_size + 8
    has_more = riff_end < len(content) or _is_placeholder(riff_size)
    is_never_finished = _is_placeholder(size) or (size == 0 and has_more)
    end = start + (there if is_never_finished else min(size, there))
    after = 0 if is_never_finished else max(0, len(content) - max(end + size % 2, riff_end))
    return WavLayout(
        sample_format,
        rate_hz,
        channels,
        bits,
        start,
        end,
        None if is_never_finished else size // (channels * bits // 8),
        after,
    )


def _is_placeholder(size: int) -> bool:
    """A length that writers to a pipe put down because they cannot come back: the most that fits in
    32 or 31 bits, or a little less than that for the header's sake."""
    return 0xFFFF_F000 <= size <= 0xFFFF_FFFF or 0x7FFF_F000 <= size <= 0x7FFF_FFFF
