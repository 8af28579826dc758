"""What a peer of the server may use up before it is cut off, and who makes room for whom.

A connection is in one of four places: *waiting* (it has asked for nothing yet), *asking* (a request
is being read or answered), a *guest* (a WebSocket without token that has not joined), or *settled*
(it has shown a token, or joined). The places of the process are limited by its open files. Some are
kept for those who show a token: where only these are left, a new connection takes the place of the
one that has waited longest, then of the guest who has not joined for longest. Nobody who speaks or
listens is ever cut off for room.

A peer over its budget is aborted: its transport is closed at once and nothing more of it is read.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ingest_gateway.operations.security_events import EventKind, SecurityEvents

SWEEP_EVERY_S = 1.0
_FILES_FOR_THE_REST = 256
"""AWS, log files, and WebRTC's sockets."""
_MOST_CONNECTIONS = 20_000


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """``small_frames`` are data frames of at most 512 bytes, ``unread_bytes`` answers to pings that
    the peer does not take. ``join_s`` is how long a guest may stay without joining, ``unread_s``
    how long a peer may take nothing of what is sent to it, the last of it included."""

    connections: int = 1024 - _FILES_FOR_THE_REST
    kept_for_known: int = 64
    request_s: float = 10.0
    body_s: float = 20.0
    message_s: float = 20.0
    join_s: float = 120.0
    small_frames_per_s: float = 50.0
    small_frame_burst: int = 400
    control_frames_per_s: float = 5.0
    control_frame_burst: int = 50
    unread_bytes: int = 64 * 1024
    unread_s: float = 60.0
    guest_message_bytes: int = 4 * 1024


def limits_of_process() -> GuardLimits:
    """As many connections as files may be open, after asking for all that the system grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    files = _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft - _FILES_FOR_THE_REST
    connections = max(64, min(files, _MOST_CONNECTIONS))
    return GuardLimits(connections=connections, kept_for_known=max(16, connections // 16))


class Guarded(Protocol):
    """A connection as the guard sees it. Times are the guard's clock, in seconds."""

    address: str

    def overdue(self, now_s: float, limits: GuardLimits) -> EventKind | None:
        """What it has let pass; None: nothing."""
        ...

    def abort(self) -> None: ...


class Guard:
    def __init__(
        self, limits: GuardLimits, events: SecurityEvents, now_s: Callable[[], float]
    ) -> None:
        self.limits = limits
        self.now_s = now_s
        self._events = events
        # Dicts keep order: the first is the one that has been there for longest.
        self._waiting: dict[Guarded, None] = {}
        self._asking: dict[Guarded, None] = {}
        self._guests: dict[Guarded, None] = {}
        self._settled: dict[Guarded, None] = {}

    @property
    def connections(self) -> int:
        places = (self._waiting, self._asking, self._guests, self._settled)
        return sum(map(len, places))

    def opened(self, one: Guarded) -> None:
        """A new connection; another one may be cut off for it, or it is itself."""
        self._waiting[one] = None
        if self.connections > self.limits.connections - self.limits.kept_for_known:
            for place in (self._waiting, self._guests):
                longest = next((other for other in place if other is not one), None)
                if longest is not None:
                    self.cut_off(longest, "no_room")
                    return
        if self.connections > self.limits.connections:
            self.cut_off(one, "no_room")

    def waits(self, one: Guarded) -> None:
        self._move(one, self._waiting)

    def asks(self, one: Guarded) -> None:
        self._move(one, self._asking)

    def is_guest(self, one: Guarded) -> None:
        self._move(one, self._guests)

    def is_settled(self, one: Guarded) -> None:
        self._move(one, self._settled)

    def has_room_for_guest(self) -> bool:
        """Whether one without a token may stay."""
        return self.connections <= self.limits.connections - self.limits.kept_for_known

    def closed(self, one: Guarded) -> None:
        self._place_of(one, remove=True)

    def cut_off(self, one: Guarded, kind: EventKind) -> None:
        """At once: what it sent is not read any further."""
        self.closed(one)
        self._events.report(kind, address=one.address)
        one.abort()

    def saw(self, one: Guarded, kind: EventKind) -> None:
        """Of a peer that its own protocol ends."""
        self._events.report(kind, address=one.address)

    def sweep(self) -> None:
        """Cut off all that are overdue."""
        now_s = self.now_s()
        for place in (self._waiting, self._asking, self._guests, self._settled):
            for one in tuple(place):
                kind = one.overdue(now_s, self.limits)
                if kind is not None:
                    self.cut_off(one, kind)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self.sweep()

    def _move(self, one: Guarded, to: dict[Guarded, None]) -> None:
        """One that was cut off stays away."""
        if one not in to and self._place_of(one, remove=True):
            to[one] = None

    def _place_of(self, one: Guarded, *, remove: bool) -> bool:
        for place in (self._waiting, self._asking, self._guests, self._settled):
            if one in place:
                if remove:
                    del place[one]
                return True
        return False
