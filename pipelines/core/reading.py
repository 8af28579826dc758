"""Which reader reads what, from where, and in which order: the poller's decisions.

A fixed number of readers share the hash-key space in equal slices. A reader reads every shard that
overlaps its slice and keeps only records whose partition key hashes into the slice, so that a
session has one reader for ever, however shards split and merge; a child is read after its parents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from connectors.positions import ShardPosition
from connectors.shard_source import MAX_HASH_KEY, Shard, StartAt, StartKind, hash_key

_AT = "@"
SAVED_POSITIONS_AGE_MS = 60_000
NOTE_EVERY_MS = 15_000
FINISHED_READ_THROUGH_MS = 2**53


@dataclass(frozen=True, slots=True)
class Slice:
    """An inclusive range of hash keys."""

    first: int
    last: int

    def holds(self, partition_key: str) -> bool:
        return self.first <= hash_key(partition_key) <= self.last

    def overlaps(self, shard: Shard) -> bool:
        return shard.first_hash <= self.last and shard.last_hash >= self.first


def slice_of(reader: int, readers: int) -> Slice:
    width = (MAX_HASH_KEY + 1) // readers
    last = MAX_HASH_KEY if reader == readers - 1 else (reader + 1) * width - 1
    return Slice(reader * width, last)


def readers_of(shard: Shard, readers: int) -> int:
    """How many readers read this shard: they share its quota of reads."""
    return sum(slice_of(reader, readers).overlaps(shard) for reader in range(readers))


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """How far one reader is in one shard. ``sequence_number`` empty: at ``start`` still."""

    parents: tuple[str, ...]
    start_kind: str
    start_value: str = ""
    sequence_number: str = ""
    read_through_ms: int = 0
    finished: bool = False

    @property
    def position(self) -> StartAt:
        if self.sequence_number:
            return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, self.sequence_number)
        return StartAt(StartKind(self.start_kind), self.start_value)


@dataclass(frozen=True, slots=True)
class PastPositions:
    """Where a reader was ``at_ms``, by shard (see ``position_to_save``)."""

    at_ms: int
    positions: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What a reader remembers. ``since_ms``: records that arrived before may be unread.

    ``past`` is there for the positions table: what lies before the oldest of it is in the ledger,
    because it is a minute old, or because the job began there. It is state, not memory of a
    process: a worker that has just been born must not forget where its predecessor was.
    """

    since_ms: int
    shards: dict[str, ShardProgress] = field(default_factory=dict)
    past: tuple[PastPositions, ...] = ()

    def readable(self) -> tuple[str, ...]:
        """Shards that may be read now: unfinished, with every known parent finished."""
        return tuple(
            shard_id
            for shard_id, progress in self.shards.items()
            if not progress.finished
            and all(
                parent not in self.shards or self.shards[parent].finished
                for parent in progress.parents
            )
        )

    def advanced(
        self, shard_id: str, *, sequence_number: str, read_through_ms: int, finished: bool
    ) -> ReaderState:
        old = self.shards[shard_id]
        new = replace(
            old,
            sequence_number=sequence_number or old.sequence_number,
            read_through_ms=max(old.read_through_ms, read_through_ms),
            finished=finished,
        )
        return replace(self, shards={**self.shards, shard_id: new})


def first_state(
    start: StartAt,
    now_ms: int,
    shards: Iterable[Shard],
    saved: Mapping[str, str],
    share: Slice,
) -> ReaderState:
    """Where a reader without state begins.

    LATEST becomes AT_TIMESTAMP of now, so that the first read is already a position. ``saved`` are
    positions by shard (a resumed job); shards that have none appeared since and begin at their
    beginning. Sessions that a resumed job meets in their middle are not at their beginning
    because of a hole: the ledger has what came before.
    """
    if saved:
        start = StartAt(StartKind.TRIM_HORIZON)
    elif start.kind is StartKind.LATEST:
        start = StartAt(StartKind.AT_TIMESTAMP, str(now_ms))
    since_ms = now_ms if saved else 0
    if start.kind is StartKind.AT_TIMESTAMP:
        since_ms = int(start.value)
    known = {
        shard.shard_id: _begin(shard, start, saved.get(shard.shard_id, ""))
        for shard in shards
        if share.overlaps(shard)
    }
    return ReaderState(since_ms, known)


