"""What a session's row holds beside its columns (``SessionInfo.extra``), by name."""

from __future__ import annotations

from schemas.rooms import DEFAULT_KEEP_DAYS
from schemas.session_info import SessionInfo

ROOM_ID = "roomId"
TALK_ID = "talkId"
KEEP_DAYS = "keepDays"


def keep_days(info: SessionInfo) -> int:
    """For how many days what is said in the session is kept; 0: not beyond its delivery."""
    written = info.extra.get(KEEP_DAYS, "")
    return int(written) if written.isdecimal() else DEFAULT_KEEP_DAYS
