"""Which reader reads what, from where, and in which order: a reader's decisions.

A fixed number of readers share the hash-key space in equal slices. A reader reads every shard that
overlaps its slice and keeps only records whose partition key hashes into the slice, so that a
session has one reader for ever, however shards split and merge; a child is read after its parents.

A reader's *low-water mark* in a shard is the place in front of the oldest record that the ledger
does not cover. It is kept in Flink's state and in the positions table; both stay true for ever, so
that a reader begins at the further of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import (
    MAX_HASH_KEY,
    Shard,
    ShardRecord,
    StartAt,
    StartKind,
    hash_key,
)

_AT = "@"
LOSS_TOLD_AFTER_MS = 3_600_000
"""So long, by the log's own times, records count as the first ones after a loss: a session that is
silent for longer comes back by an opening, which says where it goes on."""


@dataclass(frozen=True, slots=True)
class Slice:
    """An inclusive range of hash keys."""

    first: int
    last: int

    def holds(self, partition_key: str) -> bool:
        return self.first <= hash_key(partition_key) <= self.last

    def overlaps(self, first: int, last: int) -> bool:
        return first <= self.last and last >= self.first


def slice_of(reader: int, readers: int) -> Slice:
    width = (MAX_HASH_KEY + 1) // readers
    last = MAX_HASH_KEY if reader == readers - 1 else (reader + 1) * width - 1
    return Slice(reader * width, last)


def readers_of(shard: Shard, readers: int) -> int:
    """How many readers read this shard: they share its quota of reads."""
    return sum(
        slice_of(reader, readers).overlaps(shard.first_hash, shard.last_hash)
        for reader in range(readers)
    )


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """How far one reader is in one shard. ``sequence_number`` empty: at ``start`` still.

    ``after_loss``: the log in front of where it is read from was trimmed before it was read, and
    what is missing is not told to all sessions yet. It is once everything up to ``loss_ends`` is
    covered, a place ``LOSS_TOLD_AFTER_MS`` after the first record that was read then
    (``loss_from_ms``).
    """

    parents: tuple[str, ...]
    start_kind: str
    start_value: str = ""
    sequence_number: str = ""
    finished: bool = False
    after_loss: bool = False
    loss_from_ms: int = 0
    loss_ends: str = ""

    @property
    def position(self) -> StartAt:
        if self.sequence_number:
            return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, self.sequence_number)
        return StartAt(StartKind(self.start_kind), self.start_value)


Progress = Mapping[str, ShardProgress]
"""Of one reader, by shard."""


@dataclass(frozen=True, slots=True)
class SavedMarks:
    """What Flink's state keeps of a reader: its low-water marks, and who wrote them last.

    ``generation`` was claimed when the reader first began. ``engine`` and ``count`` tell whether
    the state went back behind the engine that is there.
    """

    generation: int
    engine: str
    count: int
    shards: dict[str, ShardProgress] = field(default_factory=dict[str, ShardProgress])


UNREADABLE_MARKS = SavedMarks(0, "", 0)
"""In place of marks that were kept and cannot be read: the job has been there before, so that its
reader goes on at the positions table's marks, if there are any, and skips nothing."""


def readable(progress: Progress) -> tuple[str, ...]:
    """Shards that may be read now: unfinished, with every known ancestor finished.

    A mark may go back into a shard whose children are finished; their children wait for it.
    """
    return tuple(
        shard_id
        for shard_id, shard in progress.items()
        if not shard.finished and _are_finished(shard.parents, progress)
    )


def _are_finished(shard_ids: Iterable[str], progress: Progress) -> bool:
    known = [progress[shard_id] for shard_id in shard_ids if shard_id in progress]
    return all(each.finished and _are_finished(each.parents, progress) for each in known)


def first_progress(
    start: StartAt,
    now_ms: int,
    shards: Iterable[Shard],
    saved: Mapping[str, ShardPosition],
    reader: int,
    readers: int,
) -> dict[str, ShardProgress]:
    """Where a reader without state begins.

    LATEST becomes AT_TIMESTAMP of now, so that the first read is already a position. ``saved`` are
    the rows of a job that is resumed: shards that have none appeared since, and are read from their
    beginning. Of those, and of shards that waited to be begun, the parents were not read to their
    end: where a parent is past its retention, there was a loss.
    """
    if saved:
        start = StartAt(StartKind.TRIM_HORIZON)
    elif start.kind is StartKind.LATEST:
        start = StartAt(StartKind.AT_TIMESTAMP, str(now_ms))
    listed, there = _listed(shards, reader, readers)
    out: dict[str, ShardProgress] = {}
    for shard_id, shard in listed.items():
        position = saved_position(saved, shard, reader, readers)
        lost = bool(saved) and not position and not there.issuperset(shard.parent_ids)
        out[shard_id] = replace(_begin(shard, start, position), after_loss=lost)
    return inherited(out)


