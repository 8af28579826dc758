"""Routes between languages, Apertium's stream format, and case."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.offline.translation import (
    find_modes,
    from_stream,
    match_case,
    shortest_route,
    to_stream,
)
from connectors.offline.translation_process import commands_of

pytestmark = pytest.mark.unit

INSTALLED = ("eng-spa", "spa-eng", "eng-cat", "cat-eng", "fra-cat", "cat-fra", "es-pt", "pt-es")


def test_modes_are_known_by_two_letter_codes_and_variants_left_out() -> None:
    assert find_modes(["eng-spa", "es-pt", "es-pt_BR", "eng-cat_valencia", "README"]) == {
        ("en", "es"): "eng-spa",
        ("es", "pt"): "es-pt",
    }


@pytest.mark.parametrize(
    ("source", "target", "route"),
    [
        ("en", "es", ("en", "es")),
        ("en", "pt", ("en", "es", "pt")),
        ("en", "fr", ("en", "ca", "fr")),
        ("pt", "fr", ("pt", "es", "en", "ca", "fr")),
        ("en", "de", None),
        ("de", "en", None),
    ],
)
def test_pairs_are_chained(source: str, target: str, route: tuple[str, ...] | None) -> None:
    assert shortest_route(find_modes(INSTALLED), source, target) == route


def test_the_shortest_of_several_routes() -> None:
    pairs = [("en", "es"), ("es", "ca"), ("ca", "fr"), ("en", "ca"), ("ca", "en")]
    assert shortest_route(pairs, "en", "fr") == ("en", "ca", "fr")


def test_programs_of_a_mode_flush_at_nul_and_mark_nothing(tmp_path: Path) -> None:
    mode = tmp_path / "eng-spa.mode"
    mode.write_text(
        "lt-proc '/a b/x.bin' | apertium-tagger -g $2 '/p.prob' | lt-proc $1 '/gen.bin'\n"
    )
    assert commands_of(mode) == [
        ["lt-proc", "-z", "/a b/x.bin"],
        ["apertium-tagger", "-z", "-g", "/p.prob"],
        ["lt-proc", "-z", "-n", "/gen.bin"],
    ]


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("5$ and/or a@b", r"5\$ and\/or a\@b"),
        ("a [b] {c} ^d$ <e> \\f", r"a b c d\$ e f"),
        ("one\0two\nthree\u2028four", "one two three four"),
        ("one \ud800 two", "one two"),
        ("i think i'm in", "I think I'm in"),
    ],
)
def test_text_becomes_one_clean_line(text: str, stream: str) -> None:
    assert to_stream(text, "en") == stream


def test_other_languages_keep_their_small_i() -> None:
    assert to_stream("tu i jo", "ca") == "tu i jo"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("el *qqxz come @take #tener", "el qqxz come take tener"),
        ('¿*Qué? (*eso) "@so"', '¿Qué? (eso) "so"'),
        (r"5\$ y\/o a\@b", "5$ y/o a@b"),
        ("casa<n><f><sg> grande [] .", "casa grande."),
        ("a  b ,  c", "a b, c"),
    ],
)
def test_marks_tags_and_escapes_go(answer: str, text: str) -> None:
    assert from_stream(answer) == text


@pytest.mark.parametrize(
    ("translated", "source", "text"),
    [
        ("La casa. No es NASA", "the house. it is not nasa", "la casa. no es NASA"),
        ("la casa", "The house", "La casa"),
        ("La Casa", "the White House", "La Casa"),
        ("¿Cómo?", "how?", "¿cómo?"),
    ],
)
def test_case_follows_the_source(translated: str, source: str, text: str) -> None:
    assert match_case(translated, source) == text
