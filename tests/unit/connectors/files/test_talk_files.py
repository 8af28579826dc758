"""A bounded run's captions and transcript are a function of its ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.files.talk_files import write_talk_files
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Route

pytestmark = pytest.mark.unit

SPOKEN = LedgerEntry(
    session_id="talk",
    number=0,
    epoch=0,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=24_000,
    text="Good day.",
    language="en",
    captured_at_ms=0,
    committed_at_ms=1_796_000_000_000,
    writer="one",
    resume_sample=24_000,
    resume_sequence=0,
    resume_sequence_sample=0,
    routes=(Route("es", None),),
    outcomes=(FixedOutcome("es", "Buenos días.", None, 1_796_000_000_100),),
)
ENTRIES = (
    SPOKEN,
    replace(SPOKEN, number=1, kind=EntryKind.SILENCE, text="", captured_at_ms=1_500, outcomes=()),
    replace(
        SPOKEN,
        number=2,
        text="To all.",
        captured_at_ms=60_000,
        outcomes=(FixedOutcome("es", "A todos.", "late", 1_796_000_000_200),),
    ),
)


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_talk_leaves_captions_in_every_language_and_its_transcript(tmp_path: Path) -> None:
    written = write_talk_files(tmp_path, "talk", ENTRIES, languages=("fr",))
    assert files(tmp_path) == {
        "sessions/talk/captions/en.vtt": (
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood day.\n\n"
            "00:01:00.000 --> 00:01:01.500\nTo all.\n"
        ),
        "sessions/talk/captions/es.vtt": (
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nBuenos días.\n\n"
            "00:01:00.000 --> 00:01:01.500\nA todos.\n"
        ),
        "sessions/talk/captions/fr.vtt": "WEBVTT\n",
        "sessions/talk/transcript.txt": "Good day.\nTo all.\n",
    }
    assert [str(path.relative_to(tmp_path)) for path in written] == list(files(tmp_path))


def test_a_stored_talks_captions_count_from_its_first_chunk(tmp_path: Path) -> None:
    began_at_ms = 1_790_000_000_000
    stored = [replace(one, captured_at_ms=one.captured_at_ms + began_at_ms) for one in ENTRIES]
    write_talk_files(tmp_path / "stored", "talk", stored, started_at_ms=began_at_ms)
    write_talk_files(tmp_path / "recorded", "talk", ENTRIES)
    assert files(tmp_path / "stored") == files(tmp_path / "recorded")


def test_when_it_was_committed_and_by_whom_leaves_no_trace(tmp_path: Path) -> None:
    write_talk_files(tmp_path / "first", "talk", ENTRIES)
    again = [
        replace(
            one,
            committed_at_ms=5,
            writer="another",
            outcomes=tuple(replace(each, fixed_at_ms=7) for each in one.outcomes),
        )
        for one in ENTRIES
    ]
    write_talk_files(tmp_path / "second", "talk", again)
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_a_silent_recording_leaves_an_empty_transcript(tmp_path: Path) -> None:
    write_talk_files(tmp_path, "talk", ENTRIES[1:2], languages=("es",))
    assert files(tmp_path) == {
        "sessions/talk/captions/es.vtt": "WEBVTT\n",
        "sessions/talk/transcript.txt": "",
    }
