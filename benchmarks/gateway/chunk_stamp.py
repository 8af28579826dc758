"""When a chunk was sent, written over its first samples, so that any sink can tell its age.

Both programs carry the PCM as the last bytes of a record, so the stamp is found without decoding.
The clock is the machine's monotonic one, which all its processes share.
"""

from __future__ import annotations

import struct
import time

PCM_BYTES = 8_192
"""4,096 samples: 256 ms, 3.9 chunks a second."""
CHUNK_S = 0.256
NOT_MEASURED = bytes(8)
"""Stands on chunks of the warm-up."""

_STAMP = struct.Struct("<Q")
_REST = bytes(PCM_BYTES - _STAMP.size)


def stamped_pcm(measured: bool) -> bytes:
    """A chunk that is sent now."""
    return (_STAMP.pack(time.monotonic_ns()) if measured else NOT_MEASURED) + _REST


def sent_ns(record: bytes) -> int | None:
    """When the chunk at the end of ``record`` was sent; None: no chunk, or not measured."""
    if len(record) < PCM_BYTES:
        return None
    (at_ns,) = _STAMP.unpack_from(record, len(record) - PCM_BYTES)
    return at_ns or None
