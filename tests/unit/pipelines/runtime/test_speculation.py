"""A head start is used once, for the words it was made of, and nothing rests on it."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from connectors.calls.policy import Policies
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.testing.faults import Delay, Fault, FaultKind
from connectors.testing.speech_synthesis import ScriptedSynthesizer, ScriptedSynthesizerSettings
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from pipelines.runtime.speculation import KEPT_MS, SpeculationCounts, SpeculativeDelivery
from pipelines.transforms.synthesize import SynthesizeTranslation
from pipelines.transforms.translate import TranslateUtterance
from schemas.session_info import SessionInfo
from schemas.values import (
    Clip,
    DeadLetter,
    EntryKind,
    FixedOutcome,
    LedgerEntry,
    ListenerLanguages,
    Route,
    RoutedUtterance,
    Timeline,
    Translation,
    Utterance,
    VoicedTranslation,
)
from tests.unit.pipelines.runtime.session_stage import Stage, run_to_end
from tests.unit.pipelines.session.records_of import SESSION, START_MS

pytestmark = pytest.mark.unit

T = TypeVar("T")


def entry_of(
    text: str = "good morning",
    *,
    number: int = 0,
    ended_ago_ms: int = 0,
    languages: tuple[str, ...] = ("es",),
) -> LedgerEntry:
    return LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=1,
        kind=EntryKind.SPEECH,
        first_sample=0,
        end_sample=16_000,
        text=text,
        language="en",
        captured_at_ms=START_MS - 1_000 - ended_ago_ms,
        committed_at_ms=START_MS,
        writer="w",
        resume_sample=16_000,
        resume_sequence=3,
        resume_sequence_sample=12_288,
        routes=tuple(Route(language, None) for language in languages),
    )


class Site:
    """Services that count their calls; translation takes 0.2 s, a voice 0.5 s."""

    def __init__(self, *faults: Fault) -> None:
        self.stage = Stage()
        self.translator = ScriptedTranslator(
            ScriptedTranslatorSettings(delay=Delay(0.2), faults=faults)
        )
        self.synthesizer = ScriptedSynthesizer(ScriptedSynthesizerSettings(delay=Delay(0.5)))
        self.connectors = replace(
            self.stage.connectors,
            translator=self.translator,
            synthesizer=self.synthesizer,
            policies=Policies(),
        )
        self.speculation = SpeculativeDelivery(self.stage.loop, self.connectors, is_on=True)
        self.at = replace(
            self.stage.call_site, connectors=self.connectors, speculation=self.speculation
        )
        self.languages: tuple[str, ...] = ("es",)

    def pass_ms(self, for_ms: int) -> None:
        for _ in range(for_ms // 10):
            self.stage.loop.advance(self.stage.loop.now_ms() + 10)

    def begin(self, entry: LedgerEntry) -> None:
        async def beginning() -> None:
            self.speculation.begin(entry)

        self.stage.loop.start(beginning())
        self.pass_ms(10)

    def speculate(self, text: str) -> None:
        async def speculating() -> None:
            self.speculation.speculate(SESSION, text, "en", self.languages)

        self.stage.loop.start(speculating())
        self.pass_ms(10)

    def took_ms(self, work: Coroutine[Any, Any, T]) -> tuple[T, int]:
        began_ms = self.stage.loop.now_ms()
        future = self.stage.loop.start(work)
        while not future.done():
            self.pass_ms(10)
        return future.result(), self.stage.loop.now_ms() - began_ms


def test_the_steps_find_what_was_begun_at_the_commit() -> None:
    site, entry = Site(), entry_of()
    site.begin(entry)
    site.pass_ms(250)
    text, translating_ms = site.took_ms(site.speculation.translation(entry, "es"))
    _, voicing_ms = site.took_ms(site.speculation.clip(entry, "es", text))
    assert translating_ms <= 10, "it was done before it was asked for"
    assert 400 <= voicing_ms <= 460, "its voice was under way for some 0.06 s"
    assert (site.translator.calls_made, site.synthesizer.calls_made) == (1, 1)


def test_nothing_is_begun_in_languages_that_nobody_hears() -> None:
    site, entry = Site(), entry_of(languages=())
    site.begin(entry)
    site.pass_ms(1_000)
    assert (site.translator.calls_made, site.synthesizer.calls_made) == (0, 0)
    _, took_ms = site.took_ms(site.speculation.translation(entry, "es"))
    assert took_ms >= 200, "a step that finds nothing makes the call"


def test_a_clip_of_other_words_is_not_used() -> None:
    site, entry = Site(), entry_of()
    site.begin(entry)
    site.pass_ms(1_000)
    _, took_ms = site.took_ms(site.speculation.clip(entry, "es", "something else"))
    assert took_ms >= 500
    assert site.synthesizer.calls_made == 2


def test_an_error_comes_to_the_step_that_asks() -> None:
    site, entry = Site(Fault(FaultKind.PERMANENT)), entry_of()
    site.begin(entry)
    site.pass_ms(500)
    with pytest.raises(PermanentError):
        site.took_ms(site.speculation.translation(entry, "es"))


def test_what_nobody_comes_for_is_forgotten() -> None:
    site, entry = Site(), entry_of()
    site.begin(entry)
    site.pass_ms(1_000)
    site.stage.loop.advance(site.stage.loop.now_ms() + KEPT_MS)
    site.begin(entry_of(number=1, ended_ago_ms=-KEPT_MS))
    site.pass_ms(1_000)
    _, took_ms = site.took_ms(site.speculation.translation(entry, "es"))
    assert took_ms >= 200


def test_words_that_were_guessed_are_translated_and_voiced_before_they_are_committed() -> None:
    site, entry = Site(), entry_of()
    site.speculate("good morning")
    site.speculate("good morning")
    site.pass_ms(800)
    site.begin(entry)
    text, translating_ms = site.took_ms(site.speculation.translation(entry, "es"))
    clip, voicing_ms = site.took_ms(site.speculation.clip(entry, "es", text))
    assert (translating_ms, voicing_ms) <= (10, 10), "both were done at the commit"
    assert clip.duration_s > 0
    assert (site.translator.calls_made, site.synthesizer.calls_made) == (1, 1)
    assert site.speculation.take_counts() == SpeculationCounts(begun=1, wasted=0)


def test_a_wrong_guess_is_thrown_away_and_counted() -> None:
    site, entry = Site(), entry_of("good morning all", languages=("es", "ca"))
    site.languages = ("es", "ca")
    site.speculate("good morning")
    site.pass_ms(50)
    site.begin(entry)
    text, translating_ms = site.took_ms(site.speculation.translation(entry, "es"))
    assert translating_ms >= 180, "the words that were committed are asked for anew"
    assert text == site.took_ms(site.translator.translate(entry.text, "en", "es"))[0]
    site.pass_ms(1_000)
    assert site.synthesizer.calls_made == 2, "nobody goes on to voice the wrong words"
    assert site.speculation.take_counts() == SpeculationCounts(begun=4, wasted=2)
    assert site.speculation.take_counts() == SpeculationCounts()


def test_two_guesses_an_utterance_are_all_that_is_paid_for() -> None:
    site = Site()
    for text in ("good", "good morning", "good morning all"):
        site.speculate(text)
    site.begin(entry_of("good morning all"))
    assert site.speculation.take_counts() == SpeculationCounts(begun=3, wasted=2)
    site.speculate("thank you")
    assert site.speculation.take_counts() == SpeculationCounts(begun=1), (
        "another utterance, another guess"
    )


def test_a_guess_that_failed_is_asked_again_at_the_commit() -> None:
    site, entry = Site(Fault(FaultKind.PERMANENT, calls=(1,))), entry_of()
    site.speculate(entry.text)
    site.pass_ms(500)
    site.begin(entry)
    text, _ = site.took_ms(site.speculation.translation(entry, "es"))
    assert text


def test_what_was_begun_for_a_session_that_is_over_is_thrown_away() -> None:
    site = Site()
    site.speculate("good morning")
    site.speculation.forget(SESSION)
    site.pass_ms(1_000)
    assert site.synthesizer.calls_made == 0
    assert site.speculation.take_counts() == SpeculationCounts(begun=1, wasted=1)


def test_a_scarce_voice_is_asked_for_committed_words_only() -> None:
    site, entry = Site(), entry_of()
    site.synthesizer.is_scarce = True
    site.speculate("good mourning")
    site.pass_ms(1_000)
    site.speculate(entry.text)
    site.pass_ms(1_000)
    assert (site.translator.calls_made, site.synthesizer.calls_made) == (2, 0)
    site.begin(entry)
    (answer,) = translated(site, entry)
    _, took_ms = site.took_ms(site.speculation.clip(entry, "es", answer.text))
    assert took_ms == pytest.approx(500, abs=20)
    assert (site.translator.calls_made, site.synthesizer.calls_made) == (2, 1)


def translated(site: Site, entry: LedgerEntry) -> list[Any]:
    utterance = Utterance(entry, Timeline.start(START_MS))
    item = RoutedUtterance(utterance, entry.routes or ())
    answers, _ = site.took_ms(run_to_end(TranslateUtterance(), item, site.at))
    return answers


@pytest.mark.parametrize(
    "error", [PermanentError("scripted"), ValueError("a bug")], ids=["refused", "a bug"]
)
def test_what_an_engine_raises_in_one_language_is_told_in_that_one_alone(error: Exception) -> None:
    site = Site()
    translate = site.translator.translate

    async def translate_but_french(text: str, source: str, target: str, **hints: Any) -> str:
        if target == "fr":
            raise error
        return await translate(text, source, target, **hints)

    site.translator.translate = translate_but_french  # type: ignore[method-assign]
    answers = translated(site, entry_of(languages=("es", "fr", "it")))
    told = {each.route.language: each for each in answers if isinstance(each, Translation)}
    assert [told[each].skipped for each in ("es", "fr", "it")] == [None, "failed", None]
    dead = [each for each in answers if isinstance(each, DeadLetter)]
    assert [(each.cause, each.key) for each in dead] == [(type(error).__name__, f"{SESSION}/0/fr")]


def test_what_the_ledger_holds_is_carried_out_to_the_letter() -> None:
    """Another engine had fixed it, and did not come to tell it."""
    site = Site()
    fixed = (FixedOutcome("es", "ya", "late", 5), FixedOutcome("fr", "enfin", None, 6))
    entry = replace(entry_of(languages=("es", "fr")), outcomes=fixed)
    late, voiced = sorted(translated(site, entry), key=lambda each: each.route.language)
    assert (late.text, late.skipped, late.is_fixed) == ("ya", "late", True)
    assert (voiced.text, voiced.skipped, voiced.is_fixed) == ("enfin", None, True)
    assert site.translator.calls_made == 0
    answers, _ = site.took_ms(run_to_end(SynthesizeTranslation(), voiced, site.at))
    assert [(each.clip is not None, each.translation.text) for each in answers] == [(True, "enfin")]
    answers, _ = site.took_ms(run_to_end(SynthesizeTranslation(), late, site.at))
    assert [(each.clip, each.translation.skipped) for each in answers] == [(None, "late")]


def test_a_language_without_a_voice_is_told_to_be_read() -> None:
    site = Site()
    (spanish,) = translated(site, entry_of(languages=("es",)))
    answer = replace(spanish, route=Route("el", None))
    voiced, _ = site.took_ms(run_to_end(SynthesizeTranslation(), answer, site.at))
    assert [(each.clip, each.translation.skipped, each.translation.text) for each in voiced] == [
        (None, "unvoiced", answer.text)
    ]
    assert site.synthesizer.calls_made == 0


@pytest.mark.parametrize(
    ("kind", "skipped"), [(EntryKind.GAP, "gap"), (EntryKind.FAILED, "failed")]
)
def test_what_was_not_heard_is_told_without_a_translation(kind: EntryKind, skipped: str) -> None:
    site = Site()
    (answer,) = translated(site, replace(entry_of(""), kind=kind))
    assert (answer.text, answer.skipped) == ("", skipped)
    assert site.translator.calls_made == 0


def test_a_language_that_is_not_translated_is_told_and_holds_up_no_other() -> None:
    site = Site(Fault(FaultKind.PERMANENT, calls=(1,)))
    answers = translated(site, entry_of(languages=("es", "en")))
    failed = [each for each in answers if isinstance(each, Translation) and each.skipped]
    assert [(each.route.language, each.skipped) for each in failed] == [("es", "failed")]
    letters = [each for each in answers if isinstance(each, DeadLetter)]
    assert [(each.stage, each.key) for each in letters] == [("translate", f"{SESSION}/0/es")]
    spoken = [each for each in answers if isinstance(each, Translation) and not each.skipped]
    assert [each.text for each in spoken] == ["good morning"], "the speaker's own language"


@pytest.mark.parametrize(("ended_ago_ms", "voiced"), [(14_000, True), (16_000, False)])
def test_what_is_too_old_to_hear_is_shown_only(ended_ago_ms: int, voiced: bool) -> None:
    site = Site()
    entry = entry_of(ended_ago_ms=ended_ago_ms)
    item = Translation(entry, Route("es", None), "buenos días", Timeline.start(START_MS))
    (answer,), _ = site.took_ms(run_to_end(SynthesizeTranslation(), item, site.at))
    assert isinstance(answer, VoicedTranslation)
    assert (answer.clip is not None) == voiced
    assert answer.translation.text == "buenos días", "the caption is kept"
    assert answer.translation.skipped == (None if voiced else "late")


def test_what_all_listeners_only_read_costs_no_voice() -> None:
    site = Site()
    read = replace(entry_of(), routes=(Route("es", None, is_voiced=False),))
    site.begin(read)
    (translation,) = translated(site, read)
    (answer,), _ = site.took_ms(run_to_end(SynthesizeTranslation(), translation, site.at))
    assert isinstance(answer, VoicedTranslation)
    assert (answer.clip, answer.translation.skipped) == (None, "captions")
    assert answer.translation.text == "es:good morning"
    site.pass_ms(1_000)
    assert site.synthesizer.calls_made == 0


def test_closing_ends_what_is_under_way() -> None:
    site, entry = Site(), entry_of()
    site.begin(entry)
    site.took_ms(site.speculation.close())
    site.pass_ms(1_000)
    assert site.synthesizer.calls_made == 0


class Tiers:
    """``SessionDirectory`` that knows one session's tier, and can be away."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.asked = 0
        self.is_away = False

    async def find(self, session_id: str) -> SessionInfo | None:
        self.asked += 1
        if self.is_away:
            raise RetryableError("scripted: the tables are away")
        return SessionInfo(session_id, "ada", "en", ("es",), self.tier, "active", 0)

    async def listeners(self, session_id: str) -> ListenerLanguages:
        return ListenerLanguages(("es",), 1)

    async def close(self) -> None:
        """Nothing is held open."""


class Voices(ScriptedSynthesizer):
    def __init__(self) -> None:
        super().__init__()
        self.tiers: list[str] = []

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        self.tiers.append(quality_tier)
        return await super().synthesize(text, language, quality_tier=quality_tier)


def test_a_session_is_voiced_in_its_tier_and_in_the_ordinary_one_when_nobody_can_say() -> None:
    site, tiers, voices = Site(), Tiers("premium"), Voices()
    connectors = replace(site.connectors, directory=tiers, synthesizer=voices)
    speculation = SpeculativeDelivery(site.stage.loop, connectors, is_on=True)
    for number in range(2):
        site.took_ms(speculation.clip(entry_of(number=number), "es", "buenos"))
    assert (voices.tiers, tiers.asked) == (["premium", "premium"], 1)
    speculation.forget(SESSION)
    tiers.is_away = True
    site.took_ms(speculation.clip(entry_of(number=2), "es", "buenos"))
    assert voices.tiers[2:] == ["standard"]
    tiers.is_away = False
    site.took_ms(speculation.clip(entry_of(number=3), "es", "buenos"))
    assert voices.tiers[3:] == ["premium"], "what nobody could say is asked again"
