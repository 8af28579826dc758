"""Which records to put next, in which order, and what to do after a failure. Pure.

The rules, per session: one batch in flight; records go in the order they came; after a failure
the failed record and every later one are put again, behind a growing wait. Records that became
durable behind a failed one are therefore put twice: readers drop repeats by number. Batches of
several sessions share a call, within Kinesis' limits.

A record that ``may_expire`` (audio) and has waited ``deadline_ms`` is given up at the next
failure, and reported as lost, so that the session can say there is a gap.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connectors.record_sink import MAX_BYTES_PER_CALL, MAX_RECORDS_PER_CALL, SinkRecord
from schemas.values import StreamRecord

FIRST_WAIT_MS = 50
LONGEST_WAIT_MS = 2_000


@dataclass(frozen=True, slots=True)
class Pending:
    """A record waiting to be durable; ``value`` is what ``record`` encodes."""

    value: StreamRecord
    record: SinkRecord
    queued_at_ms: int
    may_expire: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: for each of its sessions the head of that session's queue, in order."""

    parts: tuple[tuple[str, tuple[Pending, ...]], ...]

    @property
    def records(self) -> tuple[SinkRecord, ...]:
        return tuple(pending.record for _, part in self.parts for pending in part)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a session's part of a batch: ``stored`` is durable, ``lost`` given up."""

    session_id: str
    stored: tuple[Pending, ...]
    lost: tuple[Pending, ...] = ()


@dataclass(slots=True)
class _Line:
    pending: deque[Pending] = field(default_factory=deque[Pending])
    size_bytes: int = 0
    in_flight: bool = False
    failures: int = 0
    not_before_ms: int = 0


class PutQueue:
    """``fraction`` is random in [0, 1): it spreads repeated attempts of many sessions."""

    def __init__(
        self,
        *,
        deadline_ms: int,
        fraction: Callable[[], float],
        max_records: int = MAX_RECORDS_PER_CALL,
        max_bytes: int = MAX_BYTES_PER_CALL,
    ) -> None:
        self._deadline_ms = deadline_ms
        self._fraction = fraction
        self._max_records = max_records
        self._max_bytes = max_bytes
        # In the order of turns: who was served goes to the end, so that nobody starves.
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    def add(self, session_id: str, pending: Pending) -> None:
        line = self._lines.setdefault(session_id, _Line())
        line.pending.append(pending)
        line.size_bytes += pending.record.size_bytes

    def add_first(self, session_id: str, pending: Pending) -> None:
        """Before everything that waits; only while the session has nothing in flight."""
        line = self._lines.setdefault(session_id, _Line())
        if line.in_flight:
            raise ValueError("a batch of this session is in flight")
        line.pending.appendleft(pending)
        line.size_bytes += pending.record.size_bytes

    def waiting_bytes(self, session_id: str) -> int:
        """What is not durable yet, in flight included."""
        line = self._lines.get(session_id)
        return 0 if line is None else line.size_bytes

    def waiting_records(self) -> tuple[int, int | None]:
        """How many of all sessions are not durable yet, and when the first of them was queued."""
        heads = [line.pending[0].queued_at_ms for line in self._lines.values() if line.pending]
        return sum(len(line.pending) for line in self._lines.values()), min(heads, default=None)

    @property
    def empty(self) -> bool:
        return not self._lines

    def due_in_ms(self, now_ms: int) -> int | None:
        """When ``next_batch`` will have something; None: only after an ``add`` or ``settle``."""
        waits = [
            max(0, line.not_before_ms - now_ms)
            for line in self._lines.values()
            if line.pending and not line.in_flight
        ]
        return min(waits, default=None)

    def next_batch(self, now_ms: int) -> Batch | None:
        parts: list[tuple[str, tuple[Pending, ...]]] = []
        room_records, room_bytes = self._max_records, self._max_bytes
        for session_id, line in self._lines.items():
            if room_records == 0:
                break
            if line.in_flight or not line.pending or line.not_before_ms > now_ms:
                continue
            part = _head(line.pending, room_records, room_bytes)
            if not part:
                continue
            line.in_flight = True
            room_records -= len(part)
            room_bytes -= sum(pending.record.size_bytes for pending in part)
            parts.append((session_id, part))
        for session_id, _ in parts:
            self._lines.move_to_end(session_id)
        return Batch(tuple(parts)) if parts else None

    def settle(
        self, batch: Batch, answers: Sequence[str | None], now_ms: int
    ) -> tuple[Settled, ...]:
        """Take the answers, one a record (None: durable), and free the sessions."""
        if len(answers) != len(batch.records):
            raise ValueError(f"{len(answers)} answers for {len(batch.records)} records")
        settled: list[Settled] = []
        at = 0
        for session_id, part in batch.parts:
            own = answers[at : at + len(part)]
            at += len(part)
            settled.append(self._settle_part(session_id, part, own, now_ms))
        return tuple(settled)

    def settle_failed_call(self, batch: Batch, code: str, now_ms: int) -> tuple[Settled, ...]:
        """The whole call failed: nothing of it counts as durable."""
        return self.settle(batch, [code] * len(batch.records), now_ms)

    def _settle_part(
        self, session_id: str, part: tuple[Pending, ...], answers: Sequence[str | None], now_ms: int
    ) -> Settled:
        line = self._lines[session_id]
        line.in_flight = False
        good = next((at for at, code in enumerate(answers) if code is not None), len(part))
        for pending in part[:good]:
            self._drop_head(line, pending)
        lost: list[Pending] = []
        if good == len(part):
            line.failures = 0
        else:
            # What takes some of a session's records is not away: were its waits to double all the
            # same, a stream that refuses a third would get further behind for ever.
            line.failures = 1 if good else line.failures + 1
            wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (line.failures - 1))
            line.not_before_ms = now_ms + round(wait_ms * (1 - self._fraction() / 2))
            lost = self._give_up(line, now_ms)
        if not line.pending:
            del self._lines[session_id]
        return Settled(session_id, part[:good], tuple(lost))

    def _give_up(self, line: _Line, now_ms: int) -> list[Pending]:
        """The head of the line as far as it is too old; what may not expire stays in place."""
        lost = [
            pending
            for pending in line.pending
            if pending.may_expire and now_ms - pending.queued_at_ms >= self._deadline_ms
        ]
        if lost:
            gone = set(map(id, lost))
            line.pending = deque(p for p in line.pending if id(p) not in gone)
            line.size_bytes -= sum(pending.record.size_bytes for pending in lost)
        return lost

    def _drop_head(self, line: _Line, pending: Pending) -> None:
        if line.pending.popleft() is not pending:
            raise AssertionError("the head of a session's line changed while it was in flight")
        line.size_bytes -= pending.record.size_bytes


def _head(pending: deque[Pending], room_records: int, room_bytes: int) -> tuple[Pending, ...]:
    part: list[Pending] = []
    for one in pending:
        room_bytes -= one.record.size_bytes
        if len(part) == room_records or room_bytes < 0:
            break
        part.append(one)
    return tuple(part)
