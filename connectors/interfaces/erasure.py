"""Forgetting a session: everything that is stored of it, wherever that is (``docs/data.md``).

What is on the audio stream cannot be taken off it: it expires there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was found and removed. ``rows``: of all tables."""

    objects: int = 0
    rows: int = 0


class Erasure(Protocol):
    async def erase(self, session_id: str, since_ms: int) -> Erased:
        """Remove the session's clips, recorded chunks, dead letters, ledger, connections, counts
        and, last, its own row, so that who fails half way finds it again. ``since_ms``: nothing of
        it is older. Repeating it is safe. Raises ``errors.*``."""
        ...

    async def close(self) -> None: ...
