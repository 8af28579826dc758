"""Small texts under a key for a while: what a connection's handlers must remember, and tickets.

A text is what its owner made of it; the store knows keys, versions and expiry. Implementations
try once and raise ``errors.*``; callers retry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """``version`` counts the writes of its key, from 0."""

    text: str
    version: int


class DocumentStore(Protocol):
    """Expired documents are not there, whenever the store gets round to removing them."""

    async def add(self, key: str, text: str, expires_at_ms: int) -> bool:
        """False: there is one under this key."""
        ...

    async def get(self, key: str) -> Document | None: ...

    async def replace(self, key: str, version: int, text: str, expires_at_ms: int) -> bool:
        """Write over ``version``, which makes it one more. False: it is another one by now, or
        gone; nothing was written."""
        ...

    async def take(self, key: str) -> Document | None:
        """Remove it; of several who try, one gets it."""
        ...

    async def close(self) -> None: ...
