"""Put a session's records back in order, each once, and decide when a hole is a gap.

Rules
-----
- Chunks go out by (epoch, sequence); each epoch counts from 0. What was out already is a repeat.
- A record behind a hole is held. A hole is passed when

  1. the gateway declared it (``SessionControl`` kind ``gap``), or
  2. the log has been read past ``arrived_at_ms`` of the first held record plus the gateway's retry
     deadline: a chunk of that hole would have been put again by then, and read.

  Time alone never passes a hole: in a backlog the missing chunk may still be unread.
- A newer epoch waits until the older one has no hole. A chunk of an older epoch that comes when a
  newer one is out already goes out late, rather than never.
- A control goes out behind the chunk it names. ``listeners`` are about listeners, not about audio:
  they never wait.
- A job that starts in mid-session begins at the lowest sequence it sees, if that chunk was received
  before the job began to read; otherwise the epoch's beginning must come, and a hole is a hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipelines.core.records import Gap, PaneItem, ReadRecord
from schemas.values import ControlKind, SessionControl

EPOCHS_REMEMBERED = 4
CLOCK_SKEW_MS = 2_000


@dataclass(frozen=True, slots=True)
class EpochProgress:
    """The next sequence that is due in an epoch."""

    epoch: int
    next_sequence: int


@dataclass(frozen=True, slots=True)
class OrderState:
    """What is remembered of a session between panes; ``holding``: records wait behind a hole."""

    epochs: tuple[EpochProgress, ...] = ()
    declared: tuple[Gap, ...] = ()
    read_through_ms: int = 0
    holding: bool = False
    last_log_order: str = ""


@dataclass(frozen=True, slots=True)
class OrderStep:
    state: OrderState
    items: tuple[PaneItem, ...]
    held: tuple[ReadRecord, ...]
    repeats: int = 0

    @property
    def hole_since_ms(self) -> int | None:
        """Arrival of the first record that waits behind a hole."""
        return min((record.arrived_at_ms for record in self.held), default=None)


def restore_order(
    state: OrderState,
    held: Iterable[ReadRecord],
    incoming: Iterable[ReadRecord],
    *,
    retry_deadline_ms: int,
    read_through_ms: int = 0,
) -> OrderStep:
    """One step for one session. ``read_through_ms``: the log is known to be read up to there."""
    return _Ordering(state, retry_deadline_ms).step([*held, *incoming], read_through_ms)


def number_by_arrival(state: OrderState, incoming: Iterable[ReadRecord]) -> OrderStep:
    """Order of the old flow's raw PCM, which has no numbers: as the log has it.

    Chunks get the sequence in which they stand in the log; ``log_order`` drops repeats.
    """
    progress = state.epochs[-1] if state.epochs else None
    last = state.last_log_order
    items: list[PaneItem] = []
    repeats = 0
    for read in sorted(incoming, key=lambda record: record.log_order):
        if read.chunk is None or read.log_order <= last:
            repeats += 1
            continue
        if progress is None:
            progress = EpochProgress(read.arrived_at_ms, 0)
        chunk = replace(read.chunk, epoch=progress.epoch, sequence=progress.next_sequence)
        items.append(PaneItem(read=replace(read, chunk=chunk)))
        progress = EpochProgress(progress.epoch, progress.next_sequence + 1)
        last = read.log_order
    epochs = () if progress is None else (progress,)
    return OrderStep(replace(state, epochs=epochs, last_log_order=last), tuple(items), (), repeats)


class _Ordering:
    def __init__(self, state: OrderState, retry_deadline_ms: int) -> None:
        self._next = {progress.epoch: progress.next_sequence for progress in state.epochs}
        self._declared = list(state.declared)
        self._state = state
        self._retry_deadline_ms = retry_deadline_ms
        self._out: list[PaneItem] = []
        self._repeats = 0

    def step(self, records: list[ReadRecord], read_through_ms: int) -> OrderStep:
        read_through_ms = max(
            self._state.read_through_ms,
            read_through_ms,
            max((record.arrived_at_ms for record in records), default=0),
        )
        waiting = self._sort_in(records)
        while waiting:
            waiting = self._release(waiting)
            if not waiting or not self._pass_hole(waiting, read_through_ms):
                break
        epochs = tuple(EpochProgress(e, self._next[e]) for e in sorted(self._next))
        state = replace(
            self._state,
            epochs=epochs[-EPOCHS_REMEMBERED:],
            declared=tuple(self._declared),
            read_through_ms=read_through_ms,
            holding=bool(waiting),
        )
        return OrderStep(state, tuple(self._out), tuple(waiting), self._repeats)

    def _sort_in(self, records: list[ReadRecord]) -> list[ReadRecord]:
        """Take out what never waits; sort the rest by where it belongs."""
        waiting: list[ReadRecord] = []
        for record in records:
            control = record.control
            if control is not None and control.kind is ControlKind.LISTENERS:
                self._out.append(PaneItem(read=record))
            elif control is not None and control.kind is ControlKind.GAP:
                self._declare(control)
            else:
                waiting.append(record)
        return sorted(waiting, key=_place)

    def _declare(self, control: SessionControl) -> None:
        if control.next_sequence is None or control.next_sequence <= control.after_sequence + 1:
            return
        gap = Gap(control.epoch, control.after_sequence + 1, control.next_sequence)
        if gap not in self._declared and gap.until_sequence > self._next.get(gap.epoch, 0):
            self._declared.append(gap)

    def _release(self, waiting: list[ReadRecord]) -> list[ReadRecord]:
        """Let out everything that is due; return what still waits."""
        still: list[ReadRecord] = []
        for record in waiting:
            epoch, sequence = _position(record)
            if self._forgotten(epoch):
                self._repeats += 1
                continue
            # Behind a hole of this or an older epoch everything of newer epochs waits too.
            blocked = bool(still) and _position(still[0])[0] < epoch
            if blocked and epoch not in self._next:
                still.append(record)  # not begun: it must not push the older one out of memory
                continue
            expected = self._expected(record, epoch)
            if record.chunk is not None:
                if sequence < expected:
                    self._repeats += 1
                elif sequence == expected and not blocked:
                    self._out.append(PaneItem(read=record))
                    self._next[epoch] = sequence + 1
                    self._forget_passed_gaps()
                else:
                    still.append(record)
            elif sequence < expected and not blocked:
                self._out.append(PaneItem(read=record))
            else:
                still.append(record)
        return still

    def _forgotten(self, epoch: int) -> bool:
        return len(self._next) >= EPOCHS_REMEMBERED and epoch < min(self._next)

    def _expected(self, record: ReadRecord, epoch: int) -> int:
        known = self._next.get(epoch)
        if known is not None:
            return known
        if record.chunk is not None:
            started_in_the_middle = not self._next and _before_reading(
                record, record.chunk.received_at_ms
            )
            first = record.chunk.sequence if started_in_the_middle else 0
            self._next[epoch] = first
            return first
        if record.control is not None and (
            _before_reading(record, record.control.at_ms) or record.control.after_sequence < 0
        ):
            return record.control.after_sequence + 1
        return 0

    def _pass_hole(self, waiting: list[ReadRecord], read_through_ms: int) -> bool:
        """Pass the hole in front of the first waiting record, if it is known to be a gap."""
        first = waiting[0]
        epoch, sequence = _position(first)
        start = self._next.get(epoch, 0)
        # A waiting control names the last chunk in front of it; a waiting chunk is itself next.
        end = sequence if first.chunk is not None else sequence + 1
        for gap in self._declared:
            if gap.epoch == epoch and gap.from_sequence <= start < gap.until_sequence:
                self._skip(epoch, start, min(end, gap.until_sequence))
                return True
        if read_through_ms >= first.arrived_at_ms + self._retry_deadline_ms:
            self._skip(epoch, start, end)
            return True
        return False

    def _skip(self, epoch: int, start: int, end: int) -> None:
        if end > start:
            self._out.append(PaneItem(gap=Gap(epoch, start, end)))
        self._next[epoch] = max(start, end)
        self._forget_passed_gaps()

    def _forget_passed_gaps(self) -> None:
        self._declared = [
            gap for gap in self._declared if gap.until_sequence > self._next.get(gap.epoch, 0)
        ]


def _position(record: ReadRecord) -> tuple[int, int]:
    if record.chunk is not None:
        return record.chunk.epoch, record.chunk.sequence
    assert record.control is not None
    return record.control.epoch, record.control.after_sequence


def _place(record: ReadRecord) -> tuple[int, int, int, str]:
    epoch, sequence = _position(record)
    return epoch, sequence, 0 if record.chunk is not None else 1, record.log_order


def _before_reading(record: ReadRecord, at_ms: int) -> bool:
    return at_ms <= record.read_since_ms + CLOCK_SKEW_MS
