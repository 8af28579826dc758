"""Dead letters in memory, for tests."""

from __future__ import annotations

from connectors.interfaces.dead_letters import FoundLetters, found_among
from schemas.values import DeadLetter


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def send(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    async def since(self, at_ms: int, newest: int) -> FoundLetters:
        return found_among(self.letters, at_ms, newest)

    async def close(self) -> None:
        """Nothing is held open."""
