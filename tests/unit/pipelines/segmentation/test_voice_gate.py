"""Voice goes through with its beginning and a little silence behind it; silence does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.segmentation.voice_gate import GateRule, VoiceGate
from pipelines.segmentation.voice_track import VoiceTrack

pytestmark = pytest.mark.unit

RULE = GateRule(hang_samples=50, preroll_samples=30)


@dataclass(frozen=True)
class Run:
    end_sample: int
    is_voice: bool


def track_of(*runs: tuple[int, bool], origin: int = 0) -> VoiceTrack:
    track = VoiceTrack(origin)
    for end, is_voice in runs:
        track.extend(end, is_voice=is_voice)
    return track


def test_runs_that_touch_are_one() -> None:
    track = track_of((10, False), (20, True), (35, True), (60, False), (70, True))
    assert track.voice_after(0) == 10
    assert track.voice_after(15) == 15
    assert track.voice_after(35) == 60
    assert track.voice_end_before(60) == 35
    assert track.voice_end_before(30) == 30
    assert track.pause_after(10, 25) == (35, 60)
    assert track.pause_after(10, 26) is None
    assert track.pause_after(40, 20) == (40, 60)


def test_a_pause_may_still_be_going_on() -> None:
    assert track_of((20, True), (50, False)).pause_after(0, 30) == (20, 50)
    assert track_of((20, True), (50, False)).pause_after(0, 31) is None


def test_what_is_forgotten_is_no_pause() -> None:
    track = track_of((100, True), (110, False), (200, True))
    track.forget_before(105)
    assert track.pause_after(0, 50) is None
    assert track.voice_after(0) == 110


def test_silence_stays_outside_but_for_what_is_in_front_of_a_voice() -> None:
    gate = VoiceGate(0, RULE)
    gate.decided([Run(1_000, False)])
    assert gate.ranges(1_020) == []
    assert gate.next_sample == 970
    gate.decided([Run(1_100, False), Run(1_150, True)])
    assert gate.ranges(1_160) == [(1_070, 1_160)], "undecided samples go on while it is open"
    gate.decided([Run(1_180, False)])
    assert gate.ranges(1_200) == [(1_160, 1_200)], "a short pause is sent"


def test_the_gate_closes_when_silence_has_lasted() -> None:
    gate = VoiceGate(0, RULE)
    gate.decided([Run(100, True)])
    assert gate.ranges(100) == [(0, 100)]
    gate.decided([Run(160, False)])
    assert gate.ranges(300) == [(100, 150)]
    assert gate.ranges(300) == []
    gate.decided([Run(400, False), Run(420, True)])
    assert gate.ranges(420) == [(370, 420)]


def test_a_long_stretch_at_once_is_sent_in_its_voiced_parts() -> None:
    gate = VoiceGate(0, RULE)
    runs = [(200, False), (300, True), (500, False), (600, True), (900, False)]
    gate.decided(Run(end, is_voice) for end, is_voice in runs)
    assert gate.ranges(900) == [(170, 350), (470, 650)]
    gate.rewind(320)
    assert gate.ranges(900) == [(470, 650)], "another recogniser hears what it is to hear again"


def test_a_gate_counts_from_where_it_began() -> None:
    gate = VoiceGate(10_000, RULE)
    gate.decided([Run(100, False), Run(200, True)])
    assert gate.ranges(10_200) == [(10_070, 10_200)]


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 200), st.booleans()), min_size=1, max_size=20),
    step=st.integers(1, 300),
    late=st.integers(0, 60),
)
def test_every_voiced_sample_goes_through_once_and_in_order(
    lengths: list[tuple[int, bool]], step: int, late: int
) -> None:
    ends: list[tuple[int, bool]] = []
    for length, is_voice in lengths:
        ends.append(((ends[-1][0] if ends else 0) + length, is_voice))
    total = ends[-1][0]
    gate, sent, decided = VoiceGate(0, RULE), [], 0
    for available in [*range(step, total, step), total]:
        through = total if available == total else max(0, available - late)
        runs = [Run(min(end, through), voice) for end, voice in ends if end > decided]
        gate.decided(run for run in runs if run.end_sample > decided)
        decided = max(decided, through)
        for first, end in gate.ranges(available):
            sent += range(first, end)
    assert sent == sorted(set(sent))
    firsts = [0, *(end for end, _ in ends)]
    voiced = {
        sample
        for first, (end, voice) in zip(firsts, ends, strict=False)
        if voice
        for sample in range(first, end)
    }
    assert voiced <= set(sent)
