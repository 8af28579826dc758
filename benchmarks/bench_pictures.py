"""The pictures of ``make bench``, from what its parts left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from schemas.names import RECOGNISED_STAGES

_SIZE_IN = (9.0, 4.0)


def draw_lag(build: Path, picture: Path) -> None:
    """Each word's lag over the talk, for both flows, a panel a profile."""
    found = sorted(build.glob("lag-*-words.json"))
    figure = Figure(_SIZE_IN, layout="constrained")
    for place, file in enumerate(found, start=1):
        panel = figure.add_subplot(1, len(found), place)
        for flow, words in json.loads(file.read_text()).items():
            panel.plot(
                [at_s for at_s, _ in words],
                [lag_s for _, lag_s in words],
                ".",
                markersize=2,
                alpha=0.3,
                label=flow,
            )
        panel.set_title(file.name.removeprefix("lag-").removesuffix("-words.json"))
        panel.set_xlabel("seconds into the talk")
        panel.set_ylabel("seconds behind the speaker, each word")
        panel.legend(markerscale=5)
    figure.savefig(picture)


def draw_stages(build: Path, picture: Path) -> None:
    """Where the time of a notification goes, in the mean, a bar for each flow and profile."""
    figure = Figure(_SIZE_IN, layout="constrained")
    panel = figure.add_subplot()
    for file in sorted(build.glob("lag-*.json")):
        if file.name.endswith("-words.json"):
            continue
        found = json.loads(file.read_text())
        for flow in ("baseline", "job"):
            left_s = 0.0
            for number, stage in enumerate(RECOGNISED_STAGES):
                spent_s = found.get(f"{flow}_stage_{stage}_mean_ms", 0.0) / 1000
                name = f"{flow}, {found.get('profile', '')}"
                panel.barh(name, spent_s, left=left_s, color=f"C{number}", label=stage)
                left_s += spent_s
    handles, labels = panel.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if once:
        panel.legend(once.values(), once.keys(), ncols=5, fontsize="small")
    panel.set_xlabel("seconds from the first sample to the notification (mean)")
    figure.savefig(picture)


def draw_load(figures: Mapping[str, float], picture: Path) -> None:
    """What the job adds, by the number of sessions."""
    figure = Figure(_SIZE_IN, layout="constrained")
    panel = figure.add_subplot()
    for share in ("p50", "p99"):
        pattern = re.compile(rf"overhead_{share}_ms_(\d+)_sessions")
        loads = sorted(
            (int(match[1]), value)
            for key, value in figures.items()
            if (match := pattern.fullmatch(key))
        )
        panel.plot([load for load, _ in loads], [ms for _, ms in loads], "o-", label=share)
    panel.set_xlabel("sessions, two languages each")
    panel.set_ylabel("added by the job, ms")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.legend()
    figure.savefig(picture)
