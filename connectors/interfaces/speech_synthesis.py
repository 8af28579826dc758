"""Text to a complete audio file."""

from __future__ import annotations

from typing import Protocol

from schemas.values import Clip


class SpeechSynthesizer(Protocol):
    def can_speak(self, language: str) -> bool: ...

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        """MP3 mono 24 kHz, marked as machine-made (``schemas.machine_made``). PermanentError: no
        voice, or nothing in the text can be voiced."""
        ...

    async def close(self) -> None: ...
