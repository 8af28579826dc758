"""What is made of the talks that the live job recognised."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.engines.live_talks import Found, TalkFound, is_good, of_all, recorded
from benchmarks.recorded_talks import RecordedTalk
from schemas.values import SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit

TALK = TalkFound("short", 10.0, 100, 0.02, 9, 0, 2.0, 3.0, "")


def test_words_count_and_not_talks() -> None:
    found = of_all("local", [TALK, replace(TALK, name="long", words=300, wrong=0.1, missing=2)])
    assert (found.wrong, found.missing) == (pytest.approx(0.08), 2)


@pytest.mark.parametrize(
    ("speech", "wrong", "missing", "good"),
    [
        ("local", 0.08, 0, True),
        ("local", 0.081, 0, False),
        ("local", 0.0, 1, False),
        ("offline", 0.27, 0, True),
    ],
)
def test_what_is_missing_or_wrong_fails_the_run(
    speech: str, wrong: float, missing: int, good: bool
) -> None:
    assert is_good(Found(speech, wrong, missing, ())) == good


def test_a_recording_is_spoken_as_the_demos_talk_is(tmp_path: Path) -> None:
    file = tmp_path / "tone.wav"
    with wave.open(str(file), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(SAMPLE_RATE_HZ)
        output.writeframes(b"\1\0" * SAMPLE_RATE_HZ)
    talk = recorded(RecordedTalk("dashwood", (file, file), ""), tmp_path / "made" / "talk.wav")
    assert talk.duration_s == pytest.approx(2 * 1.6, abs=0.01)
    assert talk.reference.startswith("And Mister John Dashwood")
    with wave.open(str(talk.wav)) as made:
        assert (made.getframerate(), made.getnchannels(), made.getsampwidth()) == (16_000, 1, 2)
        assert made.getnframes() == round(talk.duration_s * SAMPLE_RATE_HZ)
