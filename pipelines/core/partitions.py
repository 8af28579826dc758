"""Keys of the stages that serve many sessions or calls under few keys."""

from __future__ import annotations

import zlib


def partition_of(name: str, partitions: int) -> str:
    """Where ``name`` belongs; the same for the life of the state that is kept under it."""
    return f"{zlib.crc32(name.encode()) % partitions}"


def ticked_partitions(tick: int, every_ticks: int, partitions: int) -> tuple[str, ...]:
    """The keys that this tick of the clock is for: all of them, or none."""
    if tick % every_ticks:
        return ()
    return tuple(f"{number}" for number in range(partitions))
