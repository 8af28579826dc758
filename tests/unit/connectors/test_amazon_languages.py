"""Which languages Amazon's services can be asked for, and in which pairs."""

from __future__ import annotations

import pytest

from connectors.amazon_languages import (
    AMAZON_LANGUAGES,
    can_recognise,
    can_speak,
    can_translate,
)

pytestmark = pytest.mark.unit


def test_ten_languages_go_end_to_end() -> None:
    complete = {code for code in AMAZON_LANGUAGES if can_recognise(code) and can_speak(code)}
    assert complete == {"ca", "de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt"}
    assert all(can_translate(one, two) for one in complete for two in complete if one != two)


@pytest.mark.parametrize(
    ("source", "target", "is_offered"),
    [
        ("en", "es", True),
        ("und", "es", True),
        ("es", "und", False),
        ("en", "en", False),
        ("gl", "en", False),
        ("en", "gl", False),
        ("en", "tlh", False),
        ("", "", False),
    ],
)
def test_pairs(source: str, target: str, is_offered: bool) -> None:
    assert can_translate(source, target) == is_offered


def test_galician_is_heard_but_not_spoken() -> None:
    assert can_recognise("gl")
    assert not can_speak("gl")
