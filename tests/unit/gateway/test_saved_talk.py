"""What a headless listener keeps: each utterance once, however often it was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest_gateway.client.reports import ReceivedClip, ReceivedMessage
from ingest_gateway.client.saved_talk import SavedTalk

pytestmark = pytest.mark.unit


def clip(number: int, text: str, body: bytes) -> ReceivedClip:
    return ReceivedClip(
        session_id="talk",
        language="es",
        sequence_number=number,
        previous_sequence_number=number - 1 if number else None,
        timestamp_ms=1_790_000_000_000 + number * 3000,
        duration_s=2.0,
        transcript=text,
        source_transcript="",
        url="",
        received_at_ms=0,
        downloaded_at_ms=0,
        body=body,
    )


def test_a_number_that_is_told_again_is_saved_once(tmp_path: Path) -> None:
    saved = SavedTalk(tmp_path, "es")
    saved.add_clip(clip(1, "dos", b"second"))
    saved.add_clip(clip(0, "uno", b"first"))
    saved.add_clip(clip(1, "otra vez", b"second again"))
    saved.finish()
    assert (tmp_path / "es.mp3").read_bytes() == b"firstsecond"
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == [
        "000000.mp3",
        "000001.mp3",
    ]
    assert (tmp_path / "clips" / "000001.mp3").read_bytes() == b"second"
    assert (tmp_path / "es.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nuno\n\n00:00:03.000 --> 00:00:05.000\ndos\n"
    )


def message(number: int, kind: str, text: str, **more: object) -> ReceivedMessage:
    fields = {
        "type": kind,
        "sequenceNumber": number,
        "timestamp": 1_790_000_000_000 + number * 3000,
        "transcript": text,
        "sourceDuration": 2.5,
        **more,
    }
    return ReceivedMessage(0, kind, fields)


def test_captions_hold_what_was_shown_and_not_voiced_a_sentence_in_a_cue(tmp_path: Path) -> None:
    saved = SavedTalk(tmp_path, "es")
    saved.add_message(message(0, "skipped", "Nadie lo vio.", reason="captions", sentence=0))
    saved.add_message(message(1, "translatedAudio", "Cuando llegó", duration=1.0, sentence=1))
    saved.add_message(message(2, "skipped", "el barco.", reason="late", sentence=1))
    saved.add_message(message(3, "skipped", "", reason="failed"))
    saved.add_clip(clip(1, "Cuando llegó", b"first"))
    saved.finish()
    assert (tmp_path / "es.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nNadie lo vio.\n\n"
        "00:00:03.000 --> 00:00:08.500\nCuando llegó el barco.\n"
    )
