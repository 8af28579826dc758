"""``make soak``: 300 sessions in 15 minutes, ten at a time, each ended. Does anything grow?

Recognition, translation and voices are scripted: what is looked for is what the job, the gateway
and Flink keep of sessions that are over. Looked at after 3 minutes and after 15: fails when one of
them has grown, or a session lacks something; the last line says which. ``build/soak.json``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.crowd import GATEWAY_OPTIONS, Crowd, Held, faults, scripted_talk
from benchmarks.footprint import Footprint, Sample, sample, total
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from local_stack.audience import is_announced
from local_stack.flink import ROOT
from local_stack.processes import stop_on_terminate
from local_stack.stack import LocalStack, StackSettings

DIRECTORY = ROOT / "build" / "soak"
AT_ONCE = 10
SESSIONS = 300
TALK_S = 21.0
"""With joining and settling about 30 s a session: 30 in a row in 15 minutes."""
LOOKS_S = (180.0, 900.0)
MOST_GROWTH = 0.10
"""Of a process' memory between the looks: a worker's was 3 % when nothing was kept."""
MOST_CHECKPOINT_BYTES = 64 * 1024
FLAT_ROLES = ("flink", "worker pool", "worker", "gateway")
"""The local cloud keeps everything, and the clients what they heard."""
CPU_OVER_S = 20.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was there ``at_s`` seconds into the run."""

    at_s: float
    sessions_ended: int
    checkpoint_bytes: int
    checkpoints_failed: int
    processes: Mapping[str, Footprint]


@dataclass(frozen=True, slots=True)
class Found:
    sessions: int
    clips: int
    minutes: float
    looks: tuple[Look, ...]
    faults: tuple[str, ...]


def growth(looks: Sequence[Look]) -> tuple[str, ...]:
    """What grew from the first look to the last, in words."""
    first, last = looks[0], looks[-1]
    found: list[str] = []
    for role in FLAT_ROLES:
        then, now = first.processes.get(role), last.processes.get(role)
        if then is None or now is None:
            found.append(f"{role} was not seen")
        elif now.memory_mb > then.memory_mb * (1 + MOST_GROWTH):
            found.append(f"{role} grew from {then.memory_mb:.0f} to {now.memory_mb:.0f} MB")
    if last.checkpoint_bytes > MOST_CHECKPOINT_BYTES:
        found.append(f"a checkpoint has {last.checkpoint_bytes // 1024} KB")
    failed = last.checkpoints_failed - first.checkpoints_failed
    if failed:
        found.append(f"{failed} checkpoints failed")
    return tuple(found)


class _Slots:
    """Ten places; a session that is over makes room for the next."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._numbers = iter(range(SESSIONS))
        self.held: list[Held] = []

    async def fill(self, place: int) -> None:
        await asyncio.sleep(place * TALK_S / AT_ONCE)
        for number in self._numbers:
            self.held.append(await self._crowd.hold(scripted_talk(number, TALK_S, ("ca", "fr"))))


async def soak(stack: LocalStack) -> Found:
    clients = AwsClients(stack.aws)
    try:
        slots = _Slots(
            Crowd(stack.gateway_url, AmazonLedger(clients), proof=is_announced, inline_audio=True)
        )
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for place in range(AT_ONCE):
                group.create_task(slots.fill(place))
            looks = [await _look(stack, slots, began_s, at_s) for at_s in LOOKS_S]
        return Found(
            len(slots.held),
            sum(len(held.reached) for held in slots.held),
            (time.monotonic() - began_s) / 60,
            tuple(looks),
            tuple(fault for held in slots.held for fault in faults(held)),
        )
    finally:
        await clients.close()


async def _look(stack: LocalStack, slots: _Slots, began_s: float, at_s: float) -> Look:
    await asyncio.sleep(max(0.0, began_s + at_s - CPU_OVER_S - time.monotonic()))
    before: Sample = await asyncio.to_thread(sample)
    await asyncio.sleep(CPU_OVER_S)
    processes = (await asyncio.to_thread(sample)).since(before)
    found = await asyncio.to_thread(stack.job.rest.get, f"/jobs/{stack.job.job_id()}/checkpoints")
    look = Look(
        round(time.monotonic() - began_s, 1),
        len(slots.held),
        found["latest"]["completed"]["state_size"],
        found["counts"]["failed"],
        processes,
    )
    print(
        f"soak: {look.at_s:.0f} s: {look.sessions_ended} sessions over, "
        f"checkpoint {look.checkpoint_bytes / 2**20:.2f} MB, "
        f"{total(processes).memory_mb:.0f} MB in all",
        flush=True,
    )
    return look


def run() -> int:
    settings = StackSettings(
        DIRECTORY,
        stage="soak",
        speech_to_text="scripted",
        translation="scripted",
        speech_synthesis="scripted",
        gateway_options=GATEWAY_OPTIONS,
    )
    with LocalStack(settings, say=lambda step: print(f"soak: {step}", flush=True)) as stack:
        found = asyncio.run(soak(stack))
    save(DIRECTORY.with_suffix(".json"), found)
    for fault in found.faults:
        print(f"soak: {fault}", file=sys.stderr)
    grown = growth(found.looks)
    _tell(found, grown)
    return 1 if found.faults or grown else 0


def _tell(found: Found, grown: Sequence[str]) -> None:
    columns = ("", *(f"{look.at_s / 60:.0f} min" for look in found.looks))
    roles = sorted({role for look in found.looks for role in look.processes})
    none = Footprint(0.0, 0.0)
    rows: list[tuple[object, ...]] = [
        ("sessions over", *(look.sessions_ended for look in found.looks)),
        ("checkpoint, KB", *(look.checkpoint_bytes // 1024 for look in found.looks)),
        ("checkpoints failed", *(look.checkpoints_failed for look in found.looks)),
        *(
            (f"{role}, MB", *(look.processes.get(role, none).memory_mb for look in found.looks))
            for role in roles
        ),
        ("all, MB", *(total(look.processes).memory_mb for look in found.looks)),
        ("all, cores", *(round(total(look.processes).cores, 2) for look in found.looks)),
    ]
    show("soak: recognition, translation and voices scripted", columns, rows)
    print(
        f"soak: {found.sessions} sessions, {AT_ONCE} at a time, {found.clips} clips announced "
        f"in {found.minutes:.1f} min; {len(found.faults)} faults; {'; '.join(grown) or 'flat'}"
    )


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(run())
