"""The newest records of a shard in memory: where readers behind one subscription read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind

MOST_RECORDS = 4_000
MOST_BYTES = 8 << 20
"""About eight seconds of a shard at the most that Kinesis takes."""


class ShardTail:
    """Every record behind ``start``, in order; the oldest fall out when there are too many.

    ``start`` then moves on, so that a reader who is further back is told so and reads elsewhere.
    """

    def __init__(
        self, start: StartAt, *, most_records: int = MOST_RECORDS, most_bytes: int = MOST_BYTES
    ) -> None:
        self.start = start
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._records: list[ShardRecord] = []
        self._numbers: list[int] = []
        self._bytes = 0

    def add(self, records: Iterable[ShardRecord]) -> None:
        """Records that are there already (a subscription that was renewed) are passed over."""
        for record in records:
            number = int(record.sequence_number)
            if self._numbers and number <= self._numbers[-1]:
                continue
            self._records.append(record)
            self._numbers.append(number)
            self._bytes += len(record.data)
        self._drop_oldest()

    def holds_behind(self, position: StartAt) -> bool:
        """Whether every record behind ``position`` is here, as far as the shard was pushed.

        LATEST is a place only to whoever said it, and only then.
        """
        if position.kind is StartKind.LATEST:
            return False
        if position == self.start:
            return True
        if position.kind is not StartKind.AFTER_SEQUENCE_NUMBER:
            return False
        number = int(position.value)
        if self.start.kind is StartKind.TRIM_HORIZON:
            return True
        if self.start.kind is StartKind.AFTER_SEQUENCE_NUMBER:
            return number >= int(self.start.value)
        return bool(self._numbers) and number >= self._numbers[0]

    def behind(self, position: StartAt, limit: int) -> tuple[ShardRecord, ...]:
        """At most ``limit`` records behind a position that ``holds_behind`` agrees to."""
        first = self._index(position)
        return tuple(self._records[first : first + limit])

    def unread_ms(self, position: StartAt) -> int:
        """How much older the first record behind ``position`` is than the newest; 0: none is."""
        first = self._index(position)
        if first == len(self._records):
            return 0
        return self._records[-1].arrived_at_ms - self._records[first].arrived_at_ms

    def _index(self, position: StartAt) -> int:
        if position.kind is StartKind.AFTER_SEQUENCE_NUMBER:
            return bisect_right(self._numbers, int(position.value))
        return 0

    def _drop_oldest(self) -> None:
        """A quarter at once: moving the whole list for every record would cost more."""
        if len(self._records) <= self._most_records and self._bytes <= self._most_bytes:
            return
        dropped = 0
        while dropped < len(self._records) and (
            len(self._records) - dropped > self._most_records * 3 // 4
            or self._bytes > self._most_bytes * 3 // 4
        ):
            self._bytes -= len(self._records[dropped].data)
            dropped += 1
        last = self._records[dropped - 1].sequence_number
        self.start = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, last)
        del self._records[:dropped], self._numbers[:dropped]
