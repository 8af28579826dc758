"""``python -m benchmarks.overhead``: what the job adds at 10, 100, 300 and 1,000 sessions.

Added is everything between a chunk's last sample and the notification but the simulated services,
the wait for an utterance's own audio and the wait for its pane. Every service is a stand-in inside
the worker (Kinesis, ledger, store and notification answer at once; recognition, translation and
speech take their simulated time); Flink and the worker are real.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.footprint import sample
from benchmarks.overhead.job import TALKERS_OPTION
from benchmarks.overhead.measure import Load, judge
from benchmarks.overhead.stand_ins import read_notes
from benchmarks.overhead.talkers import Talkers
from benchmarks.tables import show
from local_stack.flink import ROOT, FlinkSettings
from local_stack.job import JobSettings, LiveJob
from local_stack.ports import free_ports
from local_stack.processes import Processes, stop_on_terminate

DIRECTORY = ROOT / "build" / "overhead"
SESSIONS = (10, 100, 300, 1_000)
SECONDS = 60.0
WARM_UP_S = 25.0
"""Sessions begin within ten seconds of it; their first words warm everything."""
LANGUAGES = ("es", "ca")


@dataclass(frozen=True, slots=True)
class Settings:
    sessions: int
    seconds: float
    pane_ms: int
    read_every_s: float
    languages: tuple[str, ...]
    job_options: tuple[str, ...]


def measured(settings: Settings) -> Load:
    directory = DIRECTORY / str(settings.sessions)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    notes = directory / "notes.jsonl"
    shards = max(2, settings.sessions // 200)
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
                    f"--pane_ms={settings.pane_ms}",
                    f"{TALKERS_OPTION}{json.dumps({**asdict(talkers), 'notes': str(notes)})}",
                    *settings.job_options,
                ),
                submission="benchmarks.overhead.job",
            ),
        )
        job.start_servers()
        job.submit()
        job.wait_until_running()
        time.sleep(WARM_UP_S)
        before = sample()
        began_ms = time.time() * 1000
        time.sleep(settings.seconds)
        footprints = sample().since(before)
        ended_ms = time.time() * 1000
        time.sleep(2.0)
        heard = [
            one for one in read_notes(notes) if began_ms <= float(str(one["at_ms"])) < ended_ms
        ]
    return judge(settings.sessions, heard, footprints)


def told(loads: Sequence[Load]) -> None:
    show(
        "what the job adds, ms (services simulated; stand-ins for Kinesis, ledger, store, notify)",
        ("sessions", "clips", "p50", "p99", "max", "of it read p50", "grows", "cores", "MB"),
        [
            (
                load.sessions,
                load.clips,
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


def flat(loads: Sequence[Load]) -> dict[str, float]:
    """Keys for ``build/bench.json``."""
    figures: dict[str, float] = {}
    for load in loads:
        suffix = f"{load.sessions}_sessions"
        figures[f"overhead_p50_ms_{suffix}"] = load.added_p50_ms
        figures[f"overhead_p99_ms_{suffix}"] = load.added_p99_ms
        figures[f"overhead_growth_ms_{suffix}"] = load.growth_ms
        figures[f"overhead_cores_{suffix}"] = load.cores
        figures[f"overhead_memory_mb_{suffix}"] = load.memory_mb
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="one load; may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--pane-ms", type=int, default=0, help="0: 20 up to 100 sessions, else 500")
    parser.add_argument("--read-every-ms", type=float, default=200.0)
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--job-option", action="append", default=[], dest="job_options")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "overhead.json")
    given = parser.parse_args()
    loads: list[Load] = []
    for sessions in given.sessions or SESSIONS:
        print(f"overhead: {sessions} sessions, {given.seconds:g} s", flush=True)
        pane_ms = given.pane_ms or (20 if sessions <= 100 else 500)
        loads.append(
            measured(
                Settings(
                    sessions,
                    given.seconds,
                    pane_ms,
                    given.read_every_ms / 1000,
                    tuple(given.languages.split(",")),
                    tuple(given.job_options),
                )
            )
        )
        told(loads[-1:])
    if len(loads) > 1:
        told(loads)
    given.json.write_text(json.dumps(flat(loads), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
