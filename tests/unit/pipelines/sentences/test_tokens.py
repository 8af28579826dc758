from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentences.tokens import ends_with, text_of, tokens_of, without_stop, word_count

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("He said: «no», then left.", ["He", "said:", "«no»,", "then", "left."]),
        ("今日は、良い天気。", ["今", "日", "は、", "良", "い", "天", "気。"]),
        ("彼は「はい」と言った", ["彼", "は", "「は", "い」", "と", "言", "っ", "た"]),
        ("Python を使う", ["Python", "を", "使", "う"]),
        ("كيف حالك؟", ["كيف", "حالك؟"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("naïve — yes", ["naïve", "—", "yes"]),
        ("", []),
    ],
)
def test_words_or_characters(text: str, parts: list[str]) -> None:
    assert [token.text for token in tokens_of(text)] == parts


@given(st.text(max_size=60))
def test_tokens_put_together_are_the_text_with_single_spaces(text: str) -> None:
    assert text_of(tokens_of(text)) == " ".join(text.split())


def test_what_is_compared_has_no_case_and_no_marks() -> None:
    assert [t.bare for t in tokens_of("“¿Él, NO!” don't — क्षि")] == [
        "él",
        "no",
        "don't",
        "",
        "क्षि",
    ]


@pytest.mark.parametrize(("text", "words"), [("one two", 2), ("今日は良", 2), ("", 0)])
def test_characters_count_half(text: str, words: float) -> None:
    assert word_count(text) == words


def test_marks_behind_a_closing_quote() -> None:
    assert ends_with("he left.”", ".")
    assert not ends_with("he left, he", ",")
    assert not ends_with("", ".")


def test_the_engines_stop_is_taken_away() -> None:
    assert without_stop("la casa.") == "la casa"
    assert without_stop("家。") == "家"
    assert without_stop("la casa,") == "la casa,"
