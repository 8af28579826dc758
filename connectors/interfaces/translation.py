"""Text translation, one text into one language, and what a live sentence adds to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class TranslationHints:
    """What a translator may use beside the text; it passes over what it declares no ability for.

    ``released``: the beginning of the translation, which listeners have already: the answer is to
    begin with it. ``context``: the sentences before, in the source language. ``glossary``: terms
    and their translations. ``formality``: ``formal`` or ``informal``. ``is_unfinished``: the text
    is the beginning of a sentence that is still being spoken.
    """

    released: str = ""
    context: tuple[str, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()
    formality: str = ""
    is_unfinished: bool = False


NO_HINTS = TranslationHints()


@dataclass(frozen=True, slots=True)
class TranslationAbilities:
    """Which hints a translator takes, and what else it can do. ``prefix``: it continues
    ``released``, so that its answer begins with it, sign by sign. ``batch``: it gains from several
    calls at once, which it sends together. ``word_probabilities``: it is a
    ``ScoringTranslator``. ``unfinished``: it completes no sentence that is not over."""

    prefix: bool = False
    context: bool = False
    glossary: bool = False
    formality: bool = False
    batch: bool = False
    word_probabilities: bool = False
    unfinished: bool = False

    def of(self, hints: TranslationHints) -> TranslationHints:
        """The hints that are of use."""
        return TranslationHints(
            hints.released if self.prefix else "",
            hints.context if self.context else (),
            hints.glossary if self.glossary else (),
            hints.formality if self.formality else "",
            hints.is_unfinished and self.unfinished,
        )

    def __and__(self, other: TranslationAbilities) -> TranslationAbilities:
        """What both can do, as a chain of them."""
        names = [each.name for each in fields(self)]
        return TranslationAbilities(
            *(getattr(self, name) and getattr(other, name) for name in names)
        )


class Translator(Protocol):
    @property
    def abilities(self) -> TranslationAbilities:
        """What it can do for every pair (``abilities_between`` for one of them)."""
        ...

    def can_translate(self, source: str, target: str) -> bool:
        """Whether there is a route, direct or through other languages. Codes as ``en``, ``pt``."""
        ...

    async def warm(self, source: str, target: str) -> None:
        """Load what the route needs ahead of its first text; a pair without a route is fine."""
        ...

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        """Clean text (no engine marks). PermanentError: no route, or text it cannot take;
        NoTranslationError, one of these: what the engine answered is no translation."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class RoutedTranslator(Translator, Protocol):
    """A translator whose pairs have engines of different abilities."""

    def abilities_between(self, source: str, target: str) -> TranslationAbilities: ...


def abilities_between(translator: Translator, source: str, target: str) -> TranslationAbilities:
    """What the translator can do for this pair."""
    if isinstance(translator, RoutedTranslator):
        return translator.abilities_between(source, target)
    return translator.abilities


@runtime_checkable
class ScoringTranslator(Translator, Protocol):
    """A translator that says how likely it finds a translation, its own or another's."""

    async def word_probabilities(
        self, text: str, translation: str, source: str, target: str
    ) -> tuple[float, ...]:
        """For each word of ``translation`` (parted at spaces), 0 to 1, given the words before it.

        PermanentError: it cannot say of this pair.
        """
        ...


@dataclass(frozen=True, slots=True)
class TranslationUsage:
    """What a service counts when it bills: ``calls`` that it answered, ``characters`` of the texts
    sent (white space is counted), and tokens of language models. ``refused`` answers are paid for
    as well, though they were no translations."""

    calls: int = 0
    characters: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    refused: int = 0

    def __add__(self, other: TranslationUsage) -> TranslationUsage:
        names = [each.name for each in fields(self)]
        return TranslationUsage(*(getattr(self, name) + getattr(other, name) for name in names))


@runtime_checkable
class MeteredTranslator(Translator, Protocol):
    """A translator that is paid for."""

    @property
    def usage(self) -> TranslationUsage:
        """Of this object, since it was made."""
        ...
