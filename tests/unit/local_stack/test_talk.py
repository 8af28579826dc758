from __future__ import annotations

import wave
from pathlib import Path

import pytest

from local_stack.talk import PAUSE_S, NoTalkError, make_talk, word_error_rate

pytestmark = pytest.mark.unit


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for name, seconds in (("one", 1), ("two", 2)):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as output:
            output.setnchannels(1)
            output.setsampwidth(2)
            output.setframerate(16_000)
            output.writeframes(b"\x01\x00" * 16_000 * seconds)
    (tmp_path / "transcription").write_text("<s> good morning </s> (one)\n<s> all </s> (two)\n")
    return tmp_path


def test_the_recordings_are_joined_in_order_with_a_pause_behind_each(recordings: Path) -> None:
    talk = make_talk(recordings / "build" / "talk.wav", recordings)

    assert talk.reference == "good morning all"
    assert talk.duration_s == pytest.approx(3 + 2 * PAUSE_S)
    with wave.open(str(talk.wav), "rb") as written:
        assert written.getnframes() / written.getframerate() == pytest.approx(talk.duration_s)


def test_a_machine_without_the_recordings_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NoTalkError, match="pocketsphinx-testdata"):
        make_talk(tmp_path / "talk.wav", tmp_path / "nothing")


@pytest.mark.parametrize(
    ("recognised", "expected"),
    [
        ("He was not an ill-disposed man.", 0.0),
        ("he was an ill disposed man", 1 / 7),
        ("", 1.0),
    ],
)
def test_words_count_and_case_and_punctuation_do_not(recognised: str, expected: float) -> None:
    reference = "he was not an ill disposed man"
    assert word_error_rate(reference, recognised) == pytest.approx(expected)
