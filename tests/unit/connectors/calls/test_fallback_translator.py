"""Who translates when the first engine has no translation."""

from __future__ import annotations

import pytest

from connectors.calls.fallback_translator import FallbackTranslator
from connectors.interfaces.errors import (
    ConnectorError,
    NoTranslationError,
    PermanentError,
    RetryableError,
)
from connectors.interfaces.translation import (
    NO_HINTS,
    TranslationAbilities,
    TranslationHints,
    TranslationUsage,
)
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings

pytestmark = pytest.mark.unit


class Model(ScriptedTranslator):
    """Continues, is paid for, and fails as it is told."""

    def __init__(self, error: ConnectorError | None = None) -> None:
        super().__init__(ScriptedTranslatorSettings(languages=("en", "es")))
        self._error = error
        self.usage = TranslationUsage(calls=3)

    @property
    def abilities(self) -> TranslationAbilities:
        return TranslationAbilities(prefix=True)

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        if self._error is not None:
            raise self._error
        return "by the model: " + await super().translate(text, source, target)


async def test_the_first_translates_what_it_can() -> None:
    translator = FallbackTranslator(Model(), ScriptedTranslator())
    assert await translator.translate("hello", "en", "es") == "by the model: es:hello"
    assert await translator.translate("hello", "en", "fr") == "fr:hello", "it has no French"
    assert translator.usage.calls == 3
    await translator.close()


@pytest.mark.parametrize("error", [NoTranslationError("commentary"), PermanentError("status 401")])
async def test_what_the_first_refuses_the_second_translates(error: ConnectorError) -> None:
    translator = FallbackTranslator(Model(error), ScriptedTranslator())
    assert await translator.translate("hello", "en", "es") == "es:hello"
    await translator.close()


async def test_what_may_pass_is_tried_again_by_the_caller() -> None:
    translator = FallbackTranslator(Model(RetryableError("status 503")), ScriptedTranslator())
    with pytest.raises(RetryableError):
        await translator.translate("hello", "en", "es")
    await translator.close()


def test_a_pair_has_the_abilities_of_who_translates_it() -> None:
    translator = FallbackTranslator(Model(), ScriptedTranslator())
    assert translator.abilities_between("en", "es").prefix
    assert not translator.abilities_between("en", "fr").prefix
    assert not translator.abilities.prefix
