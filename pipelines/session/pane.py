"""What a session window's trigger let through."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.session.records import ReadRecord


@dataclass(frozen=True, slots=True)
class Pane:
    """Records of one session, in any order. ``fired_at_ms``: when the pane was due. ``is_last``:
    the window has closed. A pane of no session is a tick, number ``tick`` of the clock."""

    session_id: str
    fired_at_ms: int
    records: tuple[ReadRecord, ...] = ()
    is_last: bool = False
    tick: int = 0
