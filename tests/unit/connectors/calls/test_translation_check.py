"""What passes for a translation of a language model, and what does not."""

from __future__ import annotations

from itertools import permutations

import pytest

from benchmarks.recorded_talks import text_of
from connectors.calls.translation_check import checked_translation
from connectors.interfaces.errors import NoTranslationError

pytestmark = pytest.mark.unit

TEXT = "The first two did not change anything, he said to us."


@pytest.mark.parametrize(
    ("text", "answer", "target", "translation"),
    [
        (TEXT, " Los dos primeros no cambiaron nada, nos dijo. ", "es", None),
        (TEXT, "Os dois primeiros não mudaram nada, disse-nos ele.", "pt", None),
        (TEXT, "Els dos primers no van canviar res, ens va dir.", "ca", None),
        (TEXT, "最初の二つは何も変えなかったと彼は言った。", "ja", None),
        (TEXT, "Первые два ничего не изменили, сказал он нам.", "ru", None),
        ("これは大きな家です", "This is a big house", "en", None),
        ("Peter Smith", "Peter Smith", "es", None),
        ("1 2 3 4 5", "1 2 3 4 5", "es", None),
        ("No, no, no, no, no.", "No, no, no, no, no.", "es", None),
        ("I read The Lord of the Rings.", "Leí The Lord of the Rings.", "es", None),
        ("see https://example.org/a?b=c", "véase https://example.org/a?b=c", "es", None),
        ("日本語 one", "日本語 uno", "es", None),
        ("Desculpe, não posso.", "I'm sorry, I cannot.", "en", None),
        ("the house", '"la casa"', "es", "la casa"),
        ("the house", "« la maison »", "fr", "la maison"),
        ("the house", "<translation>la casa</translation>", "es", "la casa"),
        ("the house", "<think>a house,\nin Spanish</think>\nla casa", "es", "la casa"),
        ('"the house", he said', '"la casa", dijo', "es", None),
        ("yes", "そうです", "ja", None),
    ],
)
def test_translations_pass(text: str, answer: str, target: str, translation: str | None) -> None:
    checked = checked_translation(answer, text, "en", target)
    assert checked == (answer.strip() if translation is None else translation)


@pytest.mark.parametrize(
    ("text", "answer", "target", "says"),
    [
        (TEXT, "", "es", "nothing"),
        (TEXT, "<think>hm</think>", "es", "nothing"),
        (TEXT, "<end>", "es", "nothing"),
        (TEXT, "Here is the translation: Los dos primeros no cambiaron nada.", "es", "commentary"),
        (TEXT, "Los dos primeros no cambiaron nada.\n\n(Nota: literal)", "es", "commentary"),
        (TEXT, "I'm sorry, but I can't help with that.", "es", "commentary"),
        (TEXT, "Sure! Los dos primeros no cambiaron nada.", "es", "commentary"),
        (TEXT, '{"translation": "Los dos primeros"}', "es", "markup"),
        (TEXT, "`Los dos primeros no cambiaron nada`", "es", "markup"),
        (TEXT, "Los dos primeros no cambiaron nada. " * 10, "es", "far more"),
        (TEXT * 2, "No.", "es", "far less"),
        (TEXT, TEXT.upper(), "es", "text itself"),
        (TEXT, f"Traducción de {TEXT}", "es", "text itself"),
        (
            TEXT,
            "Os dois primeiros não mudaram nada e não disse a ele na rua",
            "es",
            "language",
        ),
        (
            "What is the capital of France?",
            "You asked it, and this is Paris",
            "es",
            "language",
        ),
        (TEXT, "Los dos primeros no cambiaron nada", "ru", "script"),
        ("the house is big", "дом большой", "es", "script"),
        ("the house is big", "집이 크다", "ja", "script"),
    ],
)
def test_what_is_no_translation_is_refused(text: str, answer: str, target: str, says: str) -> None:
    with pytest.raises(NoTranslationError, match=says) as refused:
        checked_translation(answer, text, "en", target)
    assert "primeros" not in str(refused.value)


@pytest.mark.parametrize(
    ("released", "answer", "whole"),
    [
        ("Los dos", "primeros no cambiaron nada.", "Los dos primeros no cambiaron nada."),
        ("Los dos", "Los dos primeros no cambiaron.", "Los dos primeros no cambiaron."),
        ("Los dos", "los dos, primeros.", "Los dos, primeros."),
        ("Hola,", "Hola, mundo", "Hola, mundo"),
        ("Hola,", "mundo", "Hola, mundo"),
        ("Hola", ", mundo", "Hola, mundo"),
        ("Hola mundo", ".", "Hola mundo."),
        ("Los dos primeros", "dos primeros no cambiaron", "Los dos primeros no cambiaron"),
        ("Los dos primeros", "<end>", "Los dos primeros"),
        ("Los dos primeros", "", "Los dos primeros"),
        ("Los dos primeros", "Los dos primeros", "Los dos primeros"),
    ],
)
def test_what_is_released_begins_the_translation(released: str, answer: str, whole: str) -> None:
    assert checked_translation(answer, TEXT, "en", "es", released) == whole


def test_languages_without_spaces_are_gone_on_with_without_one() -> None:
    assert (
        checked_translation("家です", "it is a big house", "en", "ja", "大きな") == "大きな家です"
    )


def test_who_begins_anew_does_not_go_on() -> None:
    with pytest.raises(NoTranslationError, match="go on"):
        checked_translation(
            "Los primeros dos no cambiaron nada.", TEXT, "en", "es", "Los dos primeros no han"
        )


def test_what_is_released_counts_as_translated() -> None:
    """A short rest is not too little, and a released text does not make it too long."""
    released = "Los dos primeros no cambiaron nada, nos lo dijo él mismo ayer por la tarde"
    assert checked_translation("en casa.", TEXT * 2, "en", "es", released).endswith("en casa.")


TALKS = ("cities", "dashwood", "telephone")
LANGUAGES = ("en", "es", "fr", "pt", "ca")


def is_refused(answer: str, text: str, target: str) -> bool:
    try:
        checked_translation(answer, text, "en", target)
    except NoTranslationError:
        return True
    return False


def test_no_sentence_of_the_recorded_talks_is_refused_in_its_own_language() -> None:
    refused = [
        (source, target, number)
        for talk in TALKS
        for source, target in permutations(LANGUAGES, 2)
        for number, (text, answer) in enumerate(
            zip(text_of(talk, source), text_of(talk, target), strict=True)
        )
        if is_refused(answer, text, target)
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("spoken", "answered", "target", "least"),
    [("es", "en", "fr", 0.9), ("en", "es", "pt", 0.7), ("en", "fr", "es", 0.65)],
)
def test_sentences_in_another_language_are_mostly_found(
    spoken: str, answered: str, target: str, least: float
) -> None:
    found = [
        is_refused(answer, text, target)
        for talk in TALKS
        for text, answer in zip(text_of(talk, spoken), text_of(talk, answered), strict=True)
    ]
    assert sum(found) / len(found) >= least
