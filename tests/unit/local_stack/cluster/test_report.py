from __future__ import annotations

from dataclasses import replace

import pytest

from local_stack.cluster.report import (
    LOOK_BEHIND_MS,
    Act,
    Outage,
    key_faults,
    longest_waits_s,
    repeated_s,
)
from local_stack.completeness import SampleFault

pytestmark = pytest.mark.unit

OUTAGE = Outage("taskmanager", 10_000, 18_500, "file:/checkpoints/chk-3")
ACT = Act(
    name="taskmanager",
    line="demo: 24 clips to 3 listeners in 3 languages; WER 28 %; 1 missing",
    missing=("utterance 4 in es",),
    lost=(),
    repeated_s=0.0,
    skipped={"late": 1},
    notices_again=2,
    usual_s=3.1,
    silence_s=9.26,
    outage=OUTAGE,
)


def test_a_wait_that_the_blow_falls_into_is_the_blows() -> None:
    listener = [1_000, 4_000, 9_000, 21_000, 23_000]
    assert longest_waits_s([listener], 10_000, 99_000) == (5.0, 12.0)


def test_the_listener_who_waited_longest_counts_whatever_the_order() -> None:
    assert longest_waits_s([[0, 2_000, 15_000], [9_000, 0, 16_000]], 10_000, 99_000) == (9.0, 13.0)


def test_a_silence_long_after_the_blow_is_not_put_down_to_it() -> None:
    late = 10_000 + LOOK_BEHIND_MS
    assert longest_waits_s([[9_000, 12_000, late, late + 60_000]], 10_000, 999_000) == (0.0, 38.0)


def test_without_a_blow_every_wait_is_usual() -> None:
    assert longest_waits_s([[0, 3_000, 4_000], []], None, 99_000) == (3.0, 0.0)


def test_who_hears_nothing_any_more_waits_until_the_end() -> None:
    assert longest_waits_s([[1_000, 4_000], [11_000, 12_000]], 10_000, 90_000) == (3.0, 86.0)


def test_who_had_heard_nothing_yet_waits_from_the_blow_on() -> None:
    assert longest_waits_s([[30_000, 31_000]], 10_000, 90_000) == (0.0, 20.0)
    assert longest_waits_s([[]], 10_000, 90_000) == (0.0, 80.0)


def test_a_repeat_under_another_name_is_a_fault() -> None:
    keys = {(4, "fr"): {"/a"}, (3, "es"): {"/a", "/b"}}
    assert key_faults(keys) == ("utterance 3 in es was announced under 2 names",)


def test_speech_that_is_in_the_ledger_three_times_is_repeated_twice() -> None:
    faults = [SampleFault(0, 0, 16_000, 0), SampleFault(0, 16_000, 24_000, 3)]
    assert repeated_s(faults, 16_000) == 1.0


def test_the_summary_says_what_a_listener_noticed() -> None:
    assert ACT.summary == (
        "taskmanager: 24 clips to 3 listeners in 3 languages; WER 28 %; 1 missing; 0 lost; "
        "0.0 s repeated; 1 late skipped with a notice; 9.3 s of silence (before: 3.1 s); "
        "job back after 8.5 s"
    )


def test_without_a_blow_nothing_may_be_missing_and_with_one_nothing_lost() -> None:
    assert ACT.faults == ()
    assert replace(ACT, outage=None).faults == ("utterance 4 in es",)
    assert replace(ACT, lost=("utterance 5 in fr",)).faults == ("utterance 5 in fr",)
