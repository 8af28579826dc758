"""What the gateway adds to a frame on its way to the stream, on one core, beside a plain program.

python -m benchmarks.gateway --speakers 1000 --listeners 500 --seconds 30

The server has a core of its own, this program the other. In place of Kinesis stands a sink that
answers after --answer-ms; the tables are in memory; everything else is the gateway as it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from benchmarks.gateway.one_run import Load, Measured, run
from benchmarks.tables import show
from local_stack.processes import Processes, stop_on_terminate

BUILD = Path(__file__).parents[2] / "build" / "gateway-load"


def flat(load: Load, gateway: Measured, plain: Measured | None) -> dict[str, float]:
    """The figures under the names that ``build/bench.json`` has."""
    speakers, notify = f"{load.speakers}_speakers", f"notify_{load.listeners}"
    found = {
        f"gateway_p50_ms_{speakers}": gateway.durable_p50_ms,
        f"gateway_p99_ms_{speakers}": gateway.durable_p99_ms,
        f"gateway_ack_p99_ms_{speakers}": gateway.acknowledged_p99_ms,
        f"gateway_cpu_share_{speakers}": round(gateway.cpu_share, 3),
        "gateway_starved_share": round(gateway.starved_share, 3),
        "gateway_memory_kb_per_connection": round(gateway.memory_kb_per_connection, 1),
        "gateway_memory_growth_kb": round(gateway.memory_growth_kb),
        "gateway_memory_growth_second_half_kb": round(gateway.memory_growth_second_half_kb),
        "gateway_dropped": gateway.dropped,
        "gateway_unacknowledged": gateway.unacknowledged,
        f"{notify}_p50_ms": gateway.notify_audio_p50_ms,
        f"{notify}_p99_ms": gateway.notify_audio_p99_ms,
        f"{notify}_text_p50_ms": gateway.notify_text_p50_ms,
        f"{notify}_text_p99_ms": gateway.notify_text_p99_ms,
        f"{notify}_loaded_p50_ms": gateway.loaded_notify_p50_ms,
        f"{notify}_loaded_p99_ms": gateway.loaded_notify_p99_ms,
        "notify_lost": gateway.notify_lost,
        "gateway_generator_lag_p99_ms": gateway.generator_lag_p99_ms,
    }
    if plain is not None:
        found[f"gateway_plain_p50_ms_{speakers}"] = plain.durable_p50_ms
        found[f"gateway_plain_p99_ms_{speakers}"] = plain.durable_p99_ms
        found[f"gateway_plain_cpu_share_{speakers}"] = round(plain.cpu_share, 3)
    return found


def tell(load: Load, found: list[Measured]) -> None:
    rows: list[tuple[str, str]] = [
        ("frame to PutRecords called, p50 / p99 ms", "put_p50_ms put_p99_ms"),
        ("frame to PutRecords answered, p50 / p99 ms", "durable_p50_ms durable_p99_ms"),
        ("the longest, ms", "durable_longest_ms"),
        ("frame to acknowledgement, p50 / p99 ms", "acknowledged_p50_ms acknowledged_p99_ms"),
        ("chunks measured", "chunks"),
        ("records a call", "records_per_call"),
        ("connections dropped", "dropped"),
        ("chunks never acknowledged", "unacknowledged"),
        ("errors sent to speakers", "errors"),
        ("share of its core", "cpu_share"),
        ("share of the time its core was taken by others", "starved_share"),
        ("memory, MB", "memory_mb"),
        ("memory a connection, KB", "memory_kb_per_connection"),
        ("memory grown while measured, KB", "memory_growth_kb"),
        (
            "... in the first half / in the second",
            "memory_growth_first_half_kb memory_growth_second_half_kb",
        ),
        (
            "notify to the last listener, text, p50 / p99 ms",
            "notify_text_p50_ms notify_text_p99_ms",
        ),
        ("... 30 KB of audio, p50 / p99 ms", "notify_audio_p50_ms notify_audio_p99_ms"),
        ("... while all speak, p50 / p99 ms", "loaded_notify_p50_ms loaded_notify_p99_ms"),
        ("messages lost", "notify_lost"),
        ("this program late in sending, p99 ms", "generator_lag_p99_ms"),
        ("this program's CPU, of its core", "generator_cpu_share"),
    ]
    show(
        f"{load.speakers} speakers, {load.listeners} listeners on one session in ten languages, "
        f"{load.seconds:.0f} s; the sink (a stand-in) answers after {load.answer_ms:g} ms",
        ["", *(one.program for one in found)],
        [[title, *(_cell(one, names.split()) for one in found)] for title, names in rows],
    )


def _cell(measured: Measured, names: list[str]) -> str:
    values: list[float] = [getattr(measured, name) for name in names]
    digits = 2 if names[0].endswith("share") else 1
    return " / ".join(f"{v:.{digits}f}" if isinstance(v, float) else str(v) for v in values)


def two_cores() -> tuple[int | None, int | None]:
    """(the server's, this program's); None where the machine has one core only."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[-1], cores[0]) if len(cores) > 1 else (None, None)


async def measure_all(load: Load, *, with_plain: bool) -> list[Measured]:
    with Processes(BUILD) as processes:
        found = [await run("gateway", load, processes)]
        if with_plain:
            found.append(await run("plain", load, processes))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--speakers", type=int, default=1000)
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--answer-ms", type=float, default=10.0, help="the sink's answer time")
    parser.add_argument("--gateway-only", action="store_true", help="without the plain program")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    stop_on_terminate()
    server_core, own_core = two_cores()
    if own_core is not None:
        os.sched_setaffinity(0, {own_core})
    load = Load(
        options.speakers, options.listeners, options.seconds, options.answer_ms, server_core
    )
    found = asyncio.run(measure_all(load, with_plain=not options.gateway_only))
    tell(load, found)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        figures = flat(load, found[0], found[1] if len(found) > 1 else None)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"see {options.json}")
    return 1 if found[0].dropped or found[0].unacknowledged or found[0].notify_lost else 0


if __name__ == "__main__":
    sys.exit(main())
