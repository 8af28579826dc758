"""Which languages an utterance goes to, and what listeners are told of it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.coders import ValueCoder
from pipelines.core.messages import skipped, translated_audio
from pipelines.core.routing import RoutingState, heard, route
from pipelines.transforms.publish import TRANSCRIPT_METADATA_BYTES, metadata_text
from schemas.values import (
    Clip,
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    Route,
    Timeline,
    Translation,
)

pytestmark = pytest.mark.unit

ENTRY = LedgerEntry(
    session_id="joyful-mountain-789",
    number=4,
    epoch=1,
    kind=EntryKind.SPEECH,
    first_sample=48_000,
    end_sample=88_000,
    text="good morning",
    language="en",
    captured_at_ms=1_800_000_003_000,
    committed_at_ms=1_800_000_006_000,
    writer="one",
    resume_sample=88_000,
    resume_sequence=30,
    resume_sequence_sample=88_000,
)


def numbered(number: int, kind: EntryKind = EntryKind.SPEECH) -> LedgerEntry:
    return replace(ENTRY, number=number, kind=kind)


def test_the_first_listener_counts_though_nobody_was_known_at_the_same_revision() -> None:
    nobody, somebody = ListenerLanguages((), 0), ListenerLanguages(("ca",), 0)
    assert heard(heard(RoutingState(), nobody), somebody).listeners == somebody
    assert heard(heard(RoutingState(), somebody), nobody).listeners == somebody
    assert (
        heard(heard(RoutingState(), somebody), ListenerLanguages((), 1)).listeners.languages == ()
    )


def test_each_language_counts_what_it_was_sent() -> None:
    state = heard(RoutingState(), ListenerLanguages(("ca", "es"), 3))
    state, routes = route(state, numbered(0))
    assert routes == (Route("ca", None), Route("es", None))
    state = heard(state, ListenerLanguages(("es",), 4))
    state, routes = route(state, numbered(1))
    assert routes == (Route("es", 0),)
    state, routes = route(state, numbered(2, EntryKind.SILENCE))
    assert routes == ()
    state = heard(state, ListenerLanguages(("ca", "es"), 5))
    state, routes = route(state, numbered(3, EntryKind.GAP))
    assert routes == (Route("ca", 0), Route("es", 1)), "listeners hear of a gap"
    coder = ValueCoder(RoutingState)
    assert coder.decode(coder.encode(state)) == state


def test_an_entry_that_was_routed_keeps_its_routes() -> None:
    state = heard(RoutingState(), ListenerLanguages(("fr",), 9))
    again = replace(numbered(7), routes=(Route("es", 5),))
    state, routes = route(state, again)
    assert routes == (Route("es", 5),)
    state, routes = route(heard(state, ListenerLanguages(("es", "fr"), 10)), numbered(8))
    assert routes == (Route("es", 7), Route("fr", None))


def test_an_entry_that_was_routed_to_nobody_stays_with_nobody() -> None:
    state = heard(RoutingState(), ListenerLanguages(("fr",), 9))
    assert route(state, replace(numbered(7), routes=()))[1] == ()


@settings(deadline=None)
@given(st.permutations([ListenerLanguages((str(revision),), revision) for revision in range(5)]))
def test_the_highest_revision_wins_in_any_order(news: list[ListenerLanguages]) -> None:
    state = RoutingState()
    assert not state.knows_listeners
    for each in news:
        state = heard(state, each)
    assert state.listeners == ListenerLanguages(("4",), 4)
    assert state.knows_listeners


def test_a_translation_is_told_as_the_protocol_has_it() -> None:
    timeline = Timeline.start(ENTRY.captured_at_ms).mark("capture", ENTRY.captured_at_ms + 40)
    translation = Translation(ENTRY, Route("es", 2), "buenos días", timeline)
    assert translated_audio(translation, Clip(b"mp3", 1.23456), "http://x/y.mp3") == {
        "type": "translatedAudio",
        "sessionId": "joyful-mountain-789",
        "targetLanguage": "es",
        "url": "http://x/y.mp3",
        "timestamp": 1_800_000_003_000,
        "duration": 1.235,
        "transcript": "buenos días",
        "sequenceNumber": 4,
        "previousSequenceNumber": 2,
        "sourceTranscript": "good morning",
        "sourceDuration": 2.5,
        "contentType": "audio/mpeg",
        "stages": {"capture": 40},
    }
    told = {
        "type": "skipped",
        "sessionId": "joyful-mountain-789",
        "targetLanguage": "es",
        "sequenceNumber": 4,
        "previousSequenceNumber": 2,
    }
    assert skipped(replace(translation, text=""), "gap") == {**told, "reason": "gap"}
    assert skipped(translation, "late") == {
        **told,
        "reason": "late",
        "transcript": "buenos días",
        "sourceTranscript": "good morning",
        "timestamp": 1_800_000_003_000,
        "sourceDuration": 2.5,
    }


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=900))
def test_metadata_holds_as_much_of_the_text_as_fits(text: str) -> None:
    encoded = metadata_text(text)
    assert encoded.isascii()
    assert len(encoded) <= TRANSCRIPT_METADATA_BYTES
    kept = unquote(encoded, errors="strict")
    assert text.startswith(kept)
    if kept != text:
        assert len(metadata_text(text[len(kept)])) + len(encoded) > TRANSCRIPT_METADATA_BYTES


def test_metadata_is_never_cut_inside_a_character() -> None:
    assert metadata_text("é" * 400) == "%C3%A9" * 250
    assert metadata_text("x" + "é" * 400) == "x" + "%C3%A9" * 249
    assert metadata_text("a b/c") == "a%20b%2Fc"
