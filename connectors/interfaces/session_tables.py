"""What the gateway keeps about sessions, connections, listeners and request rates.

One implementation stands on DynamoDB, one in memory; both pass the same contract suite.
Times are UTC milliseconds. Implementations try once and raise ``errors.*``; callers retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.interfaces.notifier import CAPTIONS_ONLY, PARTIAL_CAPTIONS
from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages

ACTIVE = "active"
PAUSED = "paused"
ENDED = "ended"

SETTLED_AFTER_MS = 60_000
"""A counter that changed less than this ago is not checked against the connections: their index
is only eventually consistent, and a join writes the row and the counter one after the other."""


MOST_STREAMS = 32
"""So many streams of a session are remembered; one that was forgotten gets a new epoch."""


class SessionDirectory(Protocol):
    """What the job asks about sessions: who speaks which language, and what is listened to."""

    async def find(self, session_id: str) -> SessionInfo | None: ...

    async def listeners(self, session_id: str) -> ListenerLanguages:
        """The languages with at least one live listener now, with their counter's revision.

        The revision belongs to the same counter that ``listeners`` records in the stream carry.
        An unknown session has none, at revision -1.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KnownStream:
    """A speaker's stream and how far it is settled."""

    stream_id: str
    epoch: int
    durable_sequence: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session and where its audio stands.

    ``stream_id`` names the stream that was opened last and ``epoch`` is its number among the
    session's streams (-1: nobody has spoken yet), ``speaker_connection_id`` the connection that
    joined for it (it may have gone). What lies up to ``durable_sequence`` (-1: nothing) is settled:
    on the stream, or declared a gap; the row may lag behind by some seconds. ``clock_offset_ms``:
    the gateway's clock less the speaker's. ``earlier`` are other streams of the session, the one
    that was opened last at the end.

    ``speaker_lost_at_ms``: the last sign of that connection, once it is gone or silent; None, or
    before ``speaker_seen_at_ms``: it is there.

    ``openings`` counts how often a stream of the session was opened, and ``generation`` is the
    number of the last opening, whose gateway owns the session's audio (0: nobody opened one, or
    a gateway did that does not count).
    """

    info: SessionInfo
    epoch: int = -1
    stream_id: str | None = None
    durable_sequence: int = -1
    clock_offset_ms: int | None = None
    speaker_seen_at_ms: int | None = None
    speaker_lost_at_ms: int | None = None
    muted: bool = False
    volume: float = 1.0
    speaker_connection_id: str | None = None
    generation: int = 0
    openings: int = 0
    earlier: tuple[KnownStream, ...] = ()

    @property
    def session_id(self) -> str:
        return self.info.session_id

    @property
    def known(self) -> tuple[KnownStream, ...]:
        """Every stream that is remembered, the one that was opened last at the end."""
        if self.stream_id is None:
            return self.earlier
        return (*self.earlier, KnownStream(self.stream_id, self.epoch, self.durable_sequence))

    @property
    def newest(self) -> KnownStream | None:
        """The stream with the highest epoch. It is never forgotten: only a new stream makes
        another one be forgotten, and is then the newest itself."""
        return max(self.known, key=lambda stream: stream.epoch, default=None)

    def opened(self, stream_id: str, connection_id: str, now_ms: int) -> SessionRow:
        """After an opening: a stream that is known keeps its epoch and goes on where it was, any
        other one gets the next epoch."""
        row = replace(
            self,
            speaker_seen_at_ms=now_ms,
            speaker_lost_at_ms=None,
            speaker_connection_id=connection_id,
            openings=self.openings + 1,
            generation=self.openings + 1,
        )
        if stream_id == self.stream_id:
            return row
        newest = -1 if self.newest is None else self.newest.epoch
        known = {stream.stream_id: stream for stream in self.known}
        stream = known.pop(stream_id, None) or KnownStream(stream_id, newest + 1, -1)
        return replace(
            row,
            stream_id=stream_id,
            epoch=stream.epoch,
            durable_sequence=stream.durable_sequence,
            clock_offset_ms=None,
            earlier=tuple(known.values())[-(MOST_STREAMS - 1) :],
        )

    def settled(self, epoch: int, until_sequence: int) -> SessionRow:
        """With everything before ``until_sequence`` of that stream settled; never moves back."""
        last = until_sequence - 1
        if epoch == self.epoch:
            return replace(self, durable_sequence=max(self.durable_sequence, last))
        return replace(
            self,
            earlier=tuple(
                replace(stream, durable_sequence=max(stream.durable_sequence, last))
                if stream.epoch == epoch
                else stream
                for stream in self.earlier
            ),
        )

    def with_status(self, status: str, ended_at_ms: int | None = None) -> SessionRow:
        return replace(self, info=replace(self.info, status=status, ended_at_ms=ended_at_ms))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a speaker's stream has come; written every few seconds by the gateway that opened
    the session's streams as ``generation``."""

    session_id: str
    epoch: int
    durable_sequence: int
    clock_offset_ms: int | None
    speaker_seen_at_ms: int
    generation: int = 0
    speaker_lost_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What is to change; None leaves as it is. Ending is not a change but ``end``. ``extra``: of
    ``SessionInfo.extra``, the texts that change."""

    status: str | None = None
    muted: bool | None = None
    volume: float | None = None
    target_languages: tuple[str, ...] | None = None
    extra: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A listener's connection, with the capabilities it joined with (sorted). It counts as gone
    from ``expires_at_ms`` on. ``listener_id``: whose it is, over all connections that a listener
    has had (empty: not known)."""

    connection_id: str
    session_id: str
    language: str
    gateway_id: str
    connected_at_ms: int
    expires_at_ms: int
    capabilities: tuple[str, ...] = ()
    listener_id: str = ""


