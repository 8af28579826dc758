"""What listeners are told of an utterance, and what a clip says of itself."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.session.messages import skipped, translated_audio
from pipelines.transforms.publish import TRANSCRIPT_METADATA_BYTES, metadata_text
from schemas.values import (
    Clip,
    EntryKind,
    LedgerEntry,
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
