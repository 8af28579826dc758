"""``make bench-window``: what the job adds in the 3 s window mode, by stage.

Everything beyond the wait for the window and the engines' own time. Recognition, translation and
voices are scripted to take no time at all, so a stage's whole duration is what the job adds; the
services (Kinesis, tables, store, notification) are the local stand-ins.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.crowd import GATEWAY_OPTIONS, Crowd, Held, faults, scripted_talk
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from local_stack.audience import is_announced
from local_stack.flink import ROOT
from local_stack.latency import Spread, spread
from local_stack.processes import stop_on_terminate
from local_stack.stack import LocalStack, StackSettings

DIRECTORY = ROOT / "build" / "window-overhead"
SESSIONS = 10
TALK_S = 60.0
WAITS = ("capture", "window")
"""The speaker's own chunk, and the window: not the job's doing."""
MOST_P99_MS = 150


@dataclass(frozen=True, slots=True)
class Found:
    sessions: int
    clips: int
    stages: Mapping[str, Spread]
    added: Spread
    faults: tuple[str, ...]


async def measure(stack: LocalStack) -> Found:
    clients = AwsClients(stack.aws)
    try:
        crowd = Crowd(
            stack.gateway_url, AmazonLedger(clients), proof=is_announced, inline_audio=True
        )
        await crowd.hold(scripted_talk(999, 8.0, ("ca", "fr")))  # the first one loads things
        async with asyncio.TaskGroup() as group:
            sessions = [
                group.create_task(
                    crowd.hold(scripted_talk(number, TALK_S, ("ca", "fr")), after_s=number * 0.37)
                )
                for number in range(SESSIONS)
            ]
        return _found([session.result() for session in sessions])
    finally:
        await clients.close()


def _found(sessions: list[Held]) -> Found:
    by_stage: dict[str, list[float]] = defaultdict(list)
    added: list[float] = []
    for held in sessions:
        for clip in held.clips:
            for stage, spent_ms in clip.stages_ms.items():
                by_stage[stage].append(spent_ms)
            added.append(
                sum(spent for stage, spent in clip.stages_ms.items() if stage not in WAITS)
            )
    return Found(
        len(sessions),
        len(added),
        {stage: spread(values) for stage, values in by_stage.items()},
        spread(added),
        tuple(fault for held in sessions for fault in faults(held)),
    )


def run() -> int:
    settings = StackSettings(
        DIRECTORY,
        stage="window",
        speech_to_text="scripted",
        translation="scripted",
        speech_synthesis="scripted",
        gateway_options=GATEWAY_OPTIONS,
        job_options=("--segmentation=window",),
    )
    with LocalStack(settings, say=lambda step: print(f"bench-window: {step}", flush=True)) as stack:
        found = asyncio.run(measure(stack))
    save(DIRECTORY / "window-overhead.json", found)
    rows = [(stage, one.p50_ms, one.p99_ms, one.max_ms) for stage, one in found.stages.items()]
    rows.append(
        ("all that is not a wait", found.added.p50_ms, found.added.p99_ms, found.added.max_ms)
    )
    show(
        f"bench-window: {found.sessions} sessions x 2 languages, engines scripted to take no time",
        ("stage, ms", "p50", "p99", "max"),
        rows,
    )
    over = [
        stage
        for stage, one in found.stages.items()
        if stage not in WAITS and one.p99_ms > MOST_P99_MS
    ]
    verdict = f"over {MOST_P99_MS} ms at p99: {', '.join(over)}" if over else "all hops kept"
    print(f"bench-window: {found.clips} clips; {verdict}; {len(found.faults)} faults")
    return 1 if found.faults else 0


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(run())
