"""When frames that are each voice or not become voice, and a pause."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.offline.voice_smoother import Smoother, SmoothingRule

pytestmark = pytest.mark.unit

RULE = SmoothingRule(
    onset_frames=2, onset_window_frames=3, margin_frames=2, hangover_frames=5, tail_frames=1
)
FLAGS = {"x": True, ".": False}


def smooth(frames: str, rule: SmoothingRule = RULE) -> str:
    """``x`` is a frame of voice, ``.`` one without; the same for what was decided."""
    smoother = Smoother(rule)
    decided = [run for frame in frames for run in smoother.hear(FLAGS[frame])]
    return "".join(("x" if is_voice else ".") * count for count, is_voice in decided)


@pytest.mark.parametrize(
    ("heard", "decided"),
    [
        pytest.param("........x........", "." * 13, id="a click is no voice"),
        pytest.param("........x..x....", "." * 12, id="nor are two that are far apart"),
        pytest.param("........xx", "......xxxx", id="the margin goes in front of the onset"),
        pytest.param("........x.x", "......xxxxx", id="an onset may flicker"),
        pytest.param("xx", "xx", id="nothing lies in front of the first frame"),
        pytest.param("xxxx....xxxx", "x" * 12, id="shorter than the hangover is no pause"),
        pytest.param("xxxx....", "xxxx", id="a pause is open while it is short"),
        pytest.param("xxxx.....", "xxxxx", id="the tail is voice; an onset may claim the rest"),
        pytest.param("xxxx........", "xxxxx...", id="a pause goes on being decided"),
        pytest.param("xxxx.....xx", "xxxxx..xxxx", id="a margin is taken out of the pause"),
        pytest.param("xxxx.......xx", "xxxxx....xxxx", id="voice, pause, voice"),
        pytest.param("xxxx.......x.......x", "xxxxx...........", id="a click in a pause"),
    ],
)
def test_rules(heard: str, decided: str) -> None:
    assert smooth(heard) == decided


def test_an_onset_may_ask_for_every_frame() -> None:
    strict = SmoothingRule(2, 2, margin_frames=3, hangover_frames=5, tail_frames=0)
    assert smooth(".........x.x.x.x", strict) == "." * 12
    assert smooth(".........xx.....", strict) == "......xxxxx."


@given(
    heard=st.text("x.", max_size=60),
    onset=st.integers(1, 3),
    more=st.integers(0, 2),
    margin=st.integers(0, 4),
    hangover=st.integers(2, 7),
    tail=st.integers(0, 1),
)
def test_any_frames_under_any_rule(
    heard: str, onset: int, more: int, margin: int, hangover: int, tail: int
) -> None:
    rule = SmoothingRule(onset, onset + more, margin, hangover, tail)
    for length in range(len(heard)):
        decided = smooth(heard[:length], rule)
        assert length - rule.lag_frames <= len(decided) <= length
        assert smooth(heard, rule).startswith(decided), "what is decided stays"
    decided = smooth(heard, rule)
    voiced = [len(list(run)) for is_voice, run in groupby(decided) if is_voice == "x"]
    assert all(length >= onset for length in voiced)


@pytest.mark.parametrize(
    "rule", [(0, 1, 0, 2, 0), (3, 2, 0, 2, 0), (1, 1, 0, 2, 2), (1, 1, -1, 2, 0)]
)
def test_a_rule_that_contradicts_itself_is_refused(rule: tuple[int, int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        SmoothingRule(*rule)
