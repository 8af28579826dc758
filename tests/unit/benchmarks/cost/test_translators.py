"""Characters and tokens of sentences that are translated as they grow, counted by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.cost.__main__ import spend_figures, translator_figures
from benchmarks.cost.charges import read_prices
from benchmarks.cost.translators import (
    SentenceStep,
    TextLengths,
    TranslatorPrice,
    dollars_of,
    read_translator_prices,
    steps,
    usage,
)
from benchmarks.score.talks import MATERIAL, read_talks
from benchmarks.talks import write_talk
from connectors.calls.prompted_translator import prompt_of
from connectors.interfaces.translation import TranslationHints, TranslationUsage
from pipelines.sentences.cursor import Pace

pytestmark = pytest.mark.unit

TALK = ("One two three, four five.", "Six seven.")


def test_a_sentence_is_translated_again_as_it_grows() -> None:
    assert [step.text for step in steps(TALK, None)] == list(TALK)
    found = list(steps(TALK, Pace(2)))
    assert [step.text for step in found[:3]] == ["One two", "One two three, four", TALK[0]]
    assert [step.done for step in found] == [0, 7, 19, 0]
    assert found[3] == SentenceStep("Six seven.", 0, (TALK[0],))
    clauses = [step.text for step in steps(TALK, Pace(at_clauses=True))]
    assert clauses == ["One two three,", *TALK]


def test_a_model_reads_its_prompt_and_writes_what_is_new() -> None:
    step = SentenceStep("abcdefghij", 4, ("Before.",))
    used = usage([step], TextLengths(2.0, 1.5))
    prompt = prompt_of(step.text, "en", "pt", TranslationHints("x" * 6, ("Before.",)), 500)
    read = math.ceil((len(prompt.instructions) + len(prompt.content)) / 2)
    assert used == TranslationUsage(1, 10, read, math.ceil(6 * 1.5 / 2))


def test_each_service_bills_what_it_counts() -> None:
    used = TranslationUsage(7, 1_000, 200, 30)
    assert dollars_of(used, TranslatorPrice("a", 0.5, 0.0, 0.0, "")) == 500
    assert dollars_of(used, TranslatorPrice("b", 0.0, 0.1, 2.0, "")) == pytest.approx(80)


def test_every_price_names_where_it_is_from() -> None:
    prices = read_translator_prices()
    assert len({price.name for price in prices}) == len(prices) > 3
    assert all("pricing" in price.source for price in prices)
    assert all(price.per_output_token > price.per_input_token for price in prices[1:])


def test_an_hour_costs_more_the_more_often_it_is_translated() -> None:
    found = translator_figures(read_talks(MATERIAL / "talks-en.json"))
    order = ["each sentence once", "thrifty", "balanced", "swift"]
    for name in ("Amazon Translate", "Amazon Nova Lite", "calls"):
        costs = [found[steps][name] for steps in order]
        assert costs == sorted(costs)
        assert costs[0] > 0
    ratio = found["swift"]["characters"] / found["each sentence once"]["characters"]
    assert 5.0 < ratio < 7.0


def test_what_a_room_spends_is_compared_with_the_flow_that_is_replaced() -> None:
    """What docs/decisions/0019 decides by: the default with Amazon, and for rooms of ten."""
    talks = [write_talk(1, 120.0)]
    found = spend_figures(read_prices(), talks, {"swift": 6.0, "balanced": 3.5, "thrifty": 1.6})
    assert found["balanced_2_heard_dollars_ratio"] < 1.0 < found["swift_2_heard_dollars_ratio"]
    assert found["thrifty_10_heard_dollars_ratio"] < 1.1 < found["balanced_10_heard_dollars_ratio"]
    assert found["swift_0_heard_neural_dollars"] == found["thrifty_0_heard_neural_dollars"]
