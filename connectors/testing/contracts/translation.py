"""What every translator keeps."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import (
    MeteredTranslator,
    ScoringTranslator,
    TranslationAbilities,
    TranslationHints,
    Translator,
    abilities_between,
)


class TranslationContract(ABC):
    SOURCE = "en"
    TARGETS: tuple[str, ...] = ("es", "ca", "fr", "pt")
    """Two at least, of those that it can translate to."""

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
        names, target = [f"qqxz{number}" for number in range(40)], self.TARGETS[0]
        texts = await asyncio.gather(
            *(translator.translate(f"the house of {name}", self.SOURCE, target) for name in names)
        )
        assert [text.split()[-1] for text in texts] == names

    async def test_the_same_text_gives_the_same_translation(self, translator: Translator) -> None:
        texts = {
            await translator.translate("good morning", self.SOURCE, self.TARGETS[0])
            for _ in range(3)
        }
        assert len(texts) == 1

    async def test_unknown_words_come_out_without_marks(self, translator: Translator) -> None:
        text = await translator.translate("the qqxz sees a zzxq", self.SOURCE, self.TARGETS[-1])
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
            "see https://example.org/a?b=c&d=%20#e one",
            "one два واحد ένα 一 👩‍👩‍👧‍👦",
            ("one " * 1_250).strip(),
        ],
    )
    async def test_awkward_text_disturbs_nothing(
        self, translator: Translator, awkward: str
    ) -> None:
        before = await translator.translate("the house", self.SOURCE, self.TARGETS[0])
        assert (await translator.translate(awkward, self.SOURCE, self.TARGETS[0])).strip()
        assert await translator.translate("the house", self.SOURCE, self.TARGETS[0]) == before

    async def test_text_without_a_letter_is_not_lost(self, translator: Translator) -> None:
        assert (await translator.translate("... ?", self.SOURCE, self.TARGETS[0])).strip()

    @pytest.mark.parametrize("nothing", ["", "  ", "\n\t"])
    async def test_no_text(self, translator: Translator, nothing: str) -> None:
        with pytest.raises(PermanentError, match="no text"):
            await translator.translate(nothing, self.SOURCE, self.TARGETS[0])

    @pytest.mark.parametrize("pair", [("en", "tlh"), ("tlh", "en"), ("en", "en"), ("", "")])
    async def test_no_route(self, translator: Translator, pair: tuple[str, str]) -> None:
        assert not translator.can_translate(*pair)
        with pytest.raises(PermanentError, match="no route"):
            await translator.translate("the house", *pair)

    async def test_a_released_text_is_gone_on_with(self, translator: Translator) -> None:
        """An engine that cannot continue it translates as if it were not there."""
        text, target = "the young man has a big house", self.TARGETS[0]
        whole = await translator.translate(text, self.SOURCE, target)
        begun = " ".join(whole.split()[:2])
        for released in (begun, "zzxq", f"{begun} qqxz zzxq,", whole):
            hints = TranslationHints(released)
            answer = await translator.translate(text, self.SOURCE, target, hints=hints)
            if self._abilities(translator).prefix:
                assert answer.startswith(released)
                following = answer[len(released) :][:1]
                assert not following.isalnum(), "the last released word goes on"
            else:
                assert answer == whole

    async def test_hints_of_no_use_change_nothing(self, translator: Translator) -> None:
        text, target = "the young man has a big house", self.TARGETS[0]
        abilities = self._abilities(translator)
        hints = TranslationHints("zzxq", ("it is good.",), (("house", "zzqqx"),), "formal", True)
        useless = TranslationHints(
            "" if abilities.prefix else hints.released,
            () if abilities.context else hints.context,
            () if abilities.glossary else hints.glossary,
            "" if abilities.formality else hints.formality,
            not abilities.unfinished,
        )
        with_them = await translator.translate(text, self.SOURCE, target, hints=useless)
        assert with_them == await translator.translate(text, self.SOURCE, target)

    async def test_an_unfinished_sentence_gets_no_ellipsis(self, translator: Translator) -> None:
        hints = TranslationHints(is_unfinished=True)
        for text in ("the young man has a", "the house is big,"):
            answer = await translator.translate(text, self.SOURCE, self.TARGETS[0], hints=hints)
            assert answer.strip()
            assert not answer.rstrip().endswith(("…", "..."))

    async def test_a_term_is_translated_as_the_glossary_says(self, translator: Translator) -> None:
        hints = TranslationHints(
            context=("the man has a house.",),
            glossary=(("house", "zzqqx"),),
            formality="informal",
        )
        answer = await translator.translate("the house", self.SOURCE, self.TARGETS[0], hints=hints)
        assert ("zzqqx" in answer) == self._abilities(translator).glossary

    async def test_what_it_declares_it_has(self, translator: Translator) -> None:
        target = self.TARGETS[0]
        abilities = self._abilities(translator)
        assert translator.abilities & abilities == translator.abilities, "of a pair: more, not less"
        if not abilities.word_probabilities:
            return
        assert isinstance(translator, ScoringTranslator)
        text = "the house"
        answer = await translator.translate(text, self.SOURCE, target)
        likely = await translator.word_probabilities(text, answer, self.SOURCE, target)
        strange = await translator.word_probabilities(text, "zzxq", self.SOURCE, target)
        assert len(likely) == len(answer.split())
        assert len(strange) == 1
        assert all(0.0 <= each <= 1.0 for each in (*likely, *strange))
        assert min(likely) > strange[0]

    async def test_what_is_paid_for_is_counted(self, translator: Translator) -> None:
        if not isinstance(translator, MeteredTranslator):
            return
        texts = ("the house", "good morning")
        for text in texts:
            await translator.translate(text, self.SOURCE, self.TARGETS[0])
        assert translator.usage.calls == 2
        assert translator.usage.characters == len("".join(texts))
        assert translator.usage.refused == 0

    async def test_a_closed_translator_refuses(self, translator: Translator) -> None:
        await translator.translate("the house", self.SOURCE, self.TARGETS[0])
        await translator.close()
        await translator.close()
        with pytest.raises(PermanentError, match="closed"):
            await translator.translate("the house", self.SOURCE, self.TARGETS[0])

    def _abilities(self, translator: Translator) -> TranslationAbilities:
        return abilities_between(translator, self.SOURCE, self.TARGETS[0])
