"""Translations that are released of sentences, through session, runs and the step of the graph: in
virtual time, with kills anywhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.calls.policy import Policies
from connectors.interfaces.errors import NoEntryError, PermanentError
from connectors.memory.notifier import MemoryNotifier
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.sentences.settings import ReleaseName, ReleaseSettings
from schemas.values import ControlKind, EntryKind, FixedOutcome
from tests.unit.pipelines.runtime.release_stage import (
    CHUNK_MS,
    RULES,
    SETTINGS,
    Listening,
    UnsureTranslator,
    assert_understood,
    ids,
    listening,
    play,
    sources,
    texts,
    two_sentences,
)
from tests.unit.pipelines.runtime.session_stage import (
    LOG,
    SESSION,
    Job,
    Stage,
    Talk,
    flush,
    gap,
    talk_of,
)

pytestmark = pytest.mark.unit


def test_a_talk_is_released_in_sentences() -> None:
    heard = listening(UnsureTranslator())
    talk = two_sentences()
    play(heard, talk)
    assert_understood(heard, talk)
    entries = heard.stage.entries()
    assert list(sources(entries).values()) == [
        [str(number) for number in range(11)],
        [str(number) for number in range(20, 25)],
    ]
    ends = [entry for entry in entries if entry.ends_sentence]
    assert [(entry.kind, entry.duration_s, entry.sentence) for entry in ends] == [
        (EntryKind.SILENCE, 0.0, 0),
        (EntryKind.SILENCE, 0.0, 1),
    ]


def test_the_first_words_are_told_while_the_sentence_is_spoken() -> None:
    heard = listening(UnsureTranslator())
    talk = two_sentences()
    for chunk in talk.items[:11]:
        heard.hear([chunk], CHUNK_MS)
    assert heard.told, "2.8 s into a sentence of 3.3 s"
    assert not any(entry.ends_sentence for entry in heard.stage.entries())


@pytest.mark.parametrize("delay_s", [0.0, 0.3], ids=["before the step asks", "after it asked"])
def test_an_entry_that_is_gone_is_settled_and_not_translated_again(
    delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = listening(UnsureTranslator(delay_s))

    async def gone(*_: object) -> FixedOutcome:
        raise NoEntryError("scripted: the session was deleted")

    monkeypatch.setattr(heard.stage.ledger, "fix", gone)
    play(heard, two_sentences())
    numbers = [entry.number for entry in heard.stage.entries() if entry.routes]
    assert len(numbers) > 5
    assert heard.told == []
    assert heard.stage.unannounced == [(SESSION, number, "es") for number in numbers]
    assert all(is_delivered for *_, is_delivered in heard.stage.settled)
    translator = heard.stage.connectors.translator
    assert isinstance(translator, UnsureTranslator)
    asked = len(translator.asked)
    heard.wait(120_000)
    assert len(translator.asked) == asked


def test_phrases_are_of_three_words_at_least_but_at_a_sentences_end() -> None:
    heard = listening(UnsureTranslator())
    play(heard, two_sentences())
    for each in heard.once():
        assert each.phrase is not None
        assert len(each.text.split()) >= 3 or each.phrase.release.ends


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kills=st.sets(st.integers(0, 40), max_size=4),
    delay_s=st.sampled_from([0.01, 0.4, 1.5]),
)
def test_kills_anywhere_release_nothing_twice_and_lose_nothing(
    seed: int, kills: set[int], delay_s: float
) -> None:
    heard = listening(UnsureTranslator(delay_s), "es", "fr")
    talk = talk_of(10.0, seed=seed)
    play(heard, talk, kills=sorted(kills))
    heard.wait(40_000)
    for language in ("es", "fr"):
        assert_understood(heard, talk, language)
    assert heard.job.is_done()


ERRORS = pytest.mark.parametrize(
    "error", [PermanentError("scripted"), ValueError("a bug")], ids=["refused", "a bug"]
)


@ERRORS
def test_an_engine_that_fails_is_told_of_once_a_sentence(error: Exception) -> None:
    translator = UnsureTranslator()
    translator.fails, translator.error = True, error
    heard = listening(translator)
    play(heard, two_sentences())
    assert [each.skipped for each in heard.once()] == ["failed", "failed"]


@ERRORS
def test_one_that_fails_for_a_while_loses_no_sentence(error: Exception) -> None:
    translator = UnsureTranslator()
    translator.error = error
    heard = listening(translator)
    talk = two_sentences()
    for at, chunk in enumerate(talk.items):
        translator.fails = 2 < at < 7
        heard.hear([chunk], CHUNK_MS)
    heard.hear([flush()], 6_000)
    assert_understood(heard, talk)


def test_a_language_that_joins_in_the_middle_gets_the_sentence_from_its_beginning() -> None:
    heard = listening(UnsureTranslator(), "fr")
    talk = two_sentences()
    for at, chunk in enumerate(talk.items):
        heard.hear([chunk], CHUNK_MS)
        if at == 5:
            both = LOG.control(ControlKind.LISTENERS, 1, at, languages=("es", "fr"), revision=9)
            heard.hear([both], 64)
    heard.hear([flush()], 6_000)
    assert_understood(heard, talk, "fr")
    told = heard.once("es")
    assert ids(told[0].text)[0] == "0"
    assert told[0].phrase is not None
    assert told[0].phrase.release.catches_up
    assert not any(each.phrase.release.catches_up for each in told[1:] if each.phrase)


def test_a_gap_is_told_and_the_sentence_goes_on_after_it() -> None:
    heard = listening(UnsureTranslator())
    talk = two_sentences()
    for at, chunk in enumerate(talk.items):
        if at == 4:
            heard.hear([gap(1, 4, 5)], CHUNK_MS)
        else:
            heard.hear([chunk], CHUNK_MS)
    heard.hear([flush()], 6_000)
    assert [each.skipped for each in heard.once() if each.skipped] == ["gap"]
    entries = heard.stage.entries()
    assert {number: ids(text) for number, text in texts(entries).items()} == sources(entries)
    assert len(sources(entries)) == 2


def test_whole_sentences_are_translated_once() -> None:
    translator = UnsureTranslator()
    release = ReleaseSettings(ReleaseName.SENTENCE, sentences=RULES)
    heard = listening(translator, release=release)
    talk = two_sentences()
    play(heard, talk)
    assert_understood(heard, talk)
    assert len(translator.asked) == 2


def test_captions_are_ahead_of_the_voice_and_only_grow() -> None:
    """Of a sentence the released text grows, what is coming stays until there is another draft, and
    the last caption says all of it."""
    heard = listening(UnsureTranslator())
    heard.stage.listen("es", ahead=("es",))
    notifier = heard.stage.connectors.notifier
    assert isinstance(notifier, MemoryNotifier)
    talk = two_sentences()
    play(heard, talk)
    assert_understood(heard, talk)
    shown = [
        notice.message
        for notice in notifier.notices
        if notice.message["type"] == "translatedCaption"
    ]
    by_sentence = {
        number: [message for message in shown if message["sentence"] == number]
        for number in texts(heard.stage.entries())
    }
    for number, captions in by_sentence.items():
        grown = [str(message["text"]) for message in captions]
        assert all(after.startswith(before) for before, after in pairwise(grown))
        assert grown[-1] == texts(heard.stage.entries())[number]
        assert [message["final"] for message in captions] == [
            *[False] * (len(captions) - 1),
            True,
        ]
        assert all(message["preview"] for message in captions[:-1])
        states = [(message["text"], message["preview"], message["final"]) for message in captions]
        assert len(set(states)) == len(states), "nothing is shown again"


def test_a_language_that_is_only_read_is_told_and_not_voiced() -> None:
    heard = listening(UnsureTranslator(), "es", "ca")
    heard.stage.listen("es", "ca", only_read=("ca",))
    talk = two_sentences()
    play(heard, talk)
    assert_understood(heard, talk)
    read = heard.once("ca")
    assert {each.skipped for each in read} == {"captions"}
    assert [word for each in read for word in ids(each.text)] == ids(" ".join(talk.words))


def test_what_is_spoken_of_too_long_ago_is_shown_and_not_voiced() -> None:
    stage = Stage(
        ScriptedSpeechToTextSettings(delay_s=0.1),
        SETTINGS,
        UnsureTranslator(),
        Policies(voice_within_s=0.0),
    )
    stage.listen("es")
    heard = Listening(stage, Job(stage, StepSegmenter()))
    talk = two_sentences()
    play(heard, talk)
    told = heard.once()
    assert told
    assert {each.skipped for each in told} == {"late"}
    assert [word for each in told for word in ids(each.text)] == ids(" ".join(talk.words))
    outcomes = [entry.outcome("es") for entry in heard.stage.entries()]
    assert {one.skipped for one in outcomes if one and one.text and one.is_announced} == {"late"}


def test_the_speakers_own_language_is_not_translated() -> None:
    translator = UnsureTranslator()
    heard = listening(translator, "en")
    talk = two_sentences()
    play(heard, talk)
    assert translator.asked == []
    assert_understood(heard, talk, "en")


def test_a_head_stands_at_the_end_of_a_sentence() -> None:
    heard = listening(UnsureTranslator())
    talk = two_sentences()
    for chunk in talk.items[:9]:
        heard.hear([chunk], CHUNK_MS)
    heard.wait(3_000)
    ledger, loop = heard.stage.ledger, heard.stage.loop
    head = loop.wait(loop.start(ledger.head(SESSION)))
    assert head is None or head.number < heard.stage.entries()[0].number
    play(heard, Talk(talk.items[9:], (), {}))
    heard.wait(8_000)
    head = loop.wait(loop.start(ledger.head(SESSION)))
    assert head is not None
    assert head.number == heard.stage.all_entries()[-1].number


def test_what_another_engine_has_fixed_is_followed() -> None:
    heard = listening(UnsureTranslator())
    talk = two_sentences()
    ledger = heard.stage.ledger
    fix, stolen = ledger.fix, list[int]()

    async def stolen_once(session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        """Another engine has released one word less of this step, before."""
        words = outcome.text.split(" ")
        if not stolen and len(words) > 2 and outcome.release is not None:
            stolen.append(number)
            shorter = replace(outcome.release, phrase="")
            other = replace(outcome, text=" ".join(words[:-1]), release=shorter)
            await fix(session_id, number, other)
        return await fix(session_id, number, outcome)

    ledger.fix = stolen_once  # type: ignore[method-assign]
    play(heard, talk)
    assert stolen
    assert_understood(heard, talk)
