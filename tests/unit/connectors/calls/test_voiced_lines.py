"""Lines end at pauses, hold their voice whole, and never overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.calls.voiced_lines import LineRule, VoicedLine, VoicedLines
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory

pytestmark = pytest.mark.unit

S = 32_000
"""Bytes of a second."""


def lines_of(pcm: bytes, step: int = S // 2, rule: LineRule | None = None) -> list[VoicedLine]:
    lines = VoicedLines(ScriptedVoiceActivityFactory(lag_samples=800).detector(), rule)
    found = [line for at in range(0, len(pcm), step) for line in lines.add(pcm[at : at + step])]
    return [line for line in found if line.is_complete] + lines.end()


def voice(seconds: float) -> bytes:
    return b"\x01\x00" * round(seconds * 16_000)


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * 16_000))


def test_a_pause_ends_a_line_and_a_short_gap_does_not() -> None:
    lines = lines_of(quiet(1) + voice(1) + quiet(0.3) + voice(0.5) + quiet(1) + voice(1))
    assert [(line.start_s, line.end_s) for line in lines] == [
        pytest.approx((0.8, 3.0)),
        pytest.approx((3.6, 4.8)),
    ]
    assert all(line.is_complete for line in lines)


def test_silence_makes_no_line() -> None:
    assert lines_of(quiet(5)) == []


def test_who_does_not_pause_is_cut() -> None:
    lines = lines_of(voice(7), rule=LineRule(longest_s=3.0))
    assert [line.end_s - line.start_s for line in lines] == [
        pytest.approx(3.0, abs=0.5),
        pytest.approx(3.0, abs=0.5),
        pytest.approx(1.0, abs=1.0),
    ]


def test_the_open_line_is_given_as_it_is_now() -> None:
    lines = VoicedLines(ScriptedVoiceActivityFactory().detector())
    assert lines.add(quiet(0.5)) == []
    (opened,) = lines.add(voice(1))
    assert (opened.start_s, opened.end_s, opened.is_complete) == (0.3, 1.5, False)
    assert opened.pcm == quiet(0.2) + voice(1)


def test_only_the_open_line_is_kept() -> None:
    lines = VoicedLines(ScriptedVoiceActivityFactory().detector())
    for _ in range(20):
        lines.add(quiet(1))
    assert len(lines._audio) <= 2 * S


@given(
    spans=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20)), min_size=1, max_size=8),
    step=st.integers(100, 9_000),
)
def test_all_voice_is_in_one_line(spans: list[tuple[int, int]], step: int) -> None:
    """However the audio is cut: lengths in tenths of a second."""
    pcm = b"".join(voice(spoken / 10) + quiet(silent / 10) for spoken, silent in spans)
    lines = lines_of(pcm, 2 * step)
    assert sum(line.pcm.count(1) for line in lines) == pcm.count(1)
    assert all(a.end_s <= b.start_s for a, b in pairwise(lines))
    assert all(len(line.pcm) == round((line.end_s - line.start_s) * 16_000) * 2 for line in lines)
