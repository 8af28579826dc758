"""The translator's contract by neural models and Apertium, and what neural models are there for."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from connectors.interfaces.errors import ConnectorError, PermanentError
from connectors.interfaces.translation import TranslationHints, Translator
from connectors.local.translation import LocalTranslator
from connectors.testing.contracts.translation import TranslationContract

pytestmark = pytest.mark.speech


class TestLocalTranslator(TranslationContract):
    @pytest.fixture
    def opened(self) -> Translator:
        return LocalTranslator()

    @pytest.mark.parametrize(
        ("text", "target", "translation"),
        [
            ("The first two did not change anything.", "pt", "Os dois primeiros não mudaram nada."),
            ("The first two did not change anything.", "es", "Los dos primeros no cambiaron nada."),
            ("The first two did not change anything.", "ca", "Els dos primers no van canviar res."),
            (
                "He was not there. He was here.",
                "pt",
                "Ele não estava lá. Ele estava aqui.",
            ),
        ],
    )
    async def test_sentences_keep_their_grammar(
        self, translator: Translator, text: str, target: str, translation: str
    ) -> None:
        assert await translator.translate(text, "en", target) == translation

    async def test_a_sentence_that_goes_on_is_not_completed(self, translator: Translator) -> None:
        """Of itself the model makes a sentence of it: "We can't get it"."""
        text, hints = "Não conseguimos", TranslationHints(is_unfinished=True)
        assert await translator.translate(text, "pt", "en") == "We can't get it"
        assert await translator.translate(text, "pt", "en", hints=hints) == "We couldn't"

    async def test_there_is_a_way_back(self, translator: Translator) -> None:
        assert await translator.translate("Ele não estava lá.", "pt", "en") == "He was not there."

    async def test_too_long_a_text_is_refused(self, translator: Translator) -> None:
        with pytest.raises(PermanentError, match="5001 characters"):
            await translator.translate("a" * 5_001, "en", "pt")

    async def test_links_and_5000_characters_come_through(self, translator: Translator) -> None:
        link = "https://example.org/a?b=c"
        assert link in await translator.translate(f"Look at {link} now.", "en", "pt")
        long = await translator.translate("The house is big. " * 277, "en", "pt")
        assert long.count("casa") >= 270


async def test_a_killed_engine_is_started_anew_and_a_given_up_call_disturbs_nobody() -> None:
    translator = LocalTranslator()
    assert await translator.translate("the house", "en", "pt") == "a casa"
    process = translator.engine_process_id
    assert process is not None
    given_up = asyncio.create_task(translator.translate("the garden", "en", "pt"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await translator.translate("the house", "en", "pt") == "a casa"
    assert translator.engine_process_id == process
    os.kill(process, signal.SIGKILL)
    for _ in range(2):  # the first call may meet the dying process
        try:
            assert await translator.translate("the house", "en", "pt") == "a casa"
        except ConnectorError:
            continue
    assert translator.engine_process_id not in (None, process)
    await translator.close()
