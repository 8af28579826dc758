"""Bring one message to every listener of a (session, language)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """``delivered`` of ``listeners`` took it; ``gone`` of them had hung up and were removed."""

    delivered: int
    listeners: int
    gone: int = 0


class Notifier(Protocol):
    async def notify(self, session_id: str, language: str, message: dict[str, object]) -> Delivery:
        """One listener's failure never delays or fails another's; a listener that has gone is
        removed. RetryableError only when nobody could be asked at all."""
        ...

    async def close(self) -> None: ...
