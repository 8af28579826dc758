"""The translator's contract by CTranslate2, with models made here, and the release policy of
engines that continue a given beginning."""

from __future__ import annotations

import asyncio

import pytest

from connectors.interfaces.translation import TranslationHints, Translator, abilities_between
from connectors.local.ctranslate2_engine import CTranslate2Model
from connectors.local.model_store import Manifest, Model, ModelStore
from connectors.local.translation import LocalTranslator, LocalTranslatorSettings
from connectors.testing.contracts.translation import TranslationContract
from pipelines.sentences.cursor import Pace, TranslationCursor
from pipelines.sentences.release import Prefix
from pipelines.sentences.settings import ReleaseSettings
from tests.speech.spelling_translation_model import SPELLED, save_spelling_model

pytestmark = pytest.mark.speech


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("models")
    for language in SPELLED:
        save_spelling_model(folder / language, language)
    return {
        language: Model(
            language, "translation", "ctranslate2", ("en", language), 10, path=folder / language
        )
        for language in SPELLED
    }


def translator_of(models: dict[str, Model]) -> LocalTranslator:
    """An engine on a busy machine has its time."""
    settings = LocalTranslatorSettings(answer_timeout_s=120.0)
    return LocalTranslator(settings, ModelStore(Manifest({}, models)))


class TestCTranslate2Translator(TranslationContract):
    TARGETS = ("es", "fr")

    @pytest.fixture
    def opened(self, models: dict[str, Model]) -> Translator:
        return translator_of(models)

    async def test_it_continues_in_batches_and_says_how_sure_it_is(
        self, translator: Translator
    ) -> None:
        abilities = abilities_between(translator, "en", "es")
        assert abilities.prefix
        assert abilities.batch
        assert abilities.word_probabilities
        assert not abilities_between(translator, "en", "ca").prefix, "Apertium's"

    async def test_what_is_given_stands_and_the_rest_follows_from_there(
        self, translator: Translator
    ) -> None:
        async def gone_on(released: str) -> str:
            hints = TranslationHints(released)
            return await translator.translate("the house is big", "en", "fr", hints=hints)

        assert await gone_on("") == "thé housé is big"
        assert await gone_on("she housé") == "she housé is big"
        assert await gone_on("thé hou") == "thé hou is big", "a word that is released does not grow"

    async def test_callers_at_once_get_their_own_answers(self, translator: Translator) -> None:
        texts = [f"the house of x{number}" for number in range(40)]
        hints = [TranslationHints("the" if number % 2 else "") for number in range(40)]
        answers = await asyncio.gather(
            *(
                translator.translate(text, "en", "es", hints=hint)
                for text, hint in zip(texts, hints, strict=True)
            )
        )
        assert list(answers) == texts


def test_a_word_is_as_likely_as_its_letters(models: dict[str, Model]) -> None:
    folder = models["es"].path
    assert folder is not None
    model = CTranslate2Model(folder, "en", "es")
    first, second, third = model.word_probabilities("the house is", "the mouse is")
    assert first > 0.99
    assert second < 0.01
    assert third > 0.99


async def test_the_prefix_policy_never_contradicts_what_it_released(
    models: dict[str, Model],
) -> None:
    """As the job does: two words at a time, each draft made to begin with what is released."""
    translator = translator_of(models)
    policy = ReleaseSettings().policy(continues=abilities_between(translator, "en", "fr").prefix)
    assert isinstance(policy, Prefix)
    cursor = TranslationCursor(policy, Pace(2))
    text = "the man has a house and the garden of the house is as big as a sea."
    words = text.split()
    told: list[str] = []
    for count in range(1, len(words) + 1):
        so_far = " ".join(words[:count])
        step = cursor.step(0, so_far, is_final=count == len(words))
        if step is None:
            continue
        assert step.released == "".join(told)
        hints = TranslationHints(step.released)
        draft = await translator.translate(step.source, "en", "fr", hints=hints)
        assert draft.startswith(step.released)
        released = cursor.answered(step, draft, so_far)
        assert released.contradicted == 0
        told.append(released.text)
    spelled = text.replace("e", "é").replace("a", "à")
    assert "".join(told) == spelled
    assert sum(map(bool, told)) > 4, "much was told before the sentence was over"
    await translator.close()
