"""``make bench``: this job beside the flow that it replaces, in one run, on this machine.

Each part is a program of its own that writes its figures; here they are run one after the other,
gathered under flat keys into ``build/bench.json``, drawn, and told in one table. A part that fails
leaves its figures out, is named, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench_pictures import draw_lag, draw_load, draw_stages
from benchmarks.tables import show
from local_stack.flink import ROOT
from local_stack.processes import stop_on_terminate

BUILD = ROOT / "build"
PROFILES = ("seed", "current")


@dataclass(frozen=True, slots=True)
class Part:
    """A program, where it writes its figures, and which of them go where; empty: all as they are.

    ``within_s``: after that it is stopped.
    """

    name: str
    command: tuple[str, ...]
    figures: Path
    keys: Mapping[str, str]
    within_s: float


def parts(*, quick: bool) -> tuple[Part, ...]:
    lag = ("--talks", "6", "--seconds", "30") if quick else ("--talks", "100", "--seconds", "120")
    loads = (10,) if quick else (10, 100, 300, 1_000)
    sessions = [word for load in loads for word in ("--sessions", f"{load}")]
    crowd = ("--speakers", "100", "--listeners", "50") if quick else ()
    found = BUILD / "bench"
    listed = [
        Part("cost", ("benchmarks.cost_table",), BUILD / "cost.json", {}, 60.0),
        *(
            Part(
                f"lag, {profile}",
                ("benchmarks.lag_run", "--profile", profile, *lag),
                BUILD / f"lag-{profile}.json",
                lag_keys(profile),
                900.0,
            )
            for profile in (PROFILES[-1:] if quick else PROFILES)
        ),
        Part(
            "overhead",
            (
                "benchmarks.overhead",
                *sessions,
                *("--seconds", "20" if quick else "60"),
                *("--json", f"{found / 'overhead.json'}"),
            ),
            found / "overhead.json",
            {},
            1_200.0,
        ),
        Part(
            "gateway",
            (
                "benchmarks.gateway_load",
                *crowd,
                *("--seconds", "8" if quick else "30"),
                *("--json", f"{found / 'gateway.json'}"),
            ),
            found / "gateway.json",
            {},
            300.0,
        ),
    ]
    if not quick:
        out = found / "recognition.json"
        listed.append(
            Part(
                "recognition",
                ("benchmarks.recognition", "--minutes", "5", "--out", f"{out}"),
                out,
                {},
                900.0,
            )
        )
    return tuple(listed)


def lag_keys(profile: str) -> dict[str, str]:
    return {
        "lag_ratio": f"lag_ratio_{profile}_profile",
        **{
            f"{flow}_{figure}_s": f"{prefix}{figure}_s_{profile}_profile"
            for flow, prefix in (("job", ""), ("baseline", "baseline_"))
            for figure in ("lag_mean", "lag_p50", "lag_p95", "lag_p99", "first_sample_p50")
        },
    }


def run_part(part: Part) -> dict[str, float]:
    """Its figures under the names of ``bench.json``; none when it failed."""
    part.figures.unlink(missing_ok=True)
    part.figures.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [sys.executable, "-m", *part.command], cwd=ROOT, timeout=part.within_s, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"bench: {part.name} took longer than {part.within_s:.0f} s", flush=True)
    if not part.figures.exists():
        return {}
    found = json.loads(part.figures.read_text())
    numbers = {key: float(one) for key, one in found.items() if isinstance(one, int | float)}
    if not part.keys:
        return numbers
    return {name: numbers[key] for key, name in part.keys.items() if key in numbers}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small loads, a few minutes")
    given = parser.parse_args(arguments)
    began_s = time.monotonic()
    figures: dict[str, float] = {}
    failed: list[str] = []
    for part in parts(quick=given.quick):
        print(f"bench: {part.name}", flush=True)
        found = run_part(part)
        figures |= found
        if not found:
            failed.append(part.name)
        (BUILD / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw_lag(BUILD, BUILD / "bench-lag.png")
    draw_stages(BUILD, BUILD / "bench-stages.png")
    draw_load(figures, BUILD / "bench-load.png")
    show("bench", ("figure", "value"), [(key, f"{value:g}") for key, value in figures.items()])
    print(f"see {BUILD / 'bench.json'}, bench-lag.png, bench-stages.png, bench-load.png")
    minutes = (time.monotonic() - began_s) / 60
    print(f"bench: {len(figures)} figures in {minutes:.1f} min; failed: {', '.join(failed) or '-'}")
    return 1 if failed else 0


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
