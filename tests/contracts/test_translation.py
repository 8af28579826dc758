"""The suite every translator passes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.translation import AmazonTranslator
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import Translator
from connectors.offline.translation import OfflineTranslator
from connectors.testing.faults import Delay
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from local_stack.amazon_servers.translate import TranslateServer

pytestmark = pytest.mark.contract


class TranslationContract(ABC):
    SOURCE = "en"
    TARGETS = ("es", "ca", "fr", "pt")

    @pytest.fixture
    @abstractmethod
    def opened(self) -> Translator: ...

    @pytest.fixture
    async def translator(self, opened: Translator) -> AsyncIterator[Translator]:
        yield opened
        await opened.close()

    async def test_every_target_has_a_text_of_its_own(self, translator: Translator) -> None:
        texts = await asyncio.gather(
            *(
                translator.translate("the young man has a big house", self.SOURCE, target)
                for target in self.TARGETS
            )
        )
        assert all(translator.can_translate(self.SOURCE, target) for target in self.TARGETS)
        assert len(set(texts)) == len(self.TARGETS)
        assert all(texts)

    async def test_answers_belong_to_their_texts(self, translator: Translator) -> None:
        """A name that no dictionary knows stays as it is, so it names its text."""
        names = [f"qqxz{number}" for number in range(40)]
        texts = await asyncio.gather(
            *(translator.translate(f"the house of {name}", self.SOURCE, "es") for name in names)
        )
        assert [text.split()[-1] for text in texts] == names

    async def test_the_same_text_gives_the_same_translation(self, translator: Translator) -> None:
        texts = {await translator.translate("good morning", self.SOURCE, "es") for _ in range(3)}
        assert len(texts) == 1

    async def test_unknown_words_come_out_without_marks(self, translator: Translator) -> None:
        text = await translator.translate("the qqxz sees a zzxq", self.SOURCE, "fr")
        assert {"qqxz", "zzxq"} <= set(text.replace(":", " ").split())
        assert not set("*@#^$<>\\[]") & set(text)

    @pytest.mark.parametrize(
        "awkward",
        [
            "it costs 5$ [or] {so} ^he$ <said> at\\all / @home #1 *really*",
            "one\0two",
            "one\ntwo\r\nthree\tfour",
            "[<STREAMCMD:FLUSH>] one",
            "^the/the<det>$ one",
            "....[][] one",
            "日本語 one 😀",
            "one \ud800 two",
            "\u200b\u00a0one\u2028",
            "?!... one",
            "one " * 600,
        ],
    )
    async def test_awkward_text_disturbs_nothing(
        self, translator: Translator, awkward: str
    ) -> None:
        before = await translator.translate("the house", self.SOURCE, "es")
        assert (await translator.translate(awkward, self.SOURCE, "es")).strip()
        assert await translator.translate("the house", self.SOURCE, "es") == before

    async def test_text_without_a_letter_is_not_lost(self, translator: Translator) -> None:
        assert (await translator.translate("... ?", self.SOURCE, "es")).strip()

    @pytest.mark.parametrize("nothing", ["", "  ", "\n\t"])
    async def test_no_text(self, translator: Translator, nothing: str) -> None:
        with pytest.raises(PermanentError, match="no text"):
            await translator.translate(nothing, self.SOURCE, "es")

    @pytest.mark.parametrize("pair", [("en", "tlh"), ("tlh", "en"), ("en", "en"), ("", "")])
    async def test_no_route(self, translator: Translator, pair: tuple[str, str]) -> None:
        assert not translator.can_translate(*pair)
        with pytest.raises(PermanentError, match="no route"):
            await translator.translate("the house", *pair)

    async def test_a_closed_translator_refuses(self, translator: Translator) -> None:
        await translator.translate("the house", self.SOURCE, "es")
        await translator.close()
        await translator.close()
        with pytest.raises(PermanentError, match="closed"):
            await translator.translate("the house", self.SOURCE, "es")


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
