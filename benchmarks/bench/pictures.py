"""The pictures of ``make bench``, from what its parts left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from schemas.names import RECOGNISED_STAGES

_SIZE_IN = (10.0, 4.5)
_SMOOTH_S = 5.0
_COLOURS = {"baseline": "C0", "job": "C1"}
_REPLACED_S = 5.7
"""From the first sample to the notification, in the flow being replaced as it stands."""
_BARS_MS = {"p50": 100.0, "p99": 400.0}
"""At 300 sessions."""


def draw_lag(build: Path, picture: Path) -> None:
    """Each word's lag over the talk, for both flows, a panel a profile; and the lag as heard over
    the long talk."""
    panels = [
        (f"{file.name.removeprefix('lag-').removesuffix('-words.json')}: told", file)
        for file in sorted(build.glob("lag-*-words.json"))
    ]
    playout = build / "bench" / "playout-words.json"
    if playout.exists():
        panels.append(("one long talk, virtual time: heard", playout))
    figure = Figure(_SIZE_IN, layout="constrained")
    for place, (title, file) in enumerate(panels, start=1):
        panel = figure.add_subplot(1, len(panels), place)
        for flow, words in json.loads(file.read_text()).items():
            times, lags = [at_s for at_s, _ in words], [lag_s for _, lag_s in words]
            panel.plot(times, lags, ".", color=_COLOURS[flow], markersize=2, alpha=0.08)
            outlined = [withStroke(linewidth=4, foreground="white")]  # it lies on its own dots
            panel.plot(
                *smoothed(words), color=_COLOURS[flow], label=flow, zorder=3, path_effects=outlined
            )
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel("seconds into the talk")
        panel.set_ylabel("seconds behind the speaker")
        panel.set_ylim(bottom=0)
        panel.legend()
    figure.savefig(picture)


def smoothed(words: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Middles of stretches of some seconds, and the mean of the values in each."""
    stretches: dict[int, list[float]] = {}
    for at_s, value in words:
        stretches.setdefault(int(at_s / _SMOOTH_S), []).append(value)
    at = sorted(stretches)
    return [(one + 0.5) * _SMOOTH_S for one in at], [fmean(stretches[one]) for one in at]


def draw_stages(build: Path, picture: Path) -> None:
    """Where the time of a notification goes, in the mean, a bar for each flow and profile."""
    figure = Figure(_SIZE_IN, layout="constrained")
    panel: Any = figure.add_subplot()
    for file in sorted(build.glob("lag-*.json")):
        if file.name.endswith("-words.json"):
            continue
        found = json.loads(file.read_text())
        for flow in _COLOURS:
            if not any(key.startswith(f"{flow}_stage_") for key in found):
                continue
            left_s = 0.0
            name = f"{flow}, {found.get('profile', '')}"
            for number, stage in enumerate(RECOGNISED_STAGES):
                spent_s = found.get(f"{flow}_stage_{stage}_mean_ms", 0.0) / 1000
                panel.barh(name, spent_s, left=left_s, color=f"C{number}", label=stage)
                left_s += spent_s
            panel.text(left_s, name, f" {left_s:.1f} s", va="center")
    panel.axvline(_REPLACED_S, color="grey", linestyle=":", label=f"replaced: {_REPLACED_S} s")
    handles, labels = panel.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=6, fontsize="small")
    panel.margins(x=0.1)
    panel.set_xlabel("seconds from the first sample to the notification (mean)")
    figure.savefig(picture)


def draw_load(figures: Mapping[str, float], picture: Path) -> None:
    """What the job adds, by the number of sessions; hollow where it does not keep up."""
    figure = Figure(_SIZE_IN, layout="constrained")
    panel = figure.add_subplot()
    for number, (share, bar_ms) in enumerate(_BARS_MS.items()):
        pattern = re.compile(rf"overhead_{share}_ms_(\d+)_sessions")
        loads = sorted(
            (int(match[1]), value)
            for key, value in figures.items()
            if (match := pattern.fullmatch(key))
        )
        colour = f"C{number}"
        panel.plot([load for load, _ in loads], [ms for _, ms in loads], "-", color=colour)
        for load, ms in loads:
            keeps_up = figures.get(f"overhead_keeps_up_{load}_sessions")
            panel.plot([load], [ms], "o", color=colour, fillstyle="full" if keeps_up else "none")
        panel.plot([], [], "o-", color=colour, label=share)
        panel.axhline(bar_ms, color=colour, linestyle=":", label=f"{share} at most, at 300")
    panel.set_xlabel("sessions, two languages each (hollow: does not keep up)")
    panel.set_ylabel("added by the job, ms")
    if any(key.startswith("overhead_p50_ms") for key in figures):  # nothing has no logarithm
        panel.set_xscale("log")
        panel.set_yscale("log")
    panel.legend()
    figure.savefig(picture)
