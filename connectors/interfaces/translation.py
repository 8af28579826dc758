"""Text translation, one text into one language, and what a live sentence adds to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TranslationHints:
    """What a translator may use beside the text; it passes over what it declares no ability for.

    ``released``: the beginning of the translation, which listeners have already: the answer is to
    begin with it. ``context``: the sentences before, in the source language. ``glossary``: terms
    and their translations. ``formality``: ``formal`` or ``informal``.
    """

    released: str = ""
    context: tuple[str, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()
    formality: str = ""


NO_HINTS = TranslationHints()


@dataclass(frozen=True, slots=True)
class TranslationAbilities:
    """Which hints a translator takes, and what else it can do. ``prefix``: it continues
    ``released``. ``batch``: it is faster with several texts at once. ``word_probabilities``: it
    can say how sure it is of each word."""

    prefix: bool = False
    context: bool = False
    glossary: bool = False
    formality: bool = False
    batch: bool = False
    word_probabilities: bool = False

    def of(self, hints: TranslationHints) -> TranslationHints:
        """The hints that are of use."""
        return TranslationHints(
            hints.released if self.prefix else "",
            hints.context if self.context else (),
            hints.glossary if self.glossary else (),
            hints.formality if self.formality else "",
        )

    def __and__(self, other: TranslationAbilities) -> TranslationAbilities:
        """What both can do, as a chain of them."""
        names = [each.name for each in fields(self)]
        return TranslationAbilities(
            *(getattr(self, name) and getattr(other, name) for name in names)
        )


class Translator(Protocol):
    @property
    def abilities(self) -> TranslationAbilities: ...

    def can_translate(self, source: str, target: str) -> bool:
        """Whether there is a route, direct or through other languages. Codes as ``en``, ``pt``."""
        ...

    async def warm(self, source: str, target: str) -> None:
        """Load what the route needs ahead of its first text; a pair without a route is fine."""
        ...

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        """Clean text (no engine marks). PermanentError: no route, or text it cannot take."""
        ...

    async def close(self) -> None: ...
