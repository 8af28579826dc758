"""Texts and engines that one would rather not have, through a sentence's cursor.

Others stand where they belong: sentences that never end (``test_sentence_buffer``), answers that
are none (``test_cursor``, ``connectors/calls/test_translation_check``), words that are revised
(``segmentation/test_step_segmenter``), languages that join in the middle (``test_releases``)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.calls.guided_translator import Guidance
from connectors.interfaces.translation import NO_HINTS
from pipelines.sentences.cursor import Pace, TranslationCursor
from pipelines.sentences.phrases import is_phrase, voiced_text
from pipelines.sentences.release import Agreement

pytestmark = pytest.mark.unit


def released(drafts: Mapping[str, str]) -> list[str]:
    """What is released of a sentence that grows so, step by step; the last source is all of it."""
    cursor = TranslationCursor(Agreement(2), Pace(1))
    releases: list[str] = []
    for source, draft in drafts.items():
        step = cursor.step(0, source, is_final=source == list(drafts)[-1])
        if step is not None:
            releases.append(cursor.answered(step, draft).text)
    return releases


def test_a_language_that_is_written_from_the_right_is_released_in_its_own_order() -> None:
    found = released(
        {
            "the old house": "البيت القديم",
            "the old house is by": "البيت القديم يقع",
            "the old house is by the sea.": "البيت القديم يقع بجوار البحر، نعم؟",
        }
    )
    assert found == ["", "البيت القديم", " يقع بجوار البحر، نعم؟"]


def test_marks_of_arabic_end_clauses_and_phrases() -> None:
    assert is_phrase("يا صديقي،", ends_sentence=False)
    assert not is_phrase("يا صديقي", ends_sentence=False)
    assert voiced_text("، نعم؟") == "نعم؟"


def test_markup_is_text() -> None:
    """Whoever shows it escapes it (schemas/captions, the pages)."""
    found = released(
        {
            "use the <b> tag": "usa la etiqueta <b>",
            "use the <b> tag & close it": "usa la etiqueta <b> y &amp;",
            "use the <b> tag & close it </b>.": "usa la etiqueta <b> y ciérrala </b>.",
        }
    )
    assert "".join(found) == "usa la etiqueta <b> y ciérrala </b>."
    assert found[1] == "usa la etiqueta <b>"


def test_words_that_are_repeated_are_released_as_often_as_they_were_said() -> None:
    found = released(
        {
            "no no": "no no",
            "no no no no": "no no no no",
            "no no no no no no.": "no no no no no no.",
        }
    )
    assert "".join(found).split() == ["no"] * 5 + ["no."]


def test_a_term_that_comes_in_two_steps_waits_for_the_drafts_to_agree() -> None:
    """Its first half is translated otherwise, when nobody knows yet that it is a term's."""
    guidance = Guidance((("es", (("heat pump", "bomba de calor"),)),))
    sources = ["the heat", "the heat pump hums", "the heat pump hums at night."]
    told = [guidance.hints(each, "en", "es", NO_HINTS).glossary for each in sources]
    assert [len(each) for each in told] == [0, 1, 1]
    drafts = ["el calor", "la bomba de calor zumba", "la bomba de calor zumba de noche."]
    found = released(dict(zip(sources, drafts, strict=True)))
    assert found == ["", "", "la bomba de calor zumba de noche."]


def test_an_engine_that_falls_into_another_language_is_gone_on_from() -> None:
    found = released(
        {
            "the big house": "la casa grande",
            "the big house on the": "la casa grande en la",
            "the big house on the hill": "das große Haus auf dem Hügel",
            "the big house on the hill stands empty.": "la casa grande de la colina está vacía.",
        }
    )
    assert found[1] == "la casa grande"
    assert "Haus" not in "".join(found)
    assert "".join(found).endswith("colina está vacía.")
