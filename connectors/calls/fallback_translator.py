"""A second translator for texts that the first one has no translation of."""

from __future__ import annotations

import asyncio
import logging

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import (
    NO_HINTS,
    MeteredTranslator,
    TranslationAbilities,
    TranslationHints,
    TranslationUsage,
    Translator,
    abilities_between,
)

_log = logging.getLogger(__name__)


class FallbackTranslator:
    """``Translator``. The second is asked when the first raises a PermanentError: no route, a key
    that is refused, an answer that is no translation (NoTranslationError). What may pass
    (RetryableError) is the caller's to try again.

    The abilities of a pair are the first's, if it has the pair: a fallback may not begin with what
    is released, and the policy then goes on after the nearest words, as with any engine that
    contradicts itself.
    """

    def __init__(self, first: Translator, second: Translator) -> None:
        self._first = first
        self._second = second
        self._is_closed = False

    @property
    def abilities(self) -> TranslationAbilities:
        return self._first.abilities & self._second.abilities

    def abilities_between(self, source: str, target: str) -> TranslationAbilities:
        chosen = self._first if self._first.can_translate(source, target) else self._second
        return abilities_between(chosen, source, target)

    @property
    def usage(self) -> TranslationUsage:
        """Of those of the two that are paid for."""
        return sum(
            (
                each.usage
                for each in (self._first, self._second)
                if isinstance(each, MeteredTranslator)
            ),
            TranslationUsage(),
        )

    def can_translate(self, source: str, target: str) -> bool:
        return any(each.can_translate(source, target) for each in (self._first, self._second))

    async def warm(self, source: str, target: str) -> None:
        await asyncio.gather(self._first.warm(source, target), self._second.warm(source, target))

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        try:
            return await self._first.translate(text, source, target, hints=hints)
        except PermanentError as error:
            if not text.strip() or not self._second.can_translate(source, target):
                raise
            _log.info("translated by the fallback: %s", error)
            return await self._second.translate(text, source, target, hints=hints)

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(self._first.close(), self._second.close())
