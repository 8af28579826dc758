from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, encode_clip
from ingest_gateway.client import ListenReport, ReceivedClip, SpeakReport
from local_stack.demo.report import Evidence, make_report
from local_stack.talk import Talk
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Route

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"
SPOKEN_AT_MS = 1_000_000
CLIP = encode_clip((0.1 * np.sin(np.arange(RATE_HZ) / 9)).astype(np.float32)).body


def entry(number: int, text: str, *languages: str) -> LedgerEntry:
    return LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=48_000 * number,
        end_sample=48_000 * (number + 1),
        text=text,
        language="en",
        captured_at_ms=SPOKEN_AT_MS + 3_000 * number,
        committed_at_ms=0,
        writer="w",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=tuple(Route(language, None) for language in languages),
        outcomes=tuple(FixedOutcome(one, text, None, 0) for one in languages),
    )


def clip(number: int, language: str, late_ms: int, body: bytes | None = CLIP) -> ReceivedClip:
    spoken_at_ms = SPOKEN_AT_MS + 3_000 * number
    return ReceivedClip(
        session_id=SESSION,
        language=language,
        sequence_number=number,
        previous_sequence_number=None,
        timestamp_ms=spoken_at_ms,
        duration_s=1.0,
        transcript="",
        source_transcript="",
        url="",
        received_at_ms=spoken_at_ms + late_ms,
        downloaded_at_ms=spoken_at_ms + late_ms,
        body=body,
        stages_ms={"capture": late_ms},
    )


def heard(language: str, *clips: ReceivedClip) -> ListenReport:
    return ListenReport(SESSION, language, clips, skips=(), repeats=0, reconnects=0)


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(
        talk=Talk(Path("talk.wav"), "he was not an ill disposed man", 6.0),
        spoken=SpeakReport(SESSION, "stream", 0, 24, 96_000, 23, 96_000, SPOKEN_AT_MS, 0, 0),
        heard=(
            heard("es", clip(0, "es", 5_000), clip(1, "es", 7_000)),
            heard("fr", replace(clip(0, "fr", 9_000), from_history=True), clip(1, "fr", 6_000)),
        ),
        entries=(entry(0, "he was not", "es"), entry(1, "a ill disposed man", "es", "fr")),
    )


def test_the_line_says_what_reached_whom_and_how_late(evidence: Evidence) -> None:
    assert make_report(evidence).line == (
        "demo: 3 clips to 2 listeners in 2 languages; "
        "speech to notification p50 6.0 s, p95 7.0 s; WER 14 %; 0 missing"
    )


def test_changes_of_voice_count_in_the_order_of_the_talk(evidence: Evidence) -> None:
    silence = np.zeros(RATE_HZ // 2, np.float32)
    makers = ("Kokoro", "espeak-ng", "espeak-ng", "Kokoro")
    bodies = [encode_clip(silence, made_by=maker).body for maker in makers]
    clips = [clip(number, "es", 5_000, body) for number, body in enumerate(bodies)]
    heard_late = heard("es", *clips[2:], *clips[:2])
    report = make_report(replace(evidence, heard=(heard_late, evidence.heard[1])))
    assert report.voices["es"] == {"Kokoro": 2, "espeak-ng": 2}
    assert report.voice_changes["es"] == 2


def test_what_stood_in_the_history_was_not_late(evidence: Evidence) -> None:
    assert {(one.language, one.number) for one in make_report(evidence).notified} == {
        ("es", 0),
        ("es", 1),
        ("fr", 1),
    }


def test_lateness_counts_from_the_first_sample_and_from_the_last(evidence: Evidence) -> None:
    report = make_report(evidence)

    assert report.from_first.max_ms == 7_000
    assert report.from_last.max_ms == 4_000


@pytest.mark.parametrize("body", [None, b"this is no MP3"])
def test_a_clip_that_cannot_be_played_is_missing(evidence: Evidence, body: bytes | None) -> None:
    broken = (heard("es", clip(0, "es", 5_000, body), clip(1, "es", 7_000)), evidence.heard[1])

    report = make_report(replace(evidence, heard=broken))

    assert report.faults == ("utterance 0 in es",)
    assert report.line.endswith("1 missing")


def test_audio_that_was_never_acknowledged_is_missing(evidence: Evidence) -> None:
    spoken = replace(evidence.spoken, samples=112_000)

    assert make_report(replace(evidence, spoken=spoken)).faults == (
        "the last 1.0 s of the talk were never acknowledged",
    )


def test_the_report_is_kept_as_json(evidence: Evidence, tmp_path: Path) -> None:
    make_report(evidence).save(tmp_path / "report.json")

    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["clips_by_language"] == {"es": 2, "fr": 1}
    assert saved["stages"]["capture"]["p50_ms"] == 6_000
