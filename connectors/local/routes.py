"""Which engines take a text from one language to another, and why that way.

In order: a neural model of the pair; two neural models through a language between; the table
``PIVOTS``, a neural model into a close relative of the target and Apertium from there; Apertium
alone. The table was made by reading ten sentences of two talks in each language, both ways
(docs/engines.md has some): Apertium's own English pairs lose subject, number and negation ("The
first two did not change anything" -> "El primer dos no cambió cualquier cosa"), while from
Portuguese it changes little but words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

NEURAL = "neural"
APERTIUM = "apertium"


@dataclass(frozen=True, slots=True)
class Step:
    engine: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Route:
    """``reason``: for operators."""

    steps: tuple[Step, ...]
    reason: str


PIVOTS = {
    ("en", "ca"): ("pt", "9 of 10 sentences better than Apertium's English-Catalan"),
    ("en", "es"): ("pt", "9 of 10 sentences better than Apertium's English-Spanish"),
    ("en", "fr"): ("pt", "8 of 10 sentences better than Apertium's way through Catalan alone"),
    ("en", "gl"): ("pt", "as for Spanish; the languages are closer still"),
}


def find_route(
    neural: Iterable[tuple[str, str]],
    apertium: Callable[[str, str], bool],
    source: str,
    target: str,
) -> Route | None:
    """None: there is none. ``apertium``: whether it can take a pair, alone."""
    pairs = set(neural)
    if source == target:
        return None
    if (source, target) in pairs:
        return Route((Step(NEURAL, source, target),), "a neural model of the pair")
    for (_, between), (again, _) in product(
        sorted(pair for pair in pairs if pair[0] == source),
        sorted(pair for pair in pairs if pair[1] == target),
    ):
        if between == again:
            steps = (Step(NEURAL, source, between), Step(NEURAL, between, target))
            return Route(steps, f"two neural models, through {between}")
    if (source, target) in PIVOTS:
        between, reason = PIVOTS[source, target]
        if (source, between) in pairs and apertium(between, target):
            steps = (Step(NEURAL, source, between), Step(APERTIUM, between, target))
            return Route(steps, reason)
    if apertium(source, target):
        return Route((Step(APERTIUM, source, target),), "no neural model leads there")
    return None
