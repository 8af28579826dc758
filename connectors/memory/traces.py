"""Traces kept in a list, for tests."""

from __future__ import annotations

from schemas.values import Outcome


class MemoryTraces:
    def __init__(self) -> None:
        self.told: list[Outcome] = []
        self.is_closed = False

    def tell(self, outcome: Outcome) -> None:
        self.told.append(outcome)

    async def close(self) -> None:
        self.is_closed = True
