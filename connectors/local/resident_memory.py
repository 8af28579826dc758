"""How much freed memory a process may hold on to.

Decodings of many lengths scatter the heap: what they free lies in pages that others use, and glibc
keeps it. In speech without a pause that is up to 20 MB a decoding (docs/engines.md).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

MOST_GROWTH_MB = 64.0


def resident_mb() -> float:
    """Of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def give_back() -> None:
    """What is free goes back to the system, where the C library can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


class ResidentMemory:
    """Gives memory back as soon as the process has grown by ``most_growth_mb`` since the last
    time, and no more often: each time costs the pages that are used again."""

    def __init__(
        self,
        most_growth_mb: float = MOST_GROWTH_MB,
        resident_mb: Callable[[], float] = resident_mb,
        give_back: Callable[[], None] = give_back,
    ) -> None:
        self._most_growth_mb = most_growth_mb
        self._resident_mb = resident_mb
        self._give_back = give_back
        self._base_mb = resident_mb()

    def trim(self) -> None:
        self._give_back()
        self._base_mb = self._resident_mb()

    def trim_when_grown(self) -> None:
        if self._resident_mb() - self._base_mb > self._most_growth_mb:
            self.trim()