@dataclass(frozen=True, slots=True)
class CountChange:
    """What to add to a session's counts, by language: listeners, those of them who asked for
    partial captions, and those who want captions only; and, by kind, what listeners say of how
    they hear."""

    by_language: Mapping[str, int] = field(default_factory=dict)
    partials: Mapping[str, int] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)
    feedback: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(any(each.values()) for each in self._kinds())

    def reversed(self) -> CountChange:
        return CountChange(*(_negated(each) for each in self._kinds()))

    def _kinds(self) -> tuple[Mapping[str, int], ...]:
        return self.by_language, self.partials, self.readers, self.feedback


def count_change(before: ConnectionRow | None, after: ConnectionRow | None) -> CountChange:
    """Of a connection that was ``before`` and is ``after``; None: it does not listen."""
    by_language: dict[str, int] = {}
    partials: dict[str, int] = {}
    readers: dict[str, int] = {}
    for row, step in ((before, -1), (after, 1)):
        if row is not None:
            by_language[row.language] = by_language.get(row.language, 0) + step
            if PARTIAL_CAPTIONS in row.capabilities:
                partials[row.language] = partials.get(row.language, 0) + step
            if CAPTIONS_ONLY in row.capabilities:
                readers[row.language] = readers.get(row.language, 0) + step
    return CountChange(
        *(
            {language: step for language, step in steps.items() if step}
            for steps in (by_language, partials, readers)
        )
    )


@dataclass(frozen=True, slots=True)
class ListenerCounts:
    """Listeners per language as of a revision (-1: nobody ever listened); ``partials`` are those
    of them who asked for partial captions, ``readers`` those who want captions only.
    ``feedback``: how often each kind was said."""

    by_language: Mapping[str, int] = field(default_factory=dict)
    revision: int = -1
    partials: Mapping[str, int] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)
    feedback: Mapping[str, int] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, count in self.by_language.items() if count > 0))

    @property
    def partial_languages(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, count in self.partials.items() if count > 0))

    @property
    def caption_languages(self) -> tuple[str, ...]:
        """Those in which nobody wants a voice."""
        return tuple(
            name for name in self.languages if self.readers.get(name, 0) >= self.by_language[name]
        )

    @property
    def total(self) -> int:
        return sum(count for count in self.by_language.values() if count > 0)

    def listener_languages(self) -> ListenerLanguages:
        return ListenerLanguages(
            self.languages, self.revision, self.partial_languages, self.caption_languages
        )

    def begins_or_ends(self, change: CountChange) -> bool:
        """Whether the change that led to these counts brought a language its first listener, or
        took its last; of partial captions and of the voice likewise."""
        return not agree(self, self.after(change.reversed()))

    def after(self, change: CountChange) -> ListenerCounts:
        """With the change, at the next revision; a count of 0 is left out."""
        return ListenerCounts(
            _added(self.by_language, change.by_language),
            self.revision + 1,
            _added(self.partials, change.partials),
            _added(self.readers, change.readers),
            _added(self.feedback, change.feedback),
        )


