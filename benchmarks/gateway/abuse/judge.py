"""The bars of ``make abuse``, and whether they hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.gateway.abuse.honest import Seen

MOST_ACK_P99_MS = 500.0
MOST_GROWTH = 0.10
SMALL_GROWTH_BYTES = 8 * 1024 * 1024
"""What an allocator keeps of a gateway of 100 MB is no growth."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attack, or None: the control. ``memory_bytes``: of the gateway before and behind it."""

    attack: str
    seen: Seen
    events: float
    must_have_events: bool
    memory_bytes: tuple[int, int]
    has_attacked: bool = True
    """The attack came to its end: one that fails by itself proves nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    attack: str
    ack_p50_ms: float
    ack_p99_ms: float
    chunks: int
    events: float
    problems: tuple[str, ...]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share is not above; infinity of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def judged(run: Run) -> Verdict:
    seen = run.seen
    p99_ms = percentile(seen.ack_ms, 0.99)
    before, after = run.memory_bytes
    problems = list(seen.broken)
    if p99_ms > MOST_ACK_P99_MS:
        problems.append(f"acknowledged after {p99_ms:.0f} ms")
    if seen.chunks_missing:
        problems.append(f"{seen.chunks_missing} chunks lost")
    if seen.chunks_repeated:
        problems.append(f"{seen.chunks_repeated} chunks repeated")
    if seen.heard < seen.posted:
        problems.append(f"{seen.posted - seen.heard} of {seen.posted} messages not heard")
    if seen.answered < seen.asked:
        problems.append(f"an operator was refused {seen.asked - seen.answered} times")
    if after - before > max(MOST_GROWTH * before, SMALL_GROWTH_BYTES):
        problems.append(f"memory grew by {(after - before) / 2**20:.0f} MB")
    if not run.has_attacked:
        problems.append("the attack itself failed")
    if run.must_have_events and not run.events:
        problems.append("left no event")
    return Verdict(
        run.attack,
        percentile(seen.ack_ms, 0.5),
        p99_ms,
        seen.chunks_sent,
        run.events,
        tuple(problems),
    )
