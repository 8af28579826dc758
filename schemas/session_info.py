"""What is known of a session apart from what is spoken in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.rooms import DEFAULT_KEEP_DAYS

# In ``SessionInfo.extra``: which talk of which room the session is, and for how long that keeps it.
ROOM_ID = "roomId"
TALK_ID = "talkId"
KEEP_DAYS = "keepDays"

LOST_LISTENER_MS = 30_000
"""For how long a listener whose connection was lost is counted: its row expires after that."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its table row tells it; times are UTC milliseconds. ``extra``: what the row
    holds beside its columns, by name."""

    session_id: str
    speaker_id: str
    source_language: str
    target_languages: tuple[str, ...]
    quality_tier: str
    status: str
    created_at_ms: int
    ended_at_ms: int | None = None
    extra: dict[str, str] = field(default_factory=dict)


def keep_days(info: SessionInfo) -> int:
    """For how many days what is said in the session is kept; 0: not beyond its delivery."""
    written = info.extra.get(KEEP_DAYS, "")
    return int(written) if written.isdecimal() else DEFAULT_KEEP_DAYS
