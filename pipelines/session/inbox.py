"""What was read of a session and waits for its turn: records in, items out, one at a time.

It also knows from which record on the log is still needed, and until when. Audio of an older stream
is held back as a *straggler* while the newer one has something open: it must not cut one of its
words in two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pipelines.session.coverage import Coverage
from pipelines.session.low_water import OpenRecords, keep_older
from pipelines.session.order import Order
from pipelines.session.records import Chunk, Flush, Hole, Item, Now, Opened, Place, ReadRecord

STRAGGLERS_WAIT_S = 10.0
"""So long they wait for a moment at which the newer stream has nothing open."""


class Inbox:
    """``items``: what comes next, in order. Who cannot take an item yet puts it back in front."""

    def __init__(self, coverage: Coverage, *, raw: bool) -> None:
        self.items: deque[Item] = deque()
        self._order = Order(coverage, raw=raw)
        self._open_records = OpenRecords()
        self._newest: Place | None = None
        self._flushes_due = self._flushes_begun = self._flushes_done = 0
        self._stragglers: list[Chunk | Hole | Opened] = []
        self._stragglers_by_s = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether no item waits; chunks after a hole may."""
        return not self.items and not self._stragglers

    @property
    def is_waiting(self) -> bool:
        """Whether chunks wait after a hole."""
        return self._order.is_waiting

    @property
    def size_bytes(self) -> int:
        waiting = sum(len(each.audio.pcm) for each in self.items if isinstance(each, Chunk))
        return self._order.held_bytes + waiting

    def oldest_open(self, coverage: Coverage) -> dict[str, Place]:
        """For each shard the oldest record that the ledger does not cover."""
        return self._open_records.oldest(coverage, self._flushes_done)

    def oldest_needed(self, coverage: Coverage, *, is_told: bool) -> dict[str, Place]:
        """The same; until all ``is_told``, the newest record is needed: a session is taken over
        with a record of it."""
        oldest = self.oldest_open(coverage)
        if self._newest is not None and not is_told:
            keep_older(oldest, self._newest)
        return oldest

    # What comes in ------------------------------------------------------------------------------

    def read(self, records: Iterable[ReadRecord]) -> bool:
        """Take records in; whether the log is to be read again from the oldest open one."""
        order = self._order
        for record in records:
            if not record.is_in_tables:
                self._newest = record.place
            repeats = order.repeats
            items = tuple(order.take(record))
            if order.repeats == repeats:
                self._flushes_due += sum(isinstance(item, Flush) for item in items)
                self._open_records.add(record, items, self._flushes_due)
            self.items.extend(items)
        reread, order.reread = order.reread, False
        return reread

    def input_is_over(self) -> None:
        """No record will come any more."""
        items = tuple(self._order.pass_all())
        self._flushes_due += sum(isinstance(item, Flush) for item in items)
        self.items.extend(items)
        self.ask_for_flush()

    def ask_for_flush(self) -> None:
        self._flushes_due += 1
        self.items.append(Flush())

    # Flushes ------------------------------------------------------------------------------------

    def flush_begun(self, flush: Flush) -> None:
        self._flushes_begun += flush.is_asked_for

    def flushed(self) -> None:
        """Everything that was taken is committed: stragglers come next, with a flush of their
        own."""
        if self._stragglers:
            after = Flush(is_asked_for=False)
            self.items.extendleft((after, *reversed(self._stragglers)))
            self._stragglers.clear()
            self._stragglers_by_s = 0.0
        else:
            self._flushes_done = self._flushes_begun

    def hold_back(self, straggler: Chunk | Hole | Opened, now: Now) -> None:
        self._stragglers.append(straggler)
        self._stragglers_by_s = self._stragglers_by_s or now.s + STRAGGLERS_WAIT_S

    def wants_flush(self, now: Now, *, is_open: bool) -> bool:
        """Whether stragglers have waited enough; ``is_open``: the newer stream has audio that is
        not committed."""
        return bool(self._stragglers) and (not is_open or now.s >= self._stragglers_by_s)