def counted(rows: tuple[ConnectionRow, ...]) -> ListenerCounts:
    """Of these connections, at no revision (-1)."""
    counts = ListenerCounts()
    for row in rows:
        counts = counts.after(count_change(None, row))
    return replace(counts, revision=-1)


def agree(counts: ListenerCounts, others: ListenerCounts) -> bool:
    """Whether both say the same is heard, whatever their revisions and numbers."""
    return replace(counts.listener_languages(), revision=0) == replace(
        others.listener_languages(), revision=0
    )


def _negated(steps: Mapping[str, int]) -> dict[str, int]:
    return {language: -step for language, step in steps.items()}


def _added(counts: Mapping[str, int], change: Mapping[str, int]) -> dict[str, int]:
    added = {name: counts.get(name, 0) + change.get(name, 0) for name in {**counts, **change}}
    return {name: count for name, count in added.items() if count != 0}


class SessionTables(SessionDirectory, Protocol):
    async def create(self, row: SessionRow) -> bool:
        """False: the id is taken."""
        ...

    async def get(self, session_id: str) -> SessionRow | None: ...

    async def open_stream(
        self, session_id: str, speaker_id: str, stream_id: str, connection_id: str, now_ms: int
    ) -> SessionRow | None:
        """The row with ``stream_id`` as the stream that was opened last, spoken through this
        connection: a known stream keeps its epoch, any other one gets the next. Each call counts
        the generation up. None: no such session, not this speaker's, or ended."""
        ...

    async def save_progress(self, progress: Progress) -> SessionRow | None:
        """The row after it, if its writer still owns the session's audio. None, and nothing is
        written: another opening has come since, or the session ended. Ignored when the epoch is not
        that of the stream that was opened last; the sequence never goes back."""
        ...

    async def declare_gap(
        self, session_id: str, generation: int, epoch: int, until_sequence: int
    ) -> bool:
        """Settle everything before ``until_sequence`` of the stream of that epoch, if
        ``generation`` still owns the session's audio. False: it does not, and what is missing may
        still come through another gateway. After the session's end nothing is written, and who
        owned it last may declare."""
        ...

    async def change(self, session_id: str, change: SessionChange) -> SessionRow | None:
        """The row after the change. None: no such session, or ended."""
        ...

    async def end(self, session_id: str, now_ms: int) -> SessionRow | None:
        """The row if this call ended it; None when it had ended before or never was."""
        ...

    async def live_sessions(self) -> tuple[SessionRow, ...]:
        """Every session that has not ended. Reads the whole table: for sweeps, not for requests."""
        ...

    async def add_connection(self, row: ConnectionRow) -> None: ...

    async def remove_connection(self, connection_id: str) -> ConnectionRow | None:
        """The row that was there, once: its remover counts it down."""
        ...

    async def lose_connection(self, connection_id: str, expires_at_ms: int) -> None:
        """Bring the expiry forward: until then its listener counts, and may come back. A row that
        expires before, or is gone, stays as it is."""
        ...

    async def keep_connection(self, connection_id: str, expires_at_ms: int) -> bool:
        """Put off the expiry. False: the row is gone (it is not made anew)."""
        ...

    async def connections(self, session_id: str, now_ms: int) -> tuple[ConnectionRow, ...]:
        """Those that have not expired, of every gateway. May miss changes of the last second."""
        ...

    async def connections_of_gateway(self, gateway_id: str) -> tuple[ConnectionRow, ...]:
        """Expired ones included. Reads the whole table: for a gateway's start."""
        ...

    async def count_listeners(
        self, session_id: str, change: CountChange, now_ms: int
    ) -> ListenerCounts:
        """Add the change and one to the revision, at once; the counts after it."""
        ...

    async def listener_counts(self, session_id: str) -> ListenerCounts: ...

    async def mend_listener_counts(
        self, session_id: str, seen: ListenerCounts, mended: ListenerCounts, now_ms: int
    ) -> ListenerCounts | None:
        """Replace the counts by those of ``mended``, at the next revision, if they are still at
        the revision of ``seen``; None: they are not."""
        ...

    async def listeners(self, session_id: str) -> ListenerLanguages:
        """As the directory's; a counter that disagrees with the connections, and has for
        SETTLED_AFTER_MS, is mended first: its gateway died before it could count down."""
        ...

    async def count_request(self, limit_key: str, expires_at_ms: int) -> int:
        """One more under this key; how many there are now. Forgotten some time after expiry."""
        ...
