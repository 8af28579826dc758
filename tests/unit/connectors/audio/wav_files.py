"""WAV files made byte by byte, as recorders write them and as no library would."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk with its padding; ``size`` instead of the true one."""
    written = len(body) if size is None else size
    return name + struct.pack("<I", written) + body + b"\0" * (len(body) % 2)


def fmt(
    *, tag: int = PCM, rate_hz: int = 16_000, channels: int = 1, bits: int = 16, inner: int = PCM
) -> bytes:
    """``inner``: what an extensible format really is."""
    frame_bytes = channels * bits // 8
    body = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits)
    if tag == EXTENSIBLE:
        body += struct.pack("<HHIH", 22, bits, 0, inner) + _SUBFORMAT_TAIL
    return chunk(b"fmt ", body)


def wav(
    data: bytes,
    format_chunk: bytes | None = None,
    *,
    riff_size: int | None = None,
    data_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    riff_id: bytes = b"RIFF",
) -> bytes:
    """A file around ``data``; sizes given are written instead of the true ones."""
    body = before + (format_chunk or fmt()) + chunk(b"data", data, data_size) + after
    size = len(body) + 4 if riff_size is None else riff_size
    return riff_id + struct.pack("<I", size) + b"WAVE" + body


def stored(samples: NDArray[np.float64], bits: int, *, is_float: bool = False) -> bytes:
    """Samples in [-1, 1] as a WAV file stores them."""
    if is_float:
        return samples.astype(f"<f{bits // 8}").tobytes()
    whole = np.round(samples * (2 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()
