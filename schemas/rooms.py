"""Events, their rooms and the talks in them; times are UTC milliseconds.

An organiser makes an event, rooms in it, and talks in a room. A room has one *stage*: the talk that
holds it is the one that listeners of the room hear. A talk runs in a session, which is made when it
takes the stage for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

KEEP_DAYS = (0, 1, 7, 30)
"""For how long what is said may be kept. 0: not beyond its delivery."""
DEFAULT_KEEP_DAYS = 1


@dataclass(frozen=True, slots=True)
class Event:
    """``version`` counts the writes of the row, from 0; ``owner`` is the organiser's subject."""

    event_id: str
    owner: str
    title: str
    created_at_ms: int
    room_ids: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """Which talk holds it since when; ``session_id`` None: its session is being made."""

    talk_id: str
    since_ms: int
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """``secret`` (128 bits) is in its link: who has it may listen. ``languages`` empty: all that
    there are. ``access_code`` None: none is asked for. ``most_listeners`` None: as many as a
    session takes. ``is_locked``: who is not in stays out."""

    room_id: str
    event_id: str
    owner: str
    event_title: str
    name: str
    secret: str
    created_at_ms: int
    languages: tuple[str, ...] = ()
    access_code: str | None = None
    most_listeners: int | None = None
    keep_days: int = DEFAULT_KEEP_DAYS
    is_locked: bool = False
    stage: Stage | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """``secret`` (128 bits) is in its speaker's link: who has it may take the stage for it.
    ``language``: spoken in it. ``session_id`` None: it has not had the stage yet."""

    room_id: str
    talk_id: str
    title: str
    speaker: str
    language: str
    secret: str
    created_at_ms: int
    planned_at_ms: int | None = None
    session_id: str | None = None
    ended_at_ms: int | None = None
    version: int = 0

    @property
    def is_over(self) -> bool:
        return self.ended_at_ms is not None

    def ended(self, now_ms: int) -> Talk:
        return self if self.is_over else replace(self, ended_at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A session that is to be erased, again if need be: what its job still writes comes late."""

    session_id: str
    created_at_ms: int
    due_ms: int


def in_order(talks: tuple[Talk, ...]) -> tuple[Talk, ...]:
    """By their planned time, those without one at the end, as they were made."""
    return tuple(
        sorted(
            talks,
            key=lambda talk: (
                talk.planned_at_ms is None,
                talk.planned_at_ms or 0,
                talk.created_at_ms,
                talk.talk_id,
            ),
        )
    )
