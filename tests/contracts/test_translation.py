"""``contracts.translation``, kept by every translator here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.amazon.bedrock_translation import BedrockTranslator
from connectors.amazon.clients import AwsSettings
from connectors.amazon.translation import AmazonTranslator, AmazonTranslatorSettings
from connectors.calls.fallback_translator import FallbackTranslator
from connectors.calls.guided_translator import Guidance, GuidedTranslator
from connectors.interfaces.translation import Translator
from connectors.offline.translation import OfflineTranslator
from connectors.services.chat_translation import ChatSettings, ChatTranslator
from connectors.testing.contracts.translation import TranslationContract
from connectors.testing.faults import Delay
from connectors.testing.language_model import ScriptedModel
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from local_stack.amazon_servers.bedrock import BedrockServer
from local_stack.amazon_servers.translate import TranslateServer
from tests.contracts.openai_server import OpenAiServer

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


class TestAmazonTranslatorWithTerminology(TranslationContract):
    """The same with a terminology and a formality of its own, which texts without terms and pairs
    without formality do not notice."""

    @pytest.fixture
    async def opened(self) -> AsyncIterator[Translator]:
        server = TranslateServer(ScriptedTranslator(), terminologies={"names": {"Beam": "Viga"}})
        await server.start()
        settings = AmazonTranslatorSettings(terminology="names", formality="INFORMAL")
        yield AmazonTranslator(AwsSettings.local(server.url, "test"), settings)
        await server.close()

    async def test_its_terms_are_translated_as_it_says(self, translator: Translator) -> None:
        answer = await translator.translate("Beam is good", "en", "es")
        assert answer == "es:Viga is good"


class TestChatTranslator(TranslationContract):
    """A server that speaks OpenAI's chat completions, with a script behind it."""

    @pytest.fixture(params=[False, True], ids=["goes on", "repeats"])
    async def opened(self, request: pytest.FixtureRequest) -> AsyncIterator[Translator]:
        server = OpenAiServer(model=ScriptedModel(repeats=request.param))
        await server.start()
        yield ChatTranslator(ChatSettings(server.url, server.key))
        await server.close()


class TestBedrockTranslator(TranslationContract):
    """aiobotocore against a server that speaks Converse, with a script behind it."""

    @pytest.fixture
    async def opened(self) -> AsyncIterator[Translator]:
        server = BedrockServer(ScriptedModel())
        await server.start()
        yield BedrockTranslator(AwsSettings.local(server.url, "test"))
        await server.close()


class TestGuidedTranslatorWithFallback(TranslationContract):
    """As a job composes them: what holds of the engines holds of both together."""

    @pytest.fixture
    async def opened(self) -> AsyncIterator[Translator]:
        server = OpenAiServer()
        await server.start()
        model = ChatTranslator(ChatSettings(server.url, server.key))
        both = FallbackTranslator(model, ScriptedTranslator())
        yield GuidedTranslator(both, Guidance((("es", (("Beam", "Viga"),)),), "formal"))
        await server.close()
