"""Which way a text goes, and how it is cleaned for it."""

from __future__ import annotations

import pytest

from connectors.local.ctranslate2_engine import sentences
from connectors.local.routes import APERTIUM, NEURAL, PIVOTS, Step, find_route
from connectors.local.translation import printable, unfinished, without_ellipsis

pytestmark = pytest.mark.unit

NEURAL_PAIRS = [("en", "pt"), ("pt", "en"), ("en", "de"), ("fr", "en")]


def apertium(source: str, target: str) -> bool:
    return source in {"en", "es", "pt", "ca"} and target in {"es", "ca", "fr"}


@pytest.mark.parametrize(
    ("source", "target", "steps"),
    [
        ("en", "pt", [Step(NEURAL, "en", "pt")]),
        ("fr", "de", [Step(NEURAL, "fr", "en"), Step(NEURAL, "en", "de")]),
        ("en", "es", [Step(NEURAL, "en", "pt"), Step(APERTIUM, "pt", "es")]),
        ("es", "ca", [Step(APERTIUM, "es", "ca")]),
        ("en", "gl", None),
        ("en", "tlh", None),
        ("en", "en", None),
        ("", "", None),
    ],
)
def test_the_best_route_is_taken(source: str, target: str, steps: list[Step] | None) -> None:
    route = find_route(NEURAL_PAIRS, apertium, source, target)
    assert (list(route.steps) if route else None) == steps


def test_without_the_neural_half_a_pivot_is_not_taken() -> None:
    route = find_route([], apertium, "en", "es")
    assert route is not None
    assert route.steps == (Step(APERTIUM, "en", "es"),)


def test_a_model_of_the_users_own_goes_before_a_pivot() -> None:
    route = find_route([*NEURAL_PAIRS, ("en", "es")], apertium, "en", "es")
    assert route is not None
    assert route.steps == (Step(NEURAL, "en", "es"),)


def test_every_pivot_says_why() -> None:
    assert all(len(reason) > 20 for _, reason in PIVOTS.values())


@pytest.mark.parametrize(
    ("text", "clean"),
    [("one\0two\n three", "one two three"), ("a \ud800 b", "a b"), ("e\u0301\u2028x", "é x")],
)
def test_text_is_one_line_of_signs_that_can_be_shown(text: str, clean: str) -> None:
    assert printable(text) == clean


def test_sentences_are_cut_behind_their_ends_only() -> None:
    text = "It is 3.5 m long. Is it? Yes"
    assert sentences(text) == ["It is 3.5 m long.", "Is it?", "Yes"]


def test_a_model_is_told_that_a_sentence_goes_on() -> None:
    assert unfinished("the house, which") == "the house, which …"


@pytest.mark.parametrize("answer", ["a casa...", "a casa …", "a casa…", "a casa ...", "a casa"])
def test_the_sign_does_not_come_out(answer: str) -> None:
    assert without_ellipsis(answer) == "a casa"
