"""What a job says to its translator beside each text: a glossary, and how to address people."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.calls.translation_check import is_unspaced
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

Terms = tuple[tuple[str, str], ...]
Glossary = tuple[tuple[str, Terms], ...]
"""For each target language, terms and their translations."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """``formality``: ``formal``, ``informal``, or "": the engine's own way."""

    glossary: Glossary = ()
    formality: str = ""

    def hints(
        self, text: str, source: str, target: str, given: TranslationHints
    ) -> TranslationHints:
        """``given``, with what it lacks; of the glossary only what the text speaks of."""
        glossary = given.glossary or tuple(
            each
            for language, terms in self.glossary
            for each in terms
            if language == target and _speaks_of(text, each[0], source)
        )
        return replace(given, glossary=glossary, formality=given.formality or self.formality)


def read_glossary(file: Path) -> Glossary:
    """A TOML file with a table for each target language: ``[es]``, then ``"term" = "translation"``.
    PermanentError: it is none."""
    try:
        tables = tomllib.loads(file.read_text())
    except OSError as error:
        raise PermanentError(f"glossary {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PermanentError(f"glossary {file}: {error}") from None
    for language, terms in tables.items():
        if not isinstance(terms, dict) or not all(isinstance(each, str) for each in terms.values()):
            raise PermanentError(
                f'glossary {file}: {language} is no table of terms; write [{language}] and "term" ='
                ' "translation" below it'
            )
    return tuple((language, tuple(terms.items())) for language, terms in tables.items())


class GuidedTranslator:
    """``Translator``: another one, told of the guidance with each text. It passes over what it has
    no ability for."""

    def __init__(self, translator: Translator, guidance: Guidance) -> None:
        self._translator = translator
        self._guidance = guidance

    @property
    def abilities(self) -> TranslationAbilities:
        return self._translator.abilities

    def abilities_between(self, source: str, target: str) -> TranslationAbilities:
        return abilities_between(self._translator, source, target)

    @property
    def usage(self) -> TranslationUsage:
        """Nothing of one that is not paid for."""
        translator = self._translator
        return translator.usage if isinstance(translator, MeteredTranslator) else TranslationUsage()

    def can_translate(self, source: str, target: str) -> bool:
        return self._translator.can_translate(source, target)

    async def warm(self, source: str, target: str) -> None:
        await self._translator.warm(source, target)

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        guided = self._guidance.hints(text, source, target, hints)
        return await self._translator.translate(text, source, target, hints=guided)

    async def close(self) -> None:
        await self._translator.close()


def _speaks_of(text: str, term: str, source: str) -> bool:
    if is_unspaced(source):
        return term in text
    return re.search(rf"(?<!\w){re.escape(term)}(?!\w)", text, re.IGNORECASE) is not None
