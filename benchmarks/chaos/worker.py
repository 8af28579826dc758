"""``make chaos-worker``: processes are killed while ten sessions speak; nothing may be lost.

Nine sessions are scripted, so that every word is known; one is read English, recognised offline.
Translation and voices are scripted. Two acts:

1. the Python worker is killed (``kill -9``) three times, then Flink's JVM once;
2. Flink restarts the job, its worker process stays alive and with it whatever it remembers.
   (Only with ``environment_cache_millis``, which would keep a dead worker too: an act of its own.)

``python -m benchmarks.chaos.worker killed`` plays the first alone, ``restarted`` the second;
``--segmentation=window`` has the job cut every 3 s, ``--release=append`` translate each utterance
alone.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.crowd import GATEWAY_OPTIONS, Crowd, Held, faults, scripted_talk, spoken_talk
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from local_stack.flink import ROOT
from local_stack.processes import ProcessError, run_command
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import make_talk
from pipelines.sentences.settings import ReleaseName, ReleaseSettings

DIRECTORY = ROOT / "build" / "chaos-worker"
LANGUAGES = ("ca", "fr")
SCRIPTED_SESSIONS = 9
STAGGER_S = 1.5
LOOK_BEHIND_S = 25.0
"""How long after a disruption a silence is put down to it."""


@dataclass(frozen=True, slots=True)
class ScheduledFault:
    """Something that is done to the running system ``at_s`` seconds into an act."""

    at_s: float
    what: str
    strike: Callable[[LocalStack], None]


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was injected. Silence: the longest wait of a listener for the next clip."""

    what: str
    at_ms: int
    took_s: float
    silence_p50_s: float
    silence_max_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """``usual_p50_s`` and ``usual_max_s``: waits between clips before anything was struck."""

    sessions: int
    utterances: int
    outcomes: int
    clips: int
    skipped: int
    repeats: int
    samples: int
    usual_p50_s: float
    usual_max_s: float
    struck: tuple[Struck, ...]
    faults: tuple[str, ...]


def kill_workers(stack: LocalStack) -> None:
    if not stack.job.kill_workers():
        raise ProcessError("there was no worker to kill")


def kill_flink(stack: LocalStack) -> None:
    stack.job.kill_flink()
    stack.job.start_servers("resume")
    stack.job.submit()
    stack.job.wait_until_running()


def restart_job(stack: LocalStack) -> None:
    before = stack.job.worker_pids()
    stack.job.fail_a_checkpoint()
    stack.job.wait_until_tasks_run()
    if stack.job.worker_pids() != before:
        raise ProcessError("the worker process did not survive the restart: nothing was shown")


@dataclass(frozen=True, slots=True)
class Act:
    name: str
    talk_s: float
    scheduled_faults: tuple[ScheduledFault, ...]
    job_options: tuple[str, ...] = ()


ACTS = (
    Act(
        "killed",
        150.0,
        (
            ScheduledFault(30.0, "worker killed", kill_workers),
            ScheduledFault(55.0, "worker killed", kill_workers),
            ScheduledFault(80.0, "worker killed", kill_workers),
            ScheduledFault(105.0, "Flink killed", kill_flink),
        ),
    ),
    Act(
        "restarted",
        60.0,
        (ScheduledFault(30.0, "job restarted, worker alive", restart_job),),
        ("--environment_cache_millis=60000",),
    ),
)


async def play(act: Act, stack: LocalStack, wav: Path) -> Found:
    clients = AwsClients(stack.aws)
    try:
        crowd = Crowd(stack.gateway_url, AmazonLedger(clients), settle_timeout_s=90.0)
        talks = [spoken_talk(wav, act.talk_s, ("es", "ca"))]
        talks += [scripted_talk(n, act.talk_s, LANGUAGES) for n in range(SCRIPTED_SESSIONS)]
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sessions = [
                group.create_task(crowd.hold(talk, after_s=index * STAGGER_S))
                for index, talk in enumerate(talks)
            ]
            injected = [await _inject(fault, stack, began_s) for fault in act.scheduled_faults]
        return _found([session.result() for session in sessions], injected)
    finally:
        await clients.close()


async def _inject(
    fault: ScheduledFault, stack: LocalStack, began_s: float
) -> tuple[str, int, float]:
    """(what, at_ms, took_s), once it has been injected."""
    await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
    at_ms = time.time_ns() // 1_000_000
    print(f"chaos-worker: {fault.at_s:.0f} s: {fault.what}", flush=True)
    await asyncio.to_thread(fault.strike, stack)
    return fault.what, at_ms, time.time_ns() / 1e9 - at_ms / 1000


