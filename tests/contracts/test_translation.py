"""``contracts.translation``, kept by every translator here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.translation import AmazonTranslator
from connectors.interfaces.translation import Translator
from connectors.offline.translation import OfflineTranslator
from connectors.testing.contracts.translation import TranslationContract
from connectors.testing.faults import Delay
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from local_stack.amazon_servers.translate import TranslateServer

pytestmark = pytest.mark.contract


class TestOfflineTranslator(TranslationContract):
    @pytest.fixture
    def opened(self) -> Translator:
        return OfflineTranslator()

    @pytest.mark.parametrize(
        ("text", "target", "translation"),
        [
            ("the young man has a big house", "es", "el hombre joven tiene una casa grande"),
            ("Hello World. The End", "es", "Hola Mundo. El Fin"),
            ("Hello World. The End", "ca", "Hola Món. El Final"),
            ("hello.", "fr", "salut."),
            ("is the house big?", "es", "es la casa grande?"),
            ("i am fine", "es", "soy bien"),
            ("NASA is big", "pt", "NASA é grande"),
        ],
    )
    async def test_ends_case_and_punctuation(
        self, translator: Translator, text: str, target: str, translation: str
    ) -> None:
        assert await translator.translate(text, "en", target) == translation


class TestScriptedTranslator(TranslationContract):
    @pytest.fixture
    def opened(self) -> Translator:
        return ScriptedTranslator(ScriptedTranslatorSettings(delay=Delay(0.0, 0.005)))


class TestAmazonTranslator(TranslationContract):
    """aiobotocore against a server that speaks Translate's protocol, with a script behind it."""

    @pytest.fixture
    async def opened(self) -> AsyncIterator[Translator]:
        server = TranslateServer(ScriptedTranslator())
        await server.start()
        yield AmazonTranslator(AwsSettings.local(server.url, "test"))
        await server.close()
