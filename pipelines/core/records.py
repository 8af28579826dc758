"""The values that flow between the job's own steps (``schemas.values`` holds the shared ones)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values import AudioChunk, SessionControl


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as the poller read it: exactly one of ``chunk`` and ``control`` is set.

    ``arrived_at_ms`` is Kinesis's own time, ``read_at_ms`` ours. ``log_order`` sorts records of one
    session as the log has them. ``read_since_ms`` is the arrival time from which this job has read
    the record's shard: what was received well after it must have come, or is still to come.
    """

    arrived_at_ms: int
    read_at_ms: int
    read_since_ms: int
    log_order: str
    chunk: AudioChunk | None = None
    control: SessionControl | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Chunks ``from_sequence`` up to, not including, ``until_sequence`` will never come."""

    epoch: int
    from_sequence: int
    until_sequence: int


@dataclass(frozen=True, slots=True)
class PaneItem:
    """One thing of a session in its final order: exactly one of the two is set."""

    read: ReadRecord | None = None
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Pane:
    """What a window's trigger let through, in any order. ``closing``: nothing came for the gap."""

    session_id: str
    fired_at_ms: int
    records: tuple[ReadRecord, ...]
    closing: bool = False


TICK = Pane("", 0, ())
"""No pane at all: time has passed, for every session of a partition."""