def _begin(shard: Shard, start: StartAt, saved: str) -> ShardProgress:
    if saved.startswith(_AT):
        start, saved = StartAt(StartKind.AT_TIMESTAMP, saved.removeprefix(_AT)), ""
    return ShardProgress(shard.parent_ids, start.kind.value, start.value, saved)


def furthered(
    progress: Progress,
    shards: Iterable[Shard],
    saved: Mapping[str, ShardPosition],
    reader: int,
    readers: int,
) -> dict[str, ShardProgress]:
    """``progress`` of a state that may be old, moved on to what the table says of it."""
    out = dict(progress)
    for shard in shards:
        known = out.get(shard.shard_id)
        if known is None:
            continue
        further = saved_position(saved, shard, reader, readers)
        if further and not further.startswith(_AT) and _rank(further) > _rank(_text(known)):
            out[shard.shard_id] = replace(known, sequence_number=further)
    return out


def discovered(
    progress: Progress, shards: Iterable[Shard], reader: int, readers: int
) -> dict[str, ShardProgress]:
    """Add shards that appeared; they are read from their beginning. Forget those that are gone.

    A finished shard is kept while it is still listed, so that its children know it is finished. One
    that is gone and was not read to its end is past its retention: its children are read, and what
    it still held is lost. So it is with one of which nothing was known, and that is a parent of a
    shard that appears.
    """
    listed, there = _listed(shards, reader, readers)
    out = {shard_id: each for shard_id, each in progress.items() if shard_id in listed}
    gone = {
        shard_id
        for shard_id, each in progress.items()
        if shard_id not in listed and not each.finished
    }
    for shard_id, shard in listed.items():
        lost = bool(gone.intersection(shard.parent_ids))
        if shard_id not in out:
            if _is_ancestor(shard_id, progress, listed):
                continue
            lost = lost or not {*there, *progress}.issuperset(shard.parent_ids)
            out[shard_id] = ShardProgress(shard.parent_ids, StartKind.TRIM_HORIZON.value)
        if lost:
            out[shard_id] = lossy(out[shard_id])
    return inherited(out)


def _listed(
    shards: Iterable[Shard], reader: int, readers: int
) -> tuple[dict[str, Shard], frozenset[str]]:
    """The shards of which a reader has a part, and the ids of all."""
    share = slice_of(reader, readers)
    listed = tuple(shards)
    mine = (each for each in listed if share.overlaps(each.first_hash, each.last_hash))
    return {each.shard_id: each for each in mine}, frozenset(each.shard_id for each in listed)


def _is_ancestor(shard_id: str, progress: Progress, listed: Mapping[str, Shard]) -> bool:
    """Whether a shard is an ancestor of one that is read already: it was done with before."""
    return any(shard_id in listed[known].parent_ids for known in progress if known in listed)


def marks(progress: Progress, oldest: Mapping[str, str]) -> dict[str, ShardProgress]:
    """The low-water marks: ``progress``, but in front of the oldest record that is not covered.

    ``oldest``: by shard, the sequence number of the record before it (empty: there is none).
    """
    return {
        shard_id: replace(each, sequence_number=oldest[shard_id], finished=False)
        if shard_id in oldest
        else each
        for shard_id, each in progress.items()
    }


# Losses -------------------------------------------------------------------------------------------


def lossy(at: ShardProgress) -> ShardProgress:
    """The shard once a loss in front of where it is read from has been found."""
    return replace(at, after_loss=True, loss_from_ms=0, loss_ends="")


def inherited(progress: Progress) -> dict[str, ShardProgress]:
    """What a shard has lost, its children tell as well: a session may send nothing between the loss
    and the split."""
    out = dict(progress)
    while True:
        heirs = [
            shard_id
            for shard_id, each in out.items()
            if not each.after_loss
            and any(_leaves(out.get(parent), each) for parent in each.parents)
        ]
        if not heirs:
            return out
        out |= {shard_id: lossy(out[shard_id]) for shard_id in heirs}


def _leaves(parent: ShardProgress | None, child: ShardProgress) -> bool:
    """A child that was begun after its parent's end has told what it inherited, or is about to."""
    if parent is None or not parent.after_loss:
        return False
    return not parent.finished or not child.sequence_number


