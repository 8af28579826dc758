"""How long speech took to reach a listener, by stage; from what the listeners received."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from schemas.names import RECOGNISED_STAGES


@dataclass(frozen=True, slots=True)
class Notified:
    """One clip that one listener was told of.

    ``spoken_s``: when its first sample was spoken, in seconds of the talk. ``from_first_ms`` and
    ``from_last_ms``: from the first and from the last sample spoken until the notification came.
    """

    language: str
    number: int
    spoken_s: float
    from_first_ms: int
    from_last_ms: int
    stages_ms: Mapping[str, int]
    transcript: str = ""
    """What the clip says."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a set of durations, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all values do not exceed; 0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: Sequence[float]) -> Spread:
    return Spread(
        len(values),
        percentile(values, 0.5),
        percentile(values, 0.95),
        percentile(values, 0.99),
        max(values, default=0.0),
    )


def stage_spreads(notified: Iterable[Notified]) -> dict[str, Spread]:
    """By stage, in the order an utterance passes them."""
    values: dict[str, list[float]] = defaultdict(list)
    for one in notified:
        for stage, duration_ms in one.stages_ms.items():
            values[stage].append(duration_ms)
    known = [stage for stage in RECOGNISED_STAGES if stage in values]
    return {stage: spread(values[stage]) for stage in [*known, *(values.keys() - set(known))]}


def draw(notified: Sequence[Notified], picture: Path) -> None:
    """A PNG: for each language a bar per utterance, at the time it was spoken, split by stage."""
    languages = sorted({one.language for one in notified})
    stages = list(stage_spreads(notified))
    figure = Figure(figsize=(11, 2.2 + 2.2 * max(1, len(languages))), layout="constrained")
    panels = figure.subplots(max(1, len(languages)), 1, sharex=True, sharey=True, squeeze=False)
    for panel, language in zip(panels[:, 0], languages, strict=False):
        mine = sorted(
            (one for one in notified if one.language == language), key=lambda one: one.spoken_s
        )
        floor = [0.0] * len(mine)
        for index, stage in enumerate(stages):
            heights = [one.stages_ms.get(stage, 0) / 1000 for one in mine]
            panel.bar(
                [one.spoken_s for one in mine],
                heights,
                bottom=floor,
                width=0.8,
                color=f"C{index % 10}",
                label=stage,
            )
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
        panel.plot(
            [one.spoken_s for one in mine],
            [one.from_first_ms / 1000 for one in mine],
            "k_",
            markersize=12,
            label="notification",
        )
        panel.set_ylabel(f"{language}: seconds")
        panel.grid(axis="y", alpha=0.3)
    panels[-1, 0].set_xlabel("spoken at, seconds of the talk")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    figure.suptitle("From an utterance's first sample to its notification, by stage")
    figure.savefig(picture, dpi=110)
