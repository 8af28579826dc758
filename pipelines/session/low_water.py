"""Which records of the log a session still needs: from the oldest of them the log is read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from pipelines.session.coverage import Coverage, is_late, late_epoch
from pipelines.session.records import Chunk, Flush, Item, Place, ReadRecord
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, ControlKind

_NEVER_NEEDED = frozenset({ControlKind.LISTENERS, ControlKind.RESUME, ControlKind.UNMUTE})


class _Open(NamedTuple):
    """Needed until ``chunk`` is covered, or all in front of ``until_sequence``, or ``flush`` is
    done. ``ends_at_ms``: when the last sample of a chunk was captured. ``size_bytes``: how much
    audio it is."""

    place: Place
    epoch: int = 0
    until_sequence: int = 0
    flush: int = 0
    chunk: int | None = None
    ends_at_ms: int = 0
    size_bytes: int = 0


class OpenRecords:
    """Records in the log's order, by shard; what is covered is dropped when it is asked for.

    ``size_bytes``: the audio of those that are not dropped.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._by_shard: dict[str, deque[_Open]] = {}

    def add(self, read: ReadRecord, items: Sequence[Item], flush: int) -> None:
        """Note a record that was read and is no repeat. ``items`` are what it brought into its
        turn; ``flush`` counts those that were asked for by now.

        A chunk may be committed under other numbers than its own (``order``). Listeners are in
        the tables too, and a pause that waits for a chunk is needed no longer than the chunk.
        """
        if (record := _open(read, items, flush)) is not None:
            self.size_bytes += read.size_bytes
            record = record._replace(size_bytes=read.size_bytes)
            self._by_shard.setdefault(read.place.shard_id, deque()).append(record)

    def oldest(self, coverage: Coverage, flushes: int) -> dict[str, Place]:
        """By shard; ``flushes`` were done by now."""
        return self._oldest(lambda record: _is_done(record, coverage, flushes))

    def oldest_from(self, covered: int, arrived_through_ms: int = -1) -> dict[str, Place]:
        """The same of raw PCM: records in front of the number ``covered`` are, and those that are
        over at ``arrived_through_ms`` (see ``Coverage``)."""
        return self._oldest(
            lambda record: (
                int(record.place.number) < covered or record.ends_at_ms <= arrived_through_ms
            )
        )

    def _oldest(self, is_done: Callable[[_Open], bool]) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for shard_id, records in list(self._by_shard.items()):
            while records and is_done(records[0]):
                self.size_bytes -= records.popleft().size_bytes
            if records:
                found[shard_id] = records[0].place
            else:
                del self._by_shard[shard_id]
        return found


def _open(read: ReadRecord, items: Sequence[Item], flush: int) -> _Open | None:
    chunk, control = read.chunk, read.control
    if chunk is not None:
        for item in items:
            if isinstance(item, Chunk) and item.read is read:
                epoch = late_epoch(item.epoch) if is_late(item.epoch) else item.epoch
                return _Open(read.place, epoch, chunk=item.sequence)
        samples = len(chunk.pcm) // BYTES_PER_SAMPLE
        ends_at_ms = chunk.captured_at_ms + ceil(samples * 1000 / SAMPLE_RATE_HZ)
        return _Open(read.place, chunk.epoch, chunk=chunk.sequence, ends_at_ms=ends_at_ms)
    if control is None or control.kind in _NEVER_NEEDED:
        return None
    if control.kind is ControlKind.GAP:
        if control.next_sequence is None or control.next_sequence <= control.after_sequence + 1:
            return None  # it says nothing
        return _Open(read.place, control.epoch, control.next_sequence)
    if control.kind is ControlKind.OPENED:
        return _Open(read.place, control.epoch, control.after_sequence + 1)
    if any(isinstance(item, Flush) for item in items):
        return _Open(read.place, flush=flush)
    return None


def _is_done(record: _Open, coverage: Coverage, flushes: int) -> bool:
    if record.flush:
        return flushes >= record.flush
    if record.chunk is not None:
        return coverage.covers_chunk(record.epoch, record.chunk)
    return coverage.covers(record.epoch, record.until_sequence)


def keep_older(oldest: dict[str, Place], place: Place) -> None:
    """Note ``place`` as its shard's oldest, unless an older one is known."""
    known = oldest.get(place.shard_id)
    if known is None or int(place.number) < int(known.number):
        oldest[place.shard_id] = place
