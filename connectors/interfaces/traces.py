"""Traces: where an operator sees, clip by clip, in which stage the time went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from schemas.values import Outcome


class Traces(Protocol):
    """Told of everything that listeners were told. What was said is not in it."""

    def tell(self, outcome: Outcome) -> None:
        """Returns at once and never fails: a talk does not wait for who watches it. An outcome that
        is told again (after a restart) is the same trace again."""

    async def close(self) -> None:
        """Send what still waits, for ``TraceSettings.answer_within_s`` at most."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """``endpoint_url``: a collector that takes OTLP over HTTP; empty: there is none. ``ratio``: of
    the clips, 0 to 1. ``answer_within_s``: how long the collector has for an answer, and for all
    that waits at the end."""

    endpoint_url: str = ""
    ratio: float = 1.0
    answer_within_s: float = 5.0


class NoTraces:
    """Nobody watches."""

    def tell(self, outcome: Outcome) -> None:
        del outcome

    async def close(self) -> None: ...
