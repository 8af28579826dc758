"""A language into itself: as it was said, whatever the engine can do."""

from __future__ import annotations

import pytest

from connectors.calls.as_spoken import AsSpoken
from connectors.interfaces.errors import PermanentError
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings

pytestmark = pytest.mark.unit


async def test_what_was_said_stays_as_it_is() -> None:
    engine = ScriptedTranslator(ScriptedTranslatorSettings())
    translator = AsSpoken(engine)
    assert not engine.can_translate("en", "en")
    assert translator.can_translate("en", "en")
    await translator.warm("en", "en")
    assert await translator.translate("Good evening.", "en", "en") == "Good evening."
    assert translator.can_translate("en", "es") == engine.can_translate("en", "es")
    with pytest.raises(PermanentError):
        await translator.translate("Good evening.", "en", "xx")
    await translator.close()
