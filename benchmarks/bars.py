"""What is promised of figures, for benchmarks that fail when it does not hold. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """The figure ``key`` is at most ``most``, or at most another figure (``than``) and ``most``;
    or it is at least ``least``."""

    key: str
    most: float = math.inf
    than: str = ""
    least: float = -math.inf

    def limit(self, figures: Mapping[str, float]) -> float | None:
        """The highest that is good; None: what it is compared to was not measured."""
        if not self.than:
            return self.most
        other = figures.get(self.than)
        return None if other is None else other + self.most

    def is_missed(self, figures: Mapping[str, float]) -> bool:
        """What was not measured is not missed."""
        value, limit = figures.get(self.key), self.limit(figures)
        return value is not None and limit is not None and not self.least <= value <= limit

    def row(self, figures: Mapping[str, float]) -> tuple[str, str, str, str]:
        """A row: the figure, its value, its limit, and whether it is kept."""
        value, limit = figures.get(self.key), self.limit(figures)
        wanted = "-" if limit is None else f"{limit:g}"
        if value is None:
            return self.key, "-", wanted, "not measured"
        if limit is None:
            return self.key, f"{value:g}", wanted, "not measured"
        return self.key, f"{value:g}", wanted, "MISSED" if self.is_missed(figures) else "kept"


def missed(
    bars: Iterable[Bar], figures: Mapping[str, float], *, all_measured: bool = False
) -> list[str]:
    """The figures that are not as promised, once each, with their values. ``all_measured``: one
    that is not there is not as promised."""
    found = {
        bar.key: f"{bar.key} {figures[bar.key]:g}" if bar.key in figures else f"{bar.key} -"
        for bar in bars
        if bar.is_missed(figures) or (all_measured and bar.key not in figures)
    }
    return list(found.values())


def in_a_line(names: Iterable[str]) -> str:
    return ", ".join(names) or "-"
