"""What the operators' page is told: one JSON document, made of snapshots. Pure.

Nothing that was said is in it, and nobody's name but the sessions'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from connectors.interfaces.dead_letters import FoundLetters
from ingest_gateway.operations.backlog import Waiting
from ingest_gateway.operations.windows import WINDOW_MS, LanguageLag, Spread


class Operations(Struct, frozen=True, rename="camel"):
    """Times are UTC milliseconds. ``lag`` is of the last ``window_s``. ``history`` has the points
    that were asked for, the oldest first, one every ``history_every_s``."""

    at: int
    gateway_id: str
    flink_url: str | None
    window_s: int
    history_every_s: int
    sessions: tuple[SessionNow, ...]
    lag: tuple[LagNow, ...]
    backlog: BacklogNow
    dead_letters: DeadLettersNow
    history: tuple[Point, ...]


class SessionNow(Struct, frozen=True, rename="camel"):
    """``lag_ms`` by language: from the end of an utterance until it was heard. ``last_chunk_at``:
    when the newest durable audio was received; ``last_clip_at``: when a clip last went out;
    ``feedback``: how often listeners said what."""

    session_id: str
    source_language: str
    target_languages: tuple[str, ...]
    state: str
    has_speaker: bool
    created_at: int
    listeners: Mapping[str, int]
    lag_ms: Mapping[str, int]
    last_chunk_at: int | None
    last_clip_at: int | None
    waiting_records: int
    oldest_waiting_at: int | None
    feedback: Mapping[str, int] = {}


class SpreadNow(Struct, frozen=True, rename="camel"):
    """Milliseconds."""

    p50: int
    p95: int


class StageNow(Struct, frozen=True, rename="camel"):
    stage: str
    p50: int
    p95: int


class LagNow(Struct, frozen=True, rename="camel"):
    """Of one language. ``lag``: from the end of an utterance until its clip went out to listeners;
    ``stages``: how long each step took, in their order."""

    language: str
    clips: int
    skipped: int
    lag: SpreadNow | None
    stages: tuple[StageNow, ...]


class WaitingNow(Struct, frozen=True, rename="camel"):
    records: int
    oldest_at: int | None


class BacklogNow(Struct, frozen=True, rename="camel"):
    """``unstored``: taken, but not durable on the stream yet. ``undelivered``: durable, but what
    was said in them has not come out for any listener."""

    unstored: WaitingNow
    undelivered: WaitingNow


class LetterNow(Struct, frozen=True, rename="camel"):
    """``key`` names what failed, as session/number/language or shard/record."""

    step: str
    cause: str
    key: str
    at: int
    session_id: str | None


class DeadLettersNow(Struct, frozen=True, rename="camel"):
    """``since``: what is older is not counted; None: nobody has looked yet. Not ``complete``:
    there are more. ``problem``: why the last look failed."""

    since: int | None
    by_step: Mapping[str, int]
    complete: bool
    newest: tuple[LetterNow, ...]
    problem: str | None


class Point(Struct, frozen=True, rename="camel"):
    """One moment of the pictures. ``lag_p95_ms`` by language, of the minute before it;
    ``oldest_waiting_ms``: how long the oldest undelivered record had waited."""

    at: int
    sessions: int
    listeners: int
    waiting_records: int
    oldest_waiting_ms: int
    dead_letters: int
    lag_p95_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LetterWatch:
    """What was found when dead letters were last looked for."""

    since_ms: int | None = None
    found: FoundLetters = field(default_factory=FoundLetters)
    problem: str | None = None

    @property
    def count(self) -> int:
        return sum(self.found.by_stage.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is known at one moment."""

    at_ms: int
    gateway_id: str
    flink_url: str | None
    sessions: tuple[SessionNow, ...]
    lag: tuple[LanguageLag, ...]
    unstored: Waiting
    undelivered: Waiting
    letters: LetterWatch
    history: tuple[Point, ...] = ()


HISTORY_EVERY_S = 5


def operations_of(snapshot: Snapshot) -> Operations:
    """The document. Sessions that go on stand first, each where it stood before."""
    return Operations(
        at=snapshot.at_ms,
        gateway_id=snapshot.gateway_id,
        flink_url=snapshot.flink_url,
        window_s=WINDOW_MS // 1000,
        history_every_s=HISTORY_EVERY_S,
        sessions=tuple(sorted(snapshot.sessions, key=_place)),
        lag=tuple(map(_lag, snapshot.lag)),
        backlog=BacklogNow(_waiting(snapshot.unstored), _waiting(snapshot.undelivered)),
        dead_letters=_letters(snapshot.letters),
        history=snapshot.history,
    )


def point_of(
    at_ms: int,
    *,
    sessions: int,
    listeners: int,
    undelivered: Waiting,
    letters: LetterWatch,
    last_minute: Iterable[LanguageLag],
) -> Point:
    """One moment of the pictures."""
    return Point(
        at=at_ms,
        sessions=sessions,
        listeners=listeners,
        waiting_records=undelivered.records,
        oldest_waiting_ms=undelivered.oldest_age_ms(at_ms),
        dead_letters=letters.count,
        lag_p95_ms={one.language: one.lag.p95_ms for one in last_minute if one.lag is not None},
    )


def points_since(points: Iterable[Point], at_ms: int) -> tuple[Point, ...]:
    """Those behind this moment: a page that has the others asks for the rest."""
    return tuple(point for point in points if point.at > at_ms)


def _place(session: SessionNow) -> tuple[bool, int, str]:
    return session.state == "ended", session.created_at, session.session_id


def _lag(lag: LanguageLag) -> LagNow:
    return LagNow(
        language=lag.language,
        clips=lag.clips,
        skipped=lag.skipped,
        lag=None if lag.lag is None else _spread(lag.lag),
        stages=tuple(StageNow(name, one.p50_ms, one.p95_ms) for name, one in lag.stages),
    )


def _spread(spread: Spread) -> SpreadNow:
    return SpreadNow(spread.p50_ms, spread.p95_ms)


def _waiting(waiting: Waiting) -> WaitingNow:
    return WaitingNow(waiting.records, waiting.oldest_at_ms)


def _letters(watch: LetterWatch) -> DeadLettersNow:
    return DeadLettersNow(
        since=watch.since_ms,
        by_step=dict(sorted(watch.found.by_stage.items())),
        complete=watch.found.complete,
        newest=tuple(
            LetterNow(one.stage, one.cause, one.key, one.at_ms, one.session_id)
            for one in watch.found.newest
        ),
        problem=watch.problem,
    )