def _begin(shard: Shard, start: StartAt, saved: str) -> ShardProgress:
    if saved.startswith(_AT):
        start, saved = StartAt(StartKind.AT_TIMESTAMP, saved.removeprefix(_AT)), ""
    return ShardProgress(shard.parent_ids, start.kind.value, start.value, saved)


def position_to_save(progress: ShardProgress) -> str:
    """A sequence number, or, before the first record, the time at which reading began."""
    if not progress.sequence_number and progress.start_kind == StartKind.AT_TIMESTAMP.value:
        return f"{_AT}{progress.start_value}"
    return progress.sequence_number


def discovered(state: ReaderState, shards: Iterable[Shard], share: Slice) -> ReaderState:
    """Add shards that appeared; they are read from their beginning. Forget those that are gone.

    A finished shard is kept while it is still listed, so that its children know it is finished.
    """
    listed = {shard.shard_id: shard for shard in shards if share.overlaps(shard)}
    kept = {
        shard_id: progress
        for shard_id, progress in state.shards.items()
        if shard_id in listed or not progress.finished
    }
    new = {
        shard_id: ShardProgress(shard.parent_ids, StartKind.TRIM_HORIZON.value)
        for shard_id, shard in listed.items()
        if shard_id not in kept and not _older_than(state, shard_id, listed)
    }
    return (
        replace(state, shards={**kept, **new}) if new or len(kept) != len(state.shards) else state
    )


def remembered(state: ReaderState, now_ms: int) -> ReaderState:
    """Note every now and then where the reader is; forget what is older than needed."""
    past = state.past
    if past and now_ms - past[-1].at_ms < NOTE_EVERY_MS:
        return state
    positions = {name: position_to_save(progress) for name, progress in state.shards.items()}
    past = (*past, PastPositions(now_ms, positions))
    while len(past) > 1 and past[1].at_ms <= now_ms - SAVED_POSITIONS_AGE_MS:
        past = past[1:]
    return replace(state, past=past)


def rows_to_save(state: ReaderState, reader: int) -> tuple[ShardPosition, ...]:
    """The oldest positions remembered, with how far reading has come by now."""
    if not state.past:
        return ()
    return tuple(
        ShardPosition(
            f"{shard_id}/{reader}",
            position,
            FINISHED_READ_THROUGH_MS
            if state.shards[shard_id].finished
            else state.shards[shard_id].read_through_ms,
        )
        for shard_id, position in state.past[0].positions.items()
        if shard_id in state.shards
    )


def saved_position(saved: Mapping[str, ShardPosition], shard_id: str) -> str:
    """Where a reader may go on in a shard (see ``position_to_save``), or empty.

    Rows are written per shard and reader. The earliest of them is safe for every reader, also when
    the number of readers has changed: one's own row then stands for another slice, whose keys it
    may be ahead of. What was sent before is recognised by the ledger.
    """
    of_shard = [
        row.sequence_number for key, row in saved.items() if key.rsplit("/", 1)[0] == shard_id
    ]
    if not all(of_shard):
        return ""
    times = [position for position in of_shard if position.startswith(_AT)]
    numbers = [position for position in of_shard if not position.startswith(_AT)]
    # A reader that had no record yet is behind one that had, if it had it at all.
    if times:
        return min(times, key=lambda position: int(position.removeprefix(_AT)))
    return min(numbers, key=int, default="")


def read_through(saved: Mapping[str, ShardPosition], session_id: str, readers: int) -> int:
    """Up to which arrival time everything of a session has been read; 0 when unknown."""
    key = hash_key(session_id)
    reader = next(each for each in range(readers) if key <= slice_of(each, readers).last)
    mine = [row.read_through_ms for name, row in saved.items() if name.endswith(f"/{reader}")]
    return min(mine, default=0)


def _older_than(state: ReaderState, shard_id: str, listed: Mapping[str, Shard]) -> bool:
    """Whether a shard is an ancestor of one we already read: it was done with before."""
    return any(shard_id in listed[known].parent_ids for known in state.shards if known in listed)
