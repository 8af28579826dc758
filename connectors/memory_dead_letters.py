"""Dead letters in memory, for tests."""

from __future__ import annotations

from schemas.values import DeadLetter


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def send(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    async def close(self) -> None:
        """Nothing is held open."""
