"""What a run tells an engine beside the text, by what the engine can do for the run's pair."""

from __future__ import annotations

import asyncio

import pytest

from connectors.interfaces.translation import NO_HINTS, TranslationAbilities, TranslationHints
from pipelines.sentences.settings import ReleaseName, ReleaseSettings
from tests.unit.pipelines.runtime.test_releases import (
    RULES,
    UnsureTranslator,
    assert_understood,
    listening,
    play,
    texts,
    two_sentences,
)

pytestmark = pytest.mark.unit


class ContinuingTranslator(UnsureTranslator):
    """It continues into Spanish, knowing the sentences before, and into nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: dict[str, list[TranslationHints]] = {"es": [], "fr": []}
        self.unfinished: list[tuple[str, bool]] = []

    def abilities_between(self, source: str, target: str) -> TranslationAbilities:
        continues = target == "es"
        return TranslationAbilities(prefix=continues, context=continues, unfinished=continues)

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        self.hints[target].append(hints)
        if target == "es":
            self.unfinished.append((text, hints.is_unfinished))
        await asyncio.sleep(self.delay_s)
        released = hints.released.split()
        return " ".join([*released, *(f"x{word[1:]}" for word in text.split()[len(released) :])])


def test_an_engine_that_continues_is_told_what_is_released_and_what_was_said_before() -> None:
    translator = ContinuingTranslator()
    heard = listening(
        translator, "es", "fr", release=ReleaseSettings(ReleaseName.AUTO, sentences=RULES)
    )
    talk = two_sentences()
    play(heard, talk)
    for language in ("es", "fr"):
        assert_understood(heard, talk, language)
    first, second = texts(heard.stage.entries()).values()
    released = [hints.released for hints in translator.hints["es"]]
    assert any(released)
    assert all(first.startswith(each) or second.startswith(each) for each in released)
    contexts = {hints.context for hints in translator.hints["es"]}
    assert contexts == {(), (" ".join(talk.words[:11]),)}
    drafts = [text for text, is_unfinished in translator.unfinished if is_unfinished]
    assert drafts
    assert not any(text.endswith(".") for text in drafts)
    assert len(translator.unfinished) - len(drafts) == 2
    assert set(translator.hints["fr"]) == {NO_HINTS}
