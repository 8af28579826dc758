"""Which languages Amazon's services can be asked for, and in which pairs."""

from __future__ import annotations

import pytest

from connectors.amazon.languages import (
    AMAZON_LANGUAGES,
    can_recognise,
    can_speak,
    can_translate,
)
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.languages import Languages
from schemas.languages import AmazonLanguage

pytestmark = pytest.mark.unit


def test_ten_languages_go_end_to_end() -> None:
    complete = {code for code in AMAZON_LANGUAGES if can_recognise(code) and can_speak(code)}
    assert complete == {"ca", "de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt"}
    assert all(can_translate(one, two) for one in complete for two in complete if one != two)


@pytest.mark.parametrize(
    ("code", "locale", "neural", "generative"),
    [
        ("ca", "ca-ES", "Arlet", None),
        ("de", "de-DE", "Vicki", "Vicki"),
        ("en", "en-US", "Ruth", "Ruth"),
        ("es", "es-ES", "Lucia", "Lucia"),
        ("fr", "fr-FR", "Lea", "Lea"),
        ("it", "it-IT", "Bianca", "Bianca"),
        ("ja", "ja-JP", "Kazuha", None),
        ("nl", "nl-NL", "Laura", "Laura"),
        ("pl", "pl-PL", "Ola", "Ola"),
        ("pt", "pt-BR", "Camila", "Camila"),
    ],
)
def test_one_row_says_all_of_a_language(
    code: str, locale: str, neural: str, generative: str | None
) -> None:
    assert AMAZON_LANGUAGES[code] == AmazonLanguage(locale, code, locale, neural, generative)


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


@pytest.mark.parametrize(
    ("source", "target"), [("en", "gl"), ("en", "tlh"), ("en", "en"), ("gl", "es"), ("en", "und")]
)
def test_a_pair_that_is_not_offered_is_refused_at_join(source: str, target: str) -> None:
    languages = Languages(can_recognise, can_translate, can_speak)
    with pytest.raises(Refusal) as refused:
        languages.choose_target(source, target)
    assert refused.value.code == "BAD_LANGUAGE"
    assert languages.choose_target("en", "es") == "es"


def test_a_session_in_a_language_that_is_not_heard_is_refused() -> None:
    languages = Languages(can_recognise, can_translate, can_speak)
    assert languages.choose_source("ja") == "ja"
    with pytest.raises(Refusal):
        languages.choose_source("tlh")
