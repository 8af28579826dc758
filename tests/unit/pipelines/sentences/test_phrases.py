from __future__ import annotations

import pytest

from pipelines.sentences.phrases import is_phrase, voiced_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "ends", "voiced"),
    [
        ("tres palabras más", False, True),
        ("dos palabras", False, False),
        ("dos palabras,", False, True),
        ("una,", False, False),
        ("una", True, True),
        ("今日は良い天", False, True),
        ("今日は", False, False),
        ("", True, False),
        ("  ", True, False),
        (".", True, False),
    ],
)
def test_when_a_phrase_is_voiced(text: str, ends: bool, voiced: bool) -> None:
    assert is_phrase(text, ends_sentence=ends) is voiced


def test_the_mark_of_the_word_in_front_is_not_voiced() -> None:
    assert voiced_text(", que vive aquí") == "que vive aquí"
    assert voiced_text(" que vive") == "que vive"
    assert voiced_text("...") == "..."