def read_on(at: ShardProgress, records: Sequence[ShardRecord]) -> ShardProgress:
    """The shard once ``records``, which come next in it, have been read."""
    number, from_ms, ends = at.sequence_number, at.loss_from_ms, at.loss_ends
    for record in records:
        if at.after_loss and not ends:
            from_ms = from_ms or record.arrived_at_ms
            if record.arrived_at_ms >= from_ms + LOSS_TOLD_AFTER_MS:
                ends = number
        number = record.sequence_number
    return replace(at, sequence_number=number, loss_from_ms=from_ms, loss_ends=ends)


def untold(low_water: Progress) -> dict[str, ShardProgress]:
    """The marks, without the losses that have been told by now. A shard that was read to its end
    keeps its own for its children."""
    return {
        shard_id: _forgotten(each) if _is_reported(each, low_water) else each
        for shard_id, each in low_water.items()
    }


def without_reported(progress: Progress, low_water: Progress) -> dict[str, ShardProgress]:
    """``progress`` without the losses that ``low_water``, its ``untold`` marks, does not know."""
    return {
        shard_id: each if low_water[shard_id].after_loss else _forgotten(each)
        for shard_id, each in progress.items()
    }


def _forgotten(at: ShardProgress) -> ShardProgress:
    return replace(at, after_loss=False, loss_from_ms=0, loss_ends="") if at.after_loss else at


def _is_reported(mark: ShardProgress, low_water: Progress) -> bool:
    if mark.finished or not mark.loss_ends or int(mark.sequence_number or 0) < int(mark.loss_ends):
        return False
    return _are_finished(mark.parents, low_water)


class LossNumbers:
    """Counts a reader's losses, so that a session can tell a new one from one that it has told."""

    def __init__(self) -> None:
        self._by_shard: dict[str, int] = {}
        self._last = 0

    def found(self, shard_id: str) -> None:
        """Another loss was found in the shard."""
        self._by_shard.pop(shard_id, None)

    def of(self, shard_id: str, progress: Progress) -> int:
        """From 1; 0: nothing was lost. Children have the number of what they inherited."""
        if not progress[shard_id].after_loss:
            return 0
        if shard_id not in self._by_shard:
            parents = [each for each in progress[shard_id].parents if each in progress]
            number = max((self.of(parent, progress) for parent in parents), default=0)
            if not number:
                number = self._last = self._last + 1
            self._by_shard[shard_id] = number
        return self._by_shard[shard_id]


# Rows of the table --------------------------------------------------------------------------------


def rows_to_save(
    shards: Progress, reader: int, readers: int, read_through_ms: int
) -> tuple[ShardPosition, ...]:
    """The rows of a reader's low-water marks."""
    return tuple(
        ShardPosition(f"{shard_id}/{reader}-of-{readers}", _text(each), read_through_ms)
        for shard_id, each in shards.items()
    )


def _text(progress: ShardProgress) -> str:
    """A sequence number, or, before the first record, the time at which reading began."""
    if not progress.sequence_number and progress.start_kind == StartKind.AT_TIMESTAMP.value:
        return f"{_AT}{progress.start_value}"
    return progress.sequence_number


def saved_position(
    saved: Mapping[str, ShardPosition], shard: Shard, reader: int, readers: int
) -> str:
    """From where a reader may go on in a shard, or empty.

    Rows are written per shard and reader. The number of readers may have changed: of each number
    that there was, the rows of all readers whose slices the reader has a part of count, and the
    earliest of them is safe. Of several numbers the furthest holds. Rows of before there were
    low-water marks (9bc5d6e) are a minute old and prove nothing: they count where there are no
    others.
    """
    share = slice_of(reader, readers)
    first, last = max(share.first, shard.first_hash), min(share.last, shard.last_hash)
    by_layout: dict[int, dict[int, str]] = {}
    for key, row in saved.items():
        shard_id, _, who = key.rpartition("/")
        if shard_id == shard.shard_id:
            of_reader, _, of_readers = who.partition("-of-")
            by_layout.setdefault(int(of_readers or 0), {})[int(of_reader)] = row.sequence_number
    before_marks = by_layout.pop(0, {})
    found: list[str] = []
    for layout, rows in by_layout.items():
        needed = [each for each in range(layout) if slice_of(each, layout).overlaps(first, last)]
        if all(each in rows for each in needed):
            found.append(min((rows[each] for each in needed), key=_rank))
    if not found:  # of those any may be the reader's own: all of them count
        return min(before_marks.values(), key=_rank, default="")
    return max(found, key=_rank)


def _rank(position: str) -> tuple[int, int]:
    """A shard's beginning, then times at which reading began, then records."""
    if position.startswith(_AT):
        return 1, int(position.removeprefix(_AT))
    return (2, int(position)) if position else (0, 0)
