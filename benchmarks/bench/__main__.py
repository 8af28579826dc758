"""``make bench``: this job beside the flow that it replaces, in one run, on this machine.

Each part is a program of its own that writes its figures; here they are run one after the other,
gathered under flat keys into ``build/bench.json``, drawn, and told in one table beside what is
promised. A part that fails leaves its figures out. The last line names it, and each figure that is
not what was promised; either makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bars import in_a_line, missed
from benchmarks.bench.bars import BARS, SERVICES, STOOD_IN
from benchmarks.bench.parts import BUILD, FOUND, FULL, QUICK, clear, parts, run_part
from benchmarks.bench.pictures import draw_lag, draw_load, draw_stages
from benchmarks.tables import show
from local_stack.processes import stop_on_terminate

PICTURES = ("bench-lag.png", "bench-stages.png", "bench-load.png")


def draw(build: Path, figures: Mapping[str, float]) -> dict[str, str]:
    """All three pictures; those that could not be drawn, and why."""
    lag, stages, load = (build / name for name in PICTURES)
    problems: dict[str, str] = {}
    for picture, drawn in (
        (lag, lambda: draw_lag(build, lag)),
        (stages, lambda: draw_stages(build, stages)),
        (load, lambda: draw_load(figures, load)),
    ):
        try:
            drawn()
        except (OSError, ValueError, KeyError) as error:
            problems[picture.name] = f"{type(error).__name__}: {error}"
    return problems


def tell(figures: Mapping[str, float], problems: Mapping[str, str]) -> None:
    show("every figure", ("figure", "value"), [(key, f"{v:g}") for key, v in figures.items()])
    show(
        "what stood in for what, by part (cost is reckoned, nothing is run)",
        ("", *STOOD_IN),
        [(service, *(one[at] for one in STOOD_IN.values())) for at, service in enumerate(SERVICES)],
    )
    show("the bars", ("figure", "value", "at most", ""), [bar.row(figures) for bar in BARS])
    for part, problem in problems.items():
        print(f"bench: {part} {problem}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small loads, a few minutes")
    parser.add_argument("--only", action="append", metavar="PART", help="by the part's first word")
    parser.add_argument("--job-option", action="append", default=[], metavar="OPTION")
    given = parser.parse_args(arguments)
    size = QUICK if given.quick else FULL
    began_s = time.monotonic()
    clear(FOUND, BUILD)
    figures: dict[str, float] = {}
    problems: dict[str, str] = {}
    for part in parts(size, given.job_option):
        if given.only and part.name.split(",")[0] not in given.only:
            continue
        part_began_s = time.monotonic()
        print(f"bench: {part.name}", flush=True)
        result = run_part(part, size.longest_s - (part_began_s - began_s))
        figures |= result.figures
        if result.problem:
            problems[part.name] = result.problem
        took_s = time.monotonic() - part_began_s
        figures["seconds_" + "_".join(part.name.replace(",", "").split())] = round(took_s, 1)
        (BUILD / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    problems |= draw(BUILD, figures)
    tell(figures, problems)
    print("see", ", ".join(f"{BUILD / name}" for name in ("bench.json", *PICTURES)))
    minutes = (time.monotonic() - began_s) / 60
    below = missed(BARS, figures)
    told = f"failed: {in_a_line(problems)}; missed: {in_a_line(below)}"
    print(f"bench: {len(figures)} figures in {minutes:.1f} min; {told}")
    return 1 if problems or below else 0


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
