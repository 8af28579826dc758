"""Where what could not be done goes: a stream and a prefix on S3, kept for a day."""

from __future__ import annotations

from typing import Protocol

from schemas.values import DeadLetter


class DeadLetters(Protocol):
    async def send(self, letter: DeadLetter) -> None:
        """Never raises for a single letter's content; RetryableError when nothing is reachable."""
        ...

    async def close(self) -> None: ...