def _found(sessions: Sequence[Held], injected: Sequence[tuple[str, int, float]]) -> Found:
    waits = [
        (before, after)
        for held in sessions
        for report in held.heard
        for before, after in pairwise(sorted(clip.received_at_ms for clip in report.clips))
    ]
    usual = [(after - before) / 1000 for before, after in waits if after < injected[0][1]]
    return Found(
        sessions=len(sessions),
        utterances=sum(len(held.entries) for held in sessions),
        outcomes=sum(len(held.reached | held.skipped) for held in sessions),
        clips=sum(len(held.reached) for held in sessions),
        skipped=sum(len(held.skipped - held.reached) for held in sessions),
        repeats=sum(report.repeats for held in sessions for report in held.heard),
        samples=sum(held.spoken.acknowledged_samples for held in sessions),
        usual_p50_s=statistics.median(usual or [0.0]),
        usual_max_s=max(usual, default=0.0),
        struck=tuple(_struck(fault, sessions) for fault in injected),
        faults=tuple(fault for held in sessions for fault in faults(held)),
    )


def _struck(fault: tuple[str, int, float], sessions: Sequence[Held]) -> Struck:
    what, at_ms, took_s = fault
    silences: list[float] = []
    for held in sessions:
        for report in held.heard:
            came = sorted(clip.received_at_ms for clip in report.clips)
            after_blow = [
                (after - before) / 1000
                for before, after in pairwise(came)
                if after > at_ms and before < at_ms + LOOK_BEHIND_S * 1000
            ]
            if after_blow:
                silences.append(max(after_blow))
    return Struck(
        what, at_ms, took_s, statistics.median(silences or [0.0]), max(silences, default=0.0)
    )


def run(names: Sequence[str], segmentation: str, release: str) -> int:
    found: dict[str, Found] = {}
    for act in ACTS:
        if names and act.name not in names:
            continue
        directory = DIRECTORY / act.name
        settings = StackSettings(
            directory,
            stage="chaos",
            speech_to_text="combined",
            translation="scripted",
            speech_synthesis="scripted",
            job_options=(
                *act.job_options,
                f"--segmentation={segmentation}",
                f"--release={release}",
            ),
            gateway_options=GATEWAY_OPTIONS,
        )
        with LocalStack(settings, say=_say) as stack:
            wav = make_talk(directory / "talk.wav").wav
            found[act.name] = asyncio.run(play(act, stack, wav))
        save(DIRECTORY / f"{act.name}-{segmentation}.json", found[act.name])
    _tell(found, segmentation)
    return 1 if any(one.faults for one in found.values()) else 0


def _say(step: str) -> None:
    print(f"chaos-worker: {step}", flush=True)


def _tell(found: dict[str, Found], segmentation: str) -> None:
    show(
        f"chaos-worker ({segmentation}): 9 sessions scripted, 1 recognised offline; translation "
        "and voices scripted",
        ("act", "sessions", "entries", "clips", "skipped", "repeats", "minutes", "faults"),
        [
            (
                name,
                one.sessions,
                one.utterances,
                one.clips,
                one.skipped,
                one.repeats,
                one.samples / 16_000 / 60,
                len(one.faults),
            )
            for name, one in found.items()
        ],
    )
    show(
        "seconds without a clip (a listener's longest wait)",
        ("", "p50", "max", "back in s"),
        [
            row
            for name, one in found.items()
            for row in (
                (f"{name}: before", one.usual_p50_s, one.usual_max_s, 0.0),
                *(
                    (struck.what, struck.silence_p50_s, struck.silence_max_s, struck.took_s)
                    for struck in one.struck
                ),
            )
        ],
    )
    faults = [fault for one in found.values() for fault in one.faults]
    for fault in faults:
        _say(fault)
    entries = sum(one.utterances for one in found.values())
    verdict = f"NOT HELD: {len(faults)} faults" if faults else "0 faults"
    _say(f"{', '.join(found)} ({segmentation}): {entries} entries; {verdict}")


def main() -> int:
    names = [act.name for act in ACTS]
    parser = argparse.ArgumentParser(prog="benchmarks.chaos.worker", description=__doc__)
    parser.add_argument("acts", nargs="*", help=f"{', '.join(names)}; default: all")
    parser.add_argument("--segmentation", choices=("pause", "window"), default="pause")
    parser.add_argument(
        "--release", default=ReleaseSettings().release, choices=list(ReleaseName), type=ReleaseName
    )
    given = parser.parse_args()
    unknown = sorted(set(given.acts) - set(names))
    if unknown:
        parser.error(f"no such act: {', '.join(unknown)}")
    return run_command("chaos-worker", lambda: run(given.acts, given.segmentation, given.release))


if __name__ == "__main__":
    sys.exit(main())
