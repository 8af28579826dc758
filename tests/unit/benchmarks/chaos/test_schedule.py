"""The schedule of ``make chaos``: reproducible, bounded, without acts in each other's way."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos.acts import kinds_of
from benchmarks.chaos.schedule import (
    FIRST_AT_S,
    QUIET_S,
    RECOVERY_S,
    ActKind,
    PlannedAct,
    Touched,
    make_schedule,
)
from benchmarks.chaos.settings import Form

pytestmark = pytest.mark.unit

FULL_S = 900.0
seeds = st.integers(0, 10_000)
forms = st.sampled_from(list(Form))


@given(seeds, forms, st.floats(60.0, 1_200.0))
def test_acts_that_touch_the_same_never_overlap_nor_meet_in_recovery(
    seed: int, form: Form, talk_s: float
) -> None:
    for one, other in combinations(make_schedule(kinds_of(form), seed, talk_s), 2):
        assert not one.conflicts_with(other)


@given(seeds, forms)
def test_acts_of_the_foreground_follow_one_another_with_time_to_recover(
    seed: int, form: Form
) -> None:
    acts = [
        act for act in make_schedule(kinds_of(form), seed, FULL_S) if not act.kind.in_background
    ]
    for before, after in pairwise(acts):
        assert after.at_s >= before.over_s + RECOVERY_S


@given(seeds, forms, st.floats(60.0, 1_200.0))
def test_all_of_it_lies_within_the_talks_and_ends_in_quiet(
    seed: int, form: Form, talk_s: float
) -> None:
    for act in make_schedule(kinds_of(form), seed, talk_s):
        assert act.at_s >= FIRST_AT_S
        assert act.over_s <= talk_s - QUIET_S
        shortest_s, longest_s = act.kind.lasts_s or (0.0, 0.0)
        assert shortest_s <= act.lasts_s <= max(shortest_s, min(longest_s, talk_s / 4)) + 1e-9


@given(seeds, forms)
def test_fifteen_minutes_have_room_for_every_kind(seed: int, form: Form) -> None:
    kinds = kinds_of(form)
    assert {act.kind for act in make_schedule(kinds, seed, FULL_S)} == set(kinds)


@given(seeds)
def test_a_full_run_has_a_long_outage_of_the_ledger_and_a_short_one(seed: int) -> None:
    lasted = [
        act.lasts_s
        for act in make_schedule(kinds_of(Form.CLUSTER), seed, FULL_S)
        if act.kind.name == "ledger-away"
    ]
    assert min(lasted) < 6.0
    assert max(lasted) > 30.0


def test_the_same_seed_is_the_same_schedule_and_another_is_another() -> None:
    kinds = kinds_of(Form.CLUSTER)
    assert make_schedule(kinds, 3, FULL_S) == make_schedule(kinds, 3, FULL_S)
    assert make_schedule(kinds, 3, FULL_S) != make_schedule(kinds, 4, FULL_S)


def test_kinds_take_turns() -> None:
    kinds = [ActKind(name, frozenset({Touched.JOB}), takes_s=1.0) for name in "abc"]
    names = [act.kind.name for act in make_schedule(kinds, 1, 300.0)]
    assert len(names) >= 6
    for first in range(0, len(names) - 2, 3):
        assert sorted(names[first : first + 3]) == ["a", "b", "c"]


def test_the_foreground_goes_on_in_an_outage_unless_it_touches_the_same() -> None:
    outage = ActKind("outage", frozenset({Touched.TABLES}), (100.0, 100.0), in_background=True)
    job = ActKind("job", frozenset({Touched.JOB}), takes_s=1.0)
    cloud = ActKind("cloud", frozenset({Touched.TABLES}), takes_s=1.0)
    acts = make_schedule([outage, job, cloud], 1, 600.0)
    outages = [act for act in acts if act.kind is outage]

    def fell_into(act: PlannedAct) -> bool:
        return any(one.at_s < act.at_s < one.over_s for one in outages)

    assert any(fell_into(act) for act in acts if act.kind is job)
    assert not any(fell_into(act) for act in acts if act.kind is cloud)


def test_without_kinds_or_time_nothing_is_played() -> None:
    assert make_schedule([], 1, FULL_S) == ()
    assert make_schedule(kinds_of(Form.EMBEDDED), 1, 30.0) == ()
