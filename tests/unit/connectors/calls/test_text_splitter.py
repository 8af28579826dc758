"""Long texts in pieces: nothing is lost, nothing is too long, and sentences stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.calls.text_splitter import bytes_of, readable, split_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "longest", "pieces"),
    [
        ("One two. Three.", 100, ["One two. Three."]),
        ("One two. Three four. Five.", 12, ["One two.", "Three four.", "Five."]),
        ("A b. C d. E f g h.", 9, ["A b. C d.", "E f g h."]),
        ("One, two, three.", 9, ["One, two,", "three."]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("He said: «Yes.» And left.", 16, ["He said: «Yes.»", "And left."]),
        ("一二三。四五六。", 4, ["一二三。", "四五六。"]),
        ("3.5 is 1,000", 6, ["3.5 is", "1,000"]),
        ("  \n ", 5, []),
    ],
)
def test_where_it_is_cut(text: str, longest: int, pieces: list[str]) -> None:
    assert split_text(text, longest) == pieces


def test_bytes_are_counted_where_bytes_are_meant() -> None:
    assert split_text("ñañ ñañ", 5, bytes_of) == ["ñañ", "ñañ"]
    assert split_text("ñañ ñañ", 7) == ["ñañ ñañ"]


def test_a_character_that_fits_nowhere() -> None:
    with pytest.raises(ValueError, match="not even one"):
        split_text("日本", 2, bytes_of)


@given(st.text(alphabet="ab ñ日.,!?;\n、。", max_size=300), st.integers(4, 60))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, longest: int) -> None:
    for size in (len, bytes_of):
        pieces = split_text(text, longest, size)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert all(0 < size(piece) <= longest for piece in pieces)
        assert all(piece == piece.strip() for piece in pieces)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one\0two\r\n three", "one two three"),
        ("a \ud800 b\x1b[0m", "a b [0m"),
        ("  <b>¿Qué?</b> & 😀 ", "<b>¿Qué?</b> & 😀"),
        ("x\ufffe\uffffy", "x y"),
    ],
)
def test_what_no_service_takes_is_left_out(text: str, clean: str) -> None:
    assert readable(text) == clean
