"""Text translation, one text into one language."""

from __future__ import annotations

from typing import Protocol


class Translator(Protocol):
    def can_translate(self, source: str, target: str) -> bool:
        """Whether there is a route, direct or through other languages. Codes as ``en``, ``pt``."""
        ...

    async def warm(self, source: str, target: str) -> None:
        """Load what the route needs ahead of its first text; a pair without a route is fine."""
        ...

    async def translate(self, text: str, source: str, target: str) -> str:
        """Clean text (no engine marks). PermanentError: no route, or text it cannot take."""
        ...

    async def close(self) -> None: ...
