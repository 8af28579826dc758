"""What an act on the cluster showed: the demo's findings, and what a listener noticed of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from local_stack.completeness import SampleFault

LOOK_BEHIND_MS = 40_000
"""How long after an outage a silence is put down to it."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What was done to the running system, from when until the job ran again; UTC."""

    what: str
    at_ms: int
    over_ms: int
    restored_from: str = ""

    @property
    def took_s(self) -> float:
        return (self.over_ms - self.at_ms) / 1000


@dataclass(frozen=True, slots=True)
class Act:
    """``line`` and ``missing`` are the demo's: what is no clip is missing. ``lost``: what is not
    even a notice, and audio in no entry or in several. ``repeated_s``: speech that is in the ledger
    more than once. ``skipped``: how much a listener was told not to wait for, by reason.
    ``notices_again``: announcements under a number that was there before; receivers drop them.
    ``usual_s`` and ``silence_s``: the longest wait for the next clip, before and after the outage.
    """

    name: str
    line: str
    missing: tuple[str, ...]
    lost: tuple[str, ...]
    repeated_s: float
    skipped: Mapping[str, int]
    notices_again: int
    usual_s: float
    silence_s: float
    outage: Outage | None

    @property
    def faults(self) -> tuple[str, ...]:
        """What must not be. Speech that an outage made late is skipped by rule, with a notice."""
        return self.lost if self.outage else self.missing

    @property
    def summary(self) -> str:
        parts = [f"{self.name}: {self.line.removeprefix('demo: ')}"]
        parts.append(f"{len(self.lost)} lost; {self.repeated_s:.1f} s repeated")
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(self.skipped.items()))
        parts.append(f"{why or 0} skipped with a notice")
        if self.outage is None:
            parts.append(f"longest wait {self.usual_s:.1f} s")
        else:
            parts.append(f"{self.silence_s:.1f} s of silence (before: {self.usual_s:.1f} s)")
            parts.append(f"job back after {self.outage.took_s:.1f} s")
        return "; ".join(parts)


def longest_waits_s(
    arrivals_ms: Iterable[Sequence[int]], blow_at_ms: int | None, left_at_ms: int
) -> tuple[float, float]:
    """(before the outage, after it): the longest time a listener waited for the next clip.

    ``arrivals_ms``: of each listener, when clips came; they left at ``left_at_ms``. A wait that the
    outage falls into, or that begins soon after it, is its own. Who heard nothing any more waited
    until the end; who had heard nothing yet, from the outage on.
    """
    usual, struck = [0.0], [0.0]
    for came in arrivals_ms:
        moments = sorted(came)
        if blow_at_ms is not None:
            if not moments or moments[-1] <= blow_at_ms:
                moments.append(left_at_ms)
            if moments[0] > blow_at_ms:
                moments.insert(0, blow_at_ms)
        for before, after in pairwise(moments):
            wait_s = (after - before) / 1000
            if blow_at_ms is None or after <= blow_at_ms:
                usual.append(wait_s)
            elif before < blow_at_ms + LOOK_BEHIND_MS:
                struck.append(wait_s)
    return max(usual), max(struck)


def key_faults(keys: Mapping[tuple[int, str], Collection[str]]) -> tuple[str, ...]:
    """``keys``: the stored names under which each (number, language) was announced. A repeat under
    another one would be heard twice by who goes by names."""
    return tuple(
        f"utterance {number} in {language} was announced under {len(names)} names"
        for (number, language), names in sorted(keys.items())
        if len(names) > 1
    )


def repeated_s(faults: Iterable[SampleFault], rate_hz: int) -> float:
    """Seconds of speech that the ledger has more than once."""
    again = sum(
        (fault.times - 1) * (fault.end_sample - fault.first_sample)
        for fault in faults
        if fault.times > 1
    )
    return again / rate_hz
