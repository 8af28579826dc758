"""What became of a session elsewhere, for a process that only takes its sound. Pure.

Gateways change the row (pause, mute, end), and another connection may take the speaker's place.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from connectors.interfaces.session_tables import ENDED, SessionRow

STREAM_PREFIX = "kvs-"
"""What the names of streams that came through a signaling channel begin with."""
SEEN_WITHIN_MS = 90_000
"""A speaker who was seen that lately is still there: rows are written every half minute."""


class Next(Enum):
    JOIN = "join"
    WAIT = "wait"
    LEAVE = "leave"


def what_next(ours: SessionRow | None, found: SessionRow | None, now_ms: int) -> Next:
    """For a viewer that opened its last stream when the row was ``ours`` (None: it opened none).

    A speaker who took the session over keeps it, or both would take it from each other for ever:
    another worker for good, a speaker who came another way for as long as they are there.
    """
    if found is None or found.info.status == ENDED:
        return Next.LEAVE
    if ours is None or _is_still(ours, found):
        return Next.JOIN
    if (found.stream_id or "").startswith(STREAM_PREFIX):
        return Next.LEAVE
    is_there = now_ms - (found.speaker_seen_at_ms or 0) < SEEN_WITHIN_MS
    return Next.WAIT if is_there else Next.JOIN


def goes_on(ours: SessionRow, found: SessionRow | None) -> bool:
    """Whether the stream that we feed is still the session's."""
    return found is not None and found.info.status != ENDED and _is_still(ours, found)


def _is_still(ours: SessionRow, found: SessionRow) -> bool:
    """Whether no other opening has come since. A row that was read before ours is none."""
    if found.generation == 0:  # by a gateway that does not count them, or nobody's yet
        return found.openings < ours.openings or found.epoch <= ours.epoch
    return found.generation <= ours.generation


def followed(ours: SessionRow, found: SessionRow) -> SessionRow:
    """Our row with what others decide; where the audio stands we know better."""
    info = replace(
        ours.info,
        status=found.info.status,
        target_languages=found.info.target_languages,
        ended_at_ms=found.info.ended_at_ms,
    )
    return replace(ours, info=info, muted=found.muted, volume=found.volume)
