"""What a session is fed: records of the log with their places, and the items they become in order.

An *item* is what recognition has to do with: a chunk that is due, a hole that was passed, a flush.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from schemas.values import (
    BYTES_PER_SAMPLE,
    AudioChunk,
    ControlKind,
    ListenerLanguages,
    SessionControl,
)


class Now(NamedTuple):
    """The time of an event. ``ms``: the wall clock, for stamps that people read. ``s``: the loop's
    own clock, which never jumps, for everything that waits."""

    ms: int
    s: float


class Place(NamedTuple):
    """Where a record stands: its Kinesis sequence number, and that of the record before it in the
    shard (empty: reading began there)."""

    shard_id: str
    number: str
    before: str


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as a reader read it: exactly one of ``chunk`` and ``control`` is set.

    ``arrived_at_ms`` is Kinesis's own time. ``loss`` above 0: the log in front of where this shard
    was read from had been trimmed, so that what is missing there will never come. Its reader counts
    its losses.
    """

    place: Place
    arrived_at_ms: int
    read_at_ms: int
    chunk: AudioChunk | None = None
    control: SessionControl | None = None
    loss: int = 0

    @property
    def is_in_tables(self) -> bool:
        """Whether it tells listeners, who are looked up when a session is taken over: none is taken
        over for it."""
        return self.control is not None and self.control.kind is ControlKind.LISTENERS

    @property
    def size_bytes(self) -> int:
        """Its audio."""
        return 0 if self.chunk is None else len(self.chunk.pcm)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk in its turn. ``epoch`` and ``sequence`` are those it is committed under."""

    epoch: int
    sequence: int
    read: ReadRecord
    audio: AudioChunk
    record: str | None = None
    """Of raw PCM: the record's Kinesis sequence number."""

    @property
    def samples(self) -> int:
        return len(self.audio.pcm) // BYTES_PER_SAMPLE

    @property
    def first_sequence(self) -> int:
        return self.sequence


@dataclass(frozen=True, slots=True)
class Hole:
    """Chunks ``from_sequence`` up to, not including, ``until_sequence`` will never come."""

    epoch: int
    from_sequence: int
    until_sequence: int

    @property
    def first_sequence(self) -> int:
        return self.from_sequence


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream was opened: it begins, or goes on, at ``next_sequence``."""

    epoch: int
    next_sequence: int
    begins: bool = True

    @property
    def first_sequence(self) -> int:
        return self.next_sequence


@dataclass(frozen=True, slots=True)
class Flush:
    """Commit everything in front of this now: the speaker paused, or sends no more."""

    ended: bool = False
    is_asked_for: bool = True
    """By a record or a caller, who wait for it to be done."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who listens from here on."""

    languages: ListenerLanguages


Item = Chunk | Hole | Opened | Flush | Listeners


@dataclass(frozen=True, slots=True)
class Pane:
    """Records of one session, in any order, as a session window's trigger let them through.

    ``fired_at_ms``: when the pane was due. ``is_last``: the window has closed. A pane of no session
    is a tick, number ``tick`` of the clock.
    """

    session_id: str
    fired_at_ms: int
    records: tuple[ReadRecord, ...] = ()
    is_last: bool = False
    tick: int = 0
