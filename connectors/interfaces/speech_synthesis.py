"""Text to a complete audio file."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from schemas.values import Clip


class SpeechSynthesizer(Protocol):
    def can_speak(self, language: str) -> bool: ...

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        """MP3 mono 24 kHz, marked as machine-made (``schemas.machine_made``). PermanentError: no
        voice, or nothing in the text can be voiced."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class ScarceSynthesizer(SpeechSynthesizer, Protocol):
    """A voice that barely keeps up with one talk: what it speaks in vain it lacks elsewhere."""

    @property
    def is_scarce(self) -> bool: ...


def is_scarce(synthesizer: SpeechSynthesizer) -> bool:
    """Whether it is to be asked for committed words only."""
    return isinstance(synthesizer, ScarceSynthesizer) and synthesizer.is_scarce
