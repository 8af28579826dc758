"""A translator that has one more route: a language into itself, whose text stays as it is.

A listener who understands the speaker wants captions of what is said. No engine translates a
language into itself; services refuse it.
"""

from __future__ import annotations

from connectors.interfaces.translation import (
    NO_HINTS,
    MeteredTranslator,
    TranslationAbilities,
    TranslationHints,
    TranslationUsage,
    Translator,
    abilities_between,
)


class AsSpoken:
    def __init__(self, translator: Translator) -> None:
        self._translator = translator

    @property
    def engine(self) -> Translator:
        """The translator of all other routes."""
        return self._translator

    @property
    def abilities(self) -> TranslationAbilities:
        return self._translator.abilities

    @property
    def usage(self) -> TranslationUsage:
        translator = self._translator
        return translator.usage if isinstance(translator, MeteredTranslator) else TranslationUsage()

    def abilities_between(self, source: str, target: str) -> TranslationAbilities:
        if source == target:
            return TranslationAbilities()
        return abilities_between(self._translator, source, target)

    def can_translate(self, source: str, target: str) -> bool:
        return source == target or self._translator.can_translate(source, target)

    async def warm(self, source: str, target: str) -> None:
        if source != target:
            await self._translator.warm(source, target)

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        if source == target:
            return text
        return await self._translator.translate(text, source, target, hints=hints)

    async def close(self) -> None:
        await self._translator.close()
