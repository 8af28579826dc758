"""Figures that are not what is promised are named, and fail what measured them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.bars import Bar, in_a_line, missed
from benchmarks.browsers import bars as browsers
from benchmarks.score import bars as score
from benchmarks.score.figures import Figures
from benchmarks.score.measure import Row

pytestmark = pytest.mark.unit

FIGURES = Figures(1.5, 3.0, 1.7, 3.4, 3.7, 98.1, 2.3, 94.0, 100.0, 1.4, 6.1, 4)
SWIFT = Row("en-pt", score.SWIFT, "perfect", FIGURES, 96.0, {}, 1.0, 5.0)


def test_a_bar_is_kept_missed_or_not_measured() -> None:
    bar = Bar("wer_pause", 0.01, "wer_whole_file")
    assert bar.row({"wer_pause": 0.26, "wer_whole_file": 0.25})[1:] == ("0.26", "0.26", "kept")
    assert bar.row({"wer_pause": 0.27, "wer_whole_file": 0.25})[3] == "MISSED"
    assert bar.row({"wer_pause": 0.27})[3] == "not measured"
    assert bar.row({"wer_whole_file": 0.25})[1] == "-"
    assert Bar("x", 2.0).row({"x": 2.0}) == ("x", "2", "2", "kept")
    assert Bar("x", least=2.0).is_missed({"x": 1.9})
    assert not Bar("x", least=2.0).is_missed({"x": 2.0})


def test_what_is_missed_is_named_once_with_its_value() -> None:
    bars = (Bar("x", 2.0), Bar("x", 1.0), Bar("y", 1.0))
    assert missed(bars, {"x": 3.0, "y": 1.0}) == ["x 3"]
    assert missed(bars, {"y": 1.0}) == []
    assert in_a_line(["x 3", "y 2"]) == "x 3, y 2"
    assert in_a_line([]) == "-"
    assert missed(bars, {"y": 1.0}, all_measured=True) == ["x -"]


def test_the_scores_bars_are_of_rows_by_pair_policy_and_words() -> None:
    bars = [bar for bar in score.BARS if "en-pt by agreement, swift of perfect" in bar.key]
    assert len(bars) == 6
    assert missed(bars, score.flat([SWIFT]), all_measured=True) == []
    later = replace(SWIFT, figures=replace(FIGURES, delay_mean_s=1.7, phrase_words=3))
    assert missed(bars, score.flat([later])) == [
        "delay_mean_s of en-pt by agreement, swift of perfect words 1.7",
        "phrase_words of en-pt by agreement, swift of perfect words 3",
    ]
    assert missed(bars, {}, all_measured=True) != [], "rows that are not there are not as promised"


def test_the_browsers_figures_have_the_names_that_lead_to_them() -> None:
    found = {"audience": {"lost": 1}, "arrivals": {"slow phone": {"shift": 0.0}}, "none": None}
    assert browsers.flat(found) == {"audience lost": 1.0, "arrivals slow phone shift": 0.0}
    assert missed(browsers.BARS, browsers.flat(found)) == ["audience lost 1"]
