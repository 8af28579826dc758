"""What the kit's benchmark makes of its file and of the load."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.kit.calls_job import Plan, Way, plan_of
from benchmarks.kit.latency import Call, Load, calls_in, quantile, row_of

pytestmark = pytest.mark.unit

AT_S = 1_800_000_000.0


def call(made_s: float, after_ms: float, wait_ms: float = 0.0, rate: int = 2) -> Call:
    ready_s = AT_S + made_s + wait_ms / 1000 + 1.0
    return Call(rate, AT_S + made_s, ready_s, ready_s + after_ms / 1000)


def test_the_beginning_of_a_rate_is_left_out_and_other_rates_are_too() -> None:
    calls = [call(0.0, 900.0), *(call(3.0 + each / 2, 20.0, 30.0) for each in range(4))]
    calls.append(call(4.0, 5_000.0, rate=7))
    row = row_of(Way.HELD_TICK, 2, 5.0, calls, ())
    assert row.share == pytest.approx(1.0)
    assert row.after_answer_p99_ms == pytest.approx(20.0, abs=0.01)
    assert row.late_p50_ms == pytest.approx(50.0, abs=0.01)


def test_calls_that_come_after_the_pause_were_not_made() -> None:
    on_time, late = call(3.0, 10.0), call(3.5, 9_000.0)
    row = row_of(Way.BLOCKING, 1, 5.0, [call(0.0, 0.0, rate=1), *map(at_one, (on_time, late))], ())
    assert row.share == pytest.approx(0.5)
    assert row.after_answer_p99_ms == pytest.approx(10.0, abs=0.01)


def at_one(one: Call) -> Call:
    return Call(1, one.made_s, one.ready_s, one.written_s)


def test_cores_are_of_the_time_that_is_counted() -> None:
    loads = [Load(AT_S + at, at * 0.5 + (9 if at < 3 else 0), at, at * 1.75) for at in range(8)]
    row = row_of(Way.HELD_TICK, 2, 6.0, [call(0.0, 1.0), call(4.0, 1.0)], loads)
    assert (row.worker_cores, row.job_cores, row.other_cores) == (0.5, 1.0, 0.75)


def test_of_a_job_that_handed_nothing_on_there_is_no_latency() -> None:
    row = row_of(Way.THREADS, 2, 6.0, [], ())
    assert row.share == 0
    assert math.isnan(row.late_p99_ms)
    assert math.isnan(row.worker_cores)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_quantile_is_one_of_the_values(share: float, value: int) -> None:
    assert quantile(range(100, 0, -1), share) == value


def test_a_plan_travels_to_the_job(tmp_path: Path) -> None:
    plan = Plan(Way.PLAIN_TICK, (10, 100), 20.0, str(tmp_path / "calls"))
    assert plan_of(plan.to_text()) == plan


def test_lines_of_the_file_are_calls(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("10 1.5 2.5 2.75\n")
    assert calls_in(tmp_path / "calls") == [Call(10, 1.5, 2.5, 2.75)]
    assert calls_in(tmp_path / "none") == []
