"""The texts of the recorded talks belong together, and scores do not depend on how numbers are
written."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from benchmarks.recorded_talks import (
    LANGUAGES,
    TALKS,
    TEXTS,
    RecordedTalk,
    overall,
    samples_of,
    words_wrong,
)
from local_stack.talk import PAUSE_S, NoTalkError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
def test_each_sentence_has_its_translation(talk: RecordedTalk, language: str) -> None:
    translated = talk.translation(language)
    assert len(translated) == len(talk.sentences)
    for sentence, own in zip(talk.sentences, translated, strict=True):
        assert own == own.strip() != ""
        assert own[-1] == sentence[-1], "the same sentence ends alike"
        assert 0.4 < len(own) / len(sentence) < 2.5
        assert [each for each in own if each.isdigit()] == [
            each for each in sentence if each.isdigit()
        ]


@pytest.mark.parametrize("file", sorted(TEXTS.glob("*.txt")), ids=lambda file: file.name)
def test_each_text_tells_where_it_is_from(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    expected = "NOTICE says where" if file.name.endswith(".en.txt") else "by a language model"
    assert first.startswith("# ")
    assert expected in first
    assert file.name.split(".")[0] in TALKS


def test_scores_rest_on_more_than_400_words() -> None:
    assert sum(len(talk.reference.split()) for talk in TALKS.values()) > 400


def test_a_talk_is_its_files_with_a_pause_after_each(tmp_path: Path) -> None:
    files = (tmp_path / "one.wav", tmp_path / "two.wav")
    for file, rate_hz in zip(files, (16_000, 48_000), strict=True):
        with wave.open(str(file), "wb") as output:
            output.setnchannels(1)
            output.setsampwidth(2)
            output.setframerate(rate_hz)
            output.writeframes(b"\x01\x00" * rate_hz)
    talk = RecordedTalk("dashwood", files, "install it")
    assert len(talk.pcm()) / 32_000 == pytest.approx(2 + 2 * PAUSE_S, abs=0.01)
    assert samples_of(files[0]) == b"\x01\x00" * 16_000


def test_a_machine_without_the_recordings_is_told_what_to_do(tmp_path: Path) -> None:
    talk = RecordedTalk("cities", (tmp_path / "one.wav",), "run `make models`")
    with pytest.raises(NoTalkError, match=r"one\.wav is missing: run `make models`"):
        talk.pcm()


@pytest.mark.parametrize(
    ("reference", "recognised", "rate"),
    [
        ("to test it, dial 600.", "To test it dial six, zero, zero", 0.0),
        ("dial 2 now", "dial two now", 0.0),
        ("at least a 28.8 kilobit modem", "at least a twenty eight point eight kilobit modem", 0.0),
        ("And Mister Dashwood", "and Mr. Dashwood", 0.0),
        ("the echo test", "the eco test", 1 / 3),
    ],
)
def test_numbers_are_not_scored(reference: str, recognised: str, rate: float) -> None:
    assert words_wrong(reference, recognised) == pytest.approx(rate)


def test_longer_talks_weigh_more() -> None:
    assert overall([(0.1, 100), (0.4, 50)]) == pytest.approx(0.2)
