"""Which languages Amazon's services can be asked for, and in which pairs."""

from __future__ import annotations

import botocore.session
import pytest

from connectors.amazon.languages import (
    AMAZON_LANGUAGES,
    can_recognise,
    can_speak,
    can_translate,
    is_captions_only,
)
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.languages import Languages
from schemas.languages import AmazonLanguage

pytestmark = pytest.mark.unit


END_TO_END = frozenset(
    [
        "ar",
        "ca",
        "cs",
        "da",
        "de",
        "en",
        "es",
        "fi",
        "fr",
        "hi",
        "it",
        "ja",
        "ko",
        "nl",
        "no",
        "pl",
        "pt",
        "sv",
        "zh",
    ]
)
CAPTIONS_ONLY = frozenset(
    [
        "af",
        "el",
        "fa",
        "he",
        "hr",
        "id",
        "lv",
        "ms",
        "ro",
        "ru",
        "sk",
        "so",
        "sr",
        "th",
        "tl",
        "uk",
        "vi",
    ]
)


def names(service: str, shape: str) -> set[str]:
    """What botocore's model of a service lists."""
    model = botocore.session.get_session().get_service_model(service)
    return set(model.shape_for(shape).enum)


def test_nineteen_languages_go_end_to_end() -> None:
    complete = {code for code in AMAZON_LANGUAGES if can_recognise(code) and can_speak(code)}
    assert complete == END_TO_END
    assert all(can_translate(one, two) for one in complete for two in complete if one != two)


def test_captions_only_languages_can_be_reached_and_not_spoken() -> None:
    assert {code for code in AMAZON_LANGUAGES if is_captions_only(code)} == CAPTIONS_ONLY
    assert all(can_recognise(code) and can_translate("en", code) for code in CAPTIONS_ONLY)


def test_turkish_is_a_target_only() -> None:
    assert not can_recognise("tr")
    assert can_translate("en", "tr")
    assert can_speak("tr")


def test_the_services_know_the_codes() -> None:
    """Which codes a stream takes, and Translate's, botocore does not list; those of Transcribe's
    jobs it does, and each stream's language is one of theirs."""
    rows = AMAZON_LANGUAGES.values()
    assert {row.transcribe_locale for row in rows} - {None} <= names("transcribe", "LanguageCode")
    assert {row.polly_locale for row in rows} - {None} <= names("polly", "LanguageCode")
    voices = {row.neural_voice for row in rows} | {row.generative_voice for row in rows}
    assert voices - {None} <= names("polly", "VoiceId")


@pytest.mark.parametrize(("code", "row"), AMAZON_LANGUAGES.items())
def test_a_voice_has_its_locale_and_a_target_to_speak(code: str, row: AmazonLanguage) -> None:
    assert (row.polly_locale is None) == (row.neural_voice is None)
    assert row.neural_voice is None or row.translate_code is not None
    assert row.generative_voice is None or row.neural_voice is not None
    assert row.transcribe_locale is None or row.transcribe_locale.split("-")[0] == code


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
    ("source", "target"), [("en", "gl"), ("en", "tlh"), ("gl", "es"), ("en", "und")]
)
def test_a_pair_that_is_not_offered_is_refused_at_join(source: str, target: str) -> None:
    languages = Languages(can_recognise, can_translate, can_speak)
    with pytest.raises(Refusal) as refused:
        languages.choose_target(source, target)
    assert refused.value.code == "BAD_LANGUAGE"
    assert languages.choose_target("en", "es") == "es"


def test_a_language_that_only_translate_knows_is_for_reading() -> None:
    languages = Languages(can_recognise, can_translate, can_speak)
    assert not can_speak("uk")
    assert languages.choose_target("en", "uk") == "uk"


def test_a_session_in_a_language_that_is_not_heard_is_refused() -> None:
    languages = Languages(can_recognise, can_translate, can_speak)
    assert languages.choose_source("ja") == "ja"
    with pytest.raises(Refusal):
        languages.choose_source("tlh")
