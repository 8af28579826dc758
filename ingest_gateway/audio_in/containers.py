"""What demuxers of recorders' files have in common."""

from __future__ import annotations

from dataclasses import dataclass

MOST_PACKETS = 1_000
"""In one message: 20 s of Opus or AAC, while a few bytes may name many more."""


class ContainerError(ValueError):
    """Not a live stream of a recorder with sound that can be read, or not from its beginning. The
    message says what to do."""


@dataclass(frozen=True, slots=True)
class Block:
    """One packet; ``at_ms`` by the recorder's clock. ``aac_config``: of AAC, its
    AudioSpecificConfig; None: Opus."""

    at_ms: float
    payload: bytes
    aac_config: bytes | None = None
