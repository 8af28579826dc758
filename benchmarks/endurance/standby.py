"""``make standby``: what it costs to stand by, with no session and with ten that speak.

Offline engines throughout; the ten sessions are read English, heard in Spanish and Catalan.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.crowd import GATEWAY_OPTIONS, Crowd, spoken_talk
from benchmarks.footprint import Footprint, sample, total
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from local_stack.audience import is_announced
from local_stack.flink import ROOT
from local_stack.processes import stop_on_terminate
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import make_talk

DIRECTORY = ROOT / "build" / "standby"
SESSIONS = 10
WARM_UP_S = 20.0
MEASURED_S = 60.0
MOST_CORES = 0.5
MOST_MB = 3 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    idle: Mapping[str, Footprint]
    ten: Mapping[str, Footprint]


async def _measured() -> dict[str, Footprint]:
    await asyncio.sleep(WARM_UP_S)
    before = await asyncio.to_thread(sample)
    await asyncio.sleep(MEASURED_S)
    return (await asyncio.to_thread(sample)).since(before)


async def measure(stack: LocalStack) -> Found:
    clients = AwsClients(stack.aws)
    try:
        idle = await _measured()
        print("standby: ten sessions", flush=True)
        crowd = Crowd(
            stack.gateway_url,
            AmazonLedger(clients),
            proof=is_announced,
            inline_audio=True,
            settle_timeout_s=30.0,
        )
        wav = make_talk(DIRECTORY / "talk.wav").wav
        talk = spoken_talk(wav, WARM_UP_S + MEASURED_S + 5, ("es", "ca"))
        async with asyncio.TaskGroup() as group:
            for number in range(SESSIONS):
                group.create_task(crowd.hold(talk, after_s=number * 0.3))
            ten = await _measured()
        return Found(idle, ten)
    finally:
        await clients.close()


def run() -> int:
    settings = StackSettings(DIRECTORY, stage="standby", gateway_options=GATEWAY_OPTIONS)
    with LocalStack(settings, say=lambda step: print(f"standby: {step}", flush=True)) as stack:
        found = asyncio.run(measure(stack))
    save(DIRECTORY.with_suffix(".json"), found)
    none = Footprint(0.0, 0.0)
    roles = sorted({*found.idle, *found.ten})
    rows = [
        (
            role,
            round(found.idle.get(role, none).cores * 100, 1),
            found.idle.get(role, none).memory_mb,
            round(found.ten.get(role, none).cores * 100, 1),
            found.ten.get(role, none).memory_mb,
        )
        for role in roles
    ]
    idle, ten = total(found.idle), total(found.ten)
    rows.append(
        (
            "all",
            round(idle.cores * 100, 1),
            idle.memory_mb,
            round(ten.cores * 100, 1),
            ten.memory_mb,
        )
    )
    show(
        "standing by, offline engines",
        ("", "no session: % of a core", "MB", f"{SESSIONS} sessions: % of a core", "MB"),
        rows,
    )
    kept = idle.cores <= MOST_CORES and idle.memory_mb <= MOST_MB
    print(
        f"standby: idle {idle.cores * 100:.0f} % of a core (at most {MOST_CORES * 100:.0f}), "
        f"{idle.memory_mb:.0f} MB (at most {MOST_MB}): {'kept' if kept else 'NOT kept'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(run())
