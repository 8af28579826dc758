"""``python -m benchmarks.kit.latency``: how soon after its answer a call of a second is handed on.

The kit's ``AsyncDoFn`` on embedded Flink, one worker, at several rates; beside it the same with
plain ticks, calls in threads for which the bundle waits, and calls one after the other. Six
minutes. The last column says what everything else on the machine took meanwhile: compare runs of
like load only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.footprint import Sample, sample
from benchmarks.kit.calls_job import CALL_S, PAUSE_S, Plan, Way
from benchmarks.tables import save, show
from local_stack.flink import ROOT, FlinkSettings
from local_stack.job import LiveJob
from local_stack.plain_job import PlainJob
from local_stack.ports import free_ports
from local_stack.processes import Processes, run_command

DIRECTORY = ROOT / "build" / "kit-latency"
JOB = "benchmarks.kit.calls_job"
RATES = 10, 100, 500
EACH_S = 20.0
SETTLED_AFTER_S = 3.0
"""Of each rate, the beginning is left out."""
SAMPLE_EVERY_S = 1.0
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    rate: int
    made_s: float
    ready_s: float
    written_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """CPU seconds that were used until ``at_s``: by the job's processes, and on the machine."""

    at_s: float
    worker_s: float
    job_s: float
    machine_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """Of one rate. ``share``: of the calls that were wanted, how many had been handed on a pause
    after the rate had ended. ``after_answer``: from an answer to the step after. ``late``: from
    when the item was made to the step after, less the second that the call takes."""

    way: Way
    rate: int
    share: float
    after_answer_p50_ms: float
    after_answer_p99_ms: float
    late_p50_ms: float
    late_p99_ms: float
    worker_cores: float
    job_cores: float
    other_cores: float


@dataclass(frozen=True, slots=True)
class Found:
    cores: int
    rows: tuple[Row, ...]


def quantile(values: Iterable[float], share: float) -> float:
    """The least value that so many are not above. NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def row_of(way: Way, rate: int, each_s: float, calls: Sequence[Call], loads: Sequence[Load]) -> Row:
    """``calls`` of all rates; ``loads`` of the whole run."""
    mine = [call for call in calls if call.rate == rate]
    began_s = min((call.made_s for call in mine), default=0.0)
    from_s, until_s = began_s + SETTLED_AFTER_S, began_s + each_s
    counted = [
        call
        for call in mine
        if call.made_s >= from_s and call.written_s <= until_s + CALL_S + PAUSE_S
    ]
    after_ms = [(call.written_s - call.ready_s) * 1000 for call in counted]
    late_ms = [(call.written_s - call.made_s - CALL_S) * 1000 for call in counted]
    worker, job, machine = _cores(loads, from_s, until_s)
    return Row(
        way,
        rate,
        len(counted) / (rate * (each_s - SETTLED_AFTER_S)),
        quantile(after_ms, 0.5),
        quantile(after_ms, 0.99),
        quantile(late_ms, 0.5),
        quantile(late_ms, 0.99),
        worker,
        job,
        max(0.0, machine - job),
    )


def _cores(loads: Sequence[Load], from_s: float, until_s: float) -> tuple[float, float, float]:
    within = [load for load in loads if from_s <= load.at_s <= until_s]
    if len(within) < 2:
        nothing = float("nan")
        return nothing, nothing, nothing
    first, last = within[0], within[-1]
    spent_s = last.at_s - first.at_s
    return (
        (last.worker_s - first.worker_s) / spent_s,
        (last.job_s - first.job_s) / spent_s,
        (last.machine_s - first.machine_s) / spent_s,
    )


def calls_in(file: Path) -> list[Call]:
    if not file.exists():
        return []
    parts = [line.split() for line in file.read_text().splitlines()]
    return [Call(int(rate), float(a), float(b), float(c)) for rate, a, b, c in parts]


def _load() -> Load:
    now: Sample = sample()
    times = psutil.cpu_times()
    busy_s = times.user + times.nice + times.system + times.irq + times.softirq
    return Load(time.time(), now.cpu_s.get("worker", 0.0), sum(now.cpu_s.values()), busy_s)


def run_one(plan: Plan, directory: Path) -> tuple[Row, ...]:
    """A job of its own on a Flink of its own."""
    flink = FlinkSettings(directory / "flink", *free_ports(6))
    file = Path(plan.file)
    loads: list[Load] = []
    with Processes(directory / "logs") as processes:
        job = LiveJob(processes, flink, PlainJob(JOB, (plan.to_text(),)))
        job.start_servers()
        job.submit()
        job.wait_until_running()
        give_up_at_s = time.monotonic() + START_TIMEOUT_S
        while not file.exists() and time.monotonic() < give_up_at_s:
            time.sleep(0.1)
        end_s = time.monotonic() + (plan.each_s + PAUSE_S) * len(plan.rates) + CALL_S
        while time.monotonic() < end_s:
            loads.append(_load())
            time.sleep(SAMPLE_EVERY_S)
    calls = calls_in(file)
    return tuple(row_of(plan.way, rate, plan.each_s, calls, loads) for rate in plan.rates)


def run(rates: tuple[int, ...], each_s: float, ways: Sequence[Way]) -> int:
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    middle = rates[len(rates) // 2]
    rates_of = {Way.HELD_TICK: rates, Way.BLOCKING: rates[:1]}
    rows: list[Row] = []
    for way in ways:
        print(f"kit-latency: {way}", flush=True)
        directory = DIRECTORY / way.name.lower()
        directory.mkdir(parents=True)
        plan = Plan(way, rates_of.get(way, (middle,)), each_s, str(directory / "calls"))
        rows += run_one(plan, directory)
    show(
        f"calls of {CALL_S:.0f} s on embedded Flink, {os.cpu_count()} cores: ms",
        (
            "calls",
            "a second",
            "made, %",
            "after the answer p50",
            "p99",
            "late p50",
            "p99",
            "worker: % of a core",
            "all",
            "others: %",
        ),
        [
            (
                str(row.way),
                row.rate,
                row.share * 100,
                row.after_answer_p50_ms,
                row.after_answer_p99_ms,
                row.late_p50_ms,
                row.late_p99_ms,
                row.worker_cores * 100,
                row.job_cores * 100,
                row.other_cores * 100,
            )
            for row in rows
        ],
    )
    save(DIRECTORY / "kit_latency.json", Found(os.cpu_count() or 0, tuple(rows)))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.kit.latency", description=__doc__)
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="calls a second")
    parser.add_argument("--seconds", type=float, default=EACH_S, help="of each rate")
    names = [way.name.lower() for way in Way]
    parser.add_argument("--ways", nargs="*", default=names, choices=names)
    given = parser.parse_args()
    rates = tuple(sorted(int(rate) for rate in given.rates.split(",")))
    ways = [Way[name.upper()] for name in given.ways]
    return run_command("kit-latency", lambda: run(rates, given.seconds, ways))


if __name__ == "__main__":
    sys.exit(main())
