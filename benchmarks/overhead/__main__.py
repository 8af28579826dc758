"""``python -m benchmarks.overhead``: what the job adds at 10, 100, 300 and 1,000 sessions.

Added is everything between a chunk's last sample and the notification but the simulated services
and the wait for an utterance's own audio. Every service is a stand-in inside
the worker (Kinesis, ledger, store and notification answer at once; recognition, translation and
speech take their simulated time); Flink and the worker are real.

A load that the job cannot keep up with is ended when there is no use in going on, and said to fall
behind, with the rate at which it does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.footprint import sample
from benchmarks.overhead.job import TALKERS_OPTION
from benchmarks.overhead.measure import Checkpoints, Load, Machine, NotificationTimes
from benchmarks.overhead.notes import NoteTail
from benchmarks.overhead.scale import (
    COMPARED_SHARDS,
    at_parallelism,
    parallelism_for,
    workers_at,
)
from benchmarks.overhead.talkers import Talkers
from benchmarks.tables import show
from local_stack.flink import ROOT, FlinkError, FlinkSettings
from local_stack.job import JobSettings, LiveJob
from local_stack.ports import free_ports
from local_stack.processes import ProcessError, Processes, stop_on_terminate

DIRECTORY = ROOT / "build" / "overhead"
SESSIONS = (10, 100, 300, 1_000)
SECONDS = 60.0
WARM_UP_S = 25.0
"""Sessions begin within the first ten seconds of it; their first words warm everything."""
LANGUAGES = ("es", "ca")
LOOK_EVERY_S = 2.0
LEAST_SHARDS = 2
ROLES = ("flink", "worker", "worker pool")
EACH_UTTERANCE = "--release=append"
"""A clip a commit: a release waits for words that are still to be said, and no part of that wait
would be the job's."""


@dataclass(frozen=True, slots=True)
class Settings:
    sessions: int
    seconds: float
    read_every_s: float
    languages: tuple[str, ...]
    job_options: tuple[str, ...]
    warm_up_s: float = WARM_UP_S
    least_shards: int = LEAST_SHARDS


def measured(settings: Settings) -> Load:
    directory = DIRECTORY / str(settings.sessions)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    notes = directory / "notes.jsonl"
    shards = max(settings.least_shards, settings.sessions // 150)
    talkers = Talkers(settings.sessions, shards, settings.languages, settings.read_every_s)
    with Processes(directory / "logs") as processes:
        job = LiveJob(
            processes,
            FlinkSettings(directory / "flink", *free_ports(6)),
            JobSettings(
                stage="overhead",
                aws_endpoint="http://127.0.0.1:1",
                notify_endpoint="http://127.0.0.1:1",
                readers=shards,
                more=(
                    f"{TALKERS_OPTION}{json.dumps({**asdict(talkers), 'notes': str(notes)})}",
                    *settings.job_options,
                ),
                submission="benchmarks.overhead.job",
            ),
        )
        job.start_servers()
        job.submit()
        job.wait_until_running()
        time.sleep(settings.warm_up_s)
        checkpoints_url = f"/jobs/{job.job_id()}/checkpoints"
        before, checkpoints_before = sample(), job.rest.get(checkpoints_url)
        heard = NotificationTimes(time.time() * 1000)
        gave_up = _listen(NoteTail(notes), heard, settings.seconds)
        after, ended_ms = sample(), time.time() * 1000
        machine = Machine(
            after.since(before),
            after.cores_by_process(before, "worker"),
            Checkpoints.from_rest(job.rest.get(checkpoints_url), checkpoints_before),
        )
        return heard.load(settings.sessions, ended_ms, machine, gave_up)


def _listen(notes: NoteTail, heard: NotificationTimes, seconds: float) -> str:
    """For so long, or until there is no use in going on: then why."""
    until_s = time.monotonic() + seconds
    gave_up = ""
    while not gave_up and (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(LOOK_EVERY_S, left_s))
        for told in notes.read():
            heard.add(told)
        gave_up = heard.hopeless(time.time() * 1000)
    return gave_up


def tell(loads: Sequence[Load]) -> None:
    show(
        "what the job adds, ms (services simulated; stand-ins for Kinesis, ledger, store, notify)",
        ("sessions", "clips", "skipped", "p50", "p99", "max", "read p50", "grows", "cores", "MB"),
        [
            (
                load.sessions,
                load.clips,
                load.skipped,
                load.added_p50_ms,
                load.added_p99_ms,
                load.added_max_ms,
                load.stages_p50_ms.get("read", 0.0),
                load.growth_ms,
                f"{load.cores:.2f}",
                load.memory_mb,
            )
            for load in loads
        ],
    )
    stages = list(loads[0].stages_p50_ms) if loads else []
    show(
        "by stage, ms: p50 / p99 (recognise, translate and synthesize with their simulated time)",
        ("stage", *(f"{load.sessions} sessions" for load in loads)),
        [
            (
                stage,
                *(
                    f"{load.stages_p50_ms.get(stage, 0):.0f} / "
                    f"{load.stages_p99_ms.get(stage, 0):.0f}"
                    for load in loads
                ),
            )
            for stage in stages
        ],
    )

    show(
        "what it takes: cores (MB) by role, cores of each worker, Flink's checkpoints",
        ("sessions", *ROLES, "each worker", "checkpoints", "failed", "KB max", "ms p50", "ms max"),
        [(load.sessions, *_taken(load.machine)) for load in loads],
    )


def _taken(machine: Machine) -> Iterator[object]:
    for role in ROLES:
        each = machine.footprints.get(role)
        yield "-" if each is None else f"{each.cores:.2f} ({each.memory_mb:.0f})"
    yield " ".join(f"{cores:.2f}" for cores in machine.worker_cores)
    checkpoints = machine.checkpoints
    yield checkpoints.completed
    yield checkpoints.failed
    yield round(checkpoints.size_max_kb)
    yield round(checkpoints.duration_p50_ms)
    yield round(checkpoints.duration_max_ms)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="one load; may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--warm-up-s", type=float, default=WARM_UP_S)
    parser.add_argument(
        "--parallelism", type=int, default=0, help="0: 1 up to 150 sessions, else 2 with 4 workers"
    )
    parser.add_argument("--read-every-ms", type=float, default=200.0)
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--job-option", action="append", default=[], dest="job_options")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "overhead.json")
    given = parser.parse_args()
    loads: list[Load] = []
    failed: list[str] = []
    for sessions in given.sessions or SESSIONS:
        parallelism = given.parallelism or parallelism_for(sessions)
        workers = workers_at(parallelism)
        print(f"overhead: {sessions} sessions, {given.seconds:g} s, {workers} workers", flush=True)
        settings = Settings(
            sessions,
            given.seconds,
            given.read_every_ms / 1000,
            tuple(given.languages.split(",")),
            (EACH_UTTERANCE, *at_parallelism(parallelism), *given.job_options),
            given.warm_up_s,
            max(COMPARED_SHARDS, given.parallelism) if given.parallelism else LEAST_SHARDS,
        )
        try:
            load = measured(settings)
        except (ProcessError, FlinkError) as error:
            print(f"overhead: {sessions} sessions: {error}", file=sys.stderr, flush=True)
            failed.append(str(sessions))
            continue
        loads.append(load)
        tell([load])
        said = f"{sessions} sessions for {load.measured_s:.0f} s: {load.verdict()}"
        print(f"overhead: {said}", flush=True)
        figures = {key: value for each in loads for key, value in each.flat().items()}
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    if len(loads) > 1:
        tell(loads)
    if failed:
        print(f"overhead: not measured: {', '.join(failed)} sessions", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
