"""What listeners are told of an utterance, and what a clip says of itself."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.runtime.stored_clips import TRANSCRIPT_METADATA_BYTES, metadata_text
from pipelines.session.messages import skipped, translated_audio, translated_caption
from schemas.values import (
    Clip,
    EntryKind,
    LedgerEntry,
    Release,
    Route,
    Timeline,
    Translation,
    VoicedPhrase,
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


def test_a_phrase_is_told_with_what_it_newly_covers() -> None:
    release = Release(3, True, "la casa es", 2, 1_800_000_001_000, 1, catches_up=True)
    phrase = VoicedPhrase(release, "the house is", 1.75)
    timeline = Timeline.start(ENTRY.captured_at_ms)
    told = Translation(ENTRY, Route("es", 3), "la casa es", timeline, None, True, phrase)
    message = translated_audio(told, Clip(b"mp3", 1.0), "u")
    expected = {
        "sequenceNumber": 4,
        "previousSequenceNumber": 1,
        "timestamp": 1_800_000_001_000,
        "transcript": "la casa es",
        "sourceTranscript": "the house is",
        "sourceDuration": 1.75,
        "sentence": 3,
        "endsSentence": True,
        "catchesUp": True,
    }
    assert {name: message[name] for name in expected} == expected
    notice = skipped(replace(told, skipped="late"), "late")
    assert {name: notice[name] for name in expected} == expected


def test_a_caption_has_what_is_released_and_what_may_follow() -> None:
    assert translated_caption(ENTRY, "es", 3, "la casa", "es vieja", is_final=False) == {
        "type": "translatedCaption",
        "sessionId": "joyful-mountain-789",
        "targetLanguage": "es",
        "sequenceNumber": 4,
        "sentence": 3,
        "text": "la casa",
        "preview": "es vieja",
        "final": False,
    }
