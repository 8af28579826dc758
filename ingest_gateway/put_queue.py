"""Which records to put next, in which order, and what to do after a failure. Pure.

The rules, per session: one batch in flight; records go in the order they came; what was refused
is put again, before everything later and behind a growing wait. What became durable is never put
again, and is reported when everything before it is settled too. Only a call whose answer was lost
can put a record twice: readers drop repeats by number, and put audio back in order by it.

A number is all that restores order, so a batch never holds anything behind a record that has none
(``holds_back``: a pause, an end), nor audio of two epochs: it would be durable too early if what
is before it were refused. Batches of several sessions share a call, within Kinesis' limits.

A record that ``may_expire`` (audio) and has waited ``deadline_ms`` is given up at the next failure
of its session, so that the session can say there is a gap: as lost if the stream refused it each
time, as unsure if an answer is missing that might have said it is durable.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from connectors.record_sink import MAX_BYTES_PER_CALL, MAX_RECORDS_PER_CALL, SinkRecord
from schemas.values import AudioChunk, ControlKind, SessionControl, StreamRecord

FIRST_WAIT_MS = 50
LONGEST_WAIT_MS = 2_000

# A gap names its chunks, and of ``listeners`` the highest revision wins.
_OF_ANY_PLACE = frozenset({ControlKind.GAP, ControlKind.LISTENERS})


@dataclass(frozen=True, slots=True)
class Pending:
    """A record waiting to be durable; ``value`` is what ``record`` encodes."""

    value: StreamRecord
    record: SinkRecord
    queued_at_ms: int

    @property
    def may_expire(self) -> bool:
        return isinstance(self.value, AudioChunk)

    @property
    def holds_back(self) -> bool:
        """Whether readers know its place only by what is behind it on the stream."""
        value = self.value
        return isinstance(value, SessionControl) and value.kind not in _OF_ANY_PLACE


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: for each of its sessions the head of that session's queue, in order."""

    parts: tuple[tuple[str, tuple[Pending, ...]], ...]

    @property
    def records(self) -> tuple[SinkRecord, ...]:
        return tuple(pending.record for _, part in self.parts for pending in part)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a session's records. ``stored``: durable, in order, and nothing before them
    waits. ``lost`` and ``unsure`` were given up: none of the first is durable, of the second some
    may be."""

    session_id: str
    stored: tuple[Pending, ...] = ()
    lost: tuple[Pending, ...] = ()
    unsure: tuple[Pending, ...] = ()


@dataclass(slots=True)
class _Place:
    """``is_stored``: durable, behind one that is not. ``is_unsure``: an answer was lost."""

    pending: Pending
    is_stored: bool = False
    is_unsure: bool = False


@dataclass(slots=True)
class _Line:
    places: deque[_Place] = field(default_factory=deque[_Place])
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
        line.places.append(_Place(pending))
        line.size_bytes += pending.record.size_bytes

    def add_first(self, session_id: str, pending: Pending) -> None:
        """Before everything that waits; only while the session has nothing in flight."""
        line = self._lines.setdefault(session_id, _Line())
        if line.in_flight:
            raise ValueError("a batch of this session is in flight")
        line.places.appendleft(_Place(pending))
        line.size_bytes += pending.record.size_bytes

    def waiting_bytes(self, session_id: str) -> int:
        """What was not reported yet, in flight included."""
        line = self._lines.get(session_id)
        return 0 if line is None else line.size_bytes

    def waiting_records(self) -> tuple[int, int | None]:
        """How many of all sessions were not reported yet, and when the first was queued."""
        heads = [line.places[0].pending.queued_at_ms for line in self._lines.values()]
        return sum(len(line.places) for line in self._lines.values()), min(heads, default=None)

    @property
    def empty(self) -> bool:
        return not self._lines

    def due_in_ms(self, now_ms: int) -> int | None:
        """When ``next_batch`` will have something; None: only after an ``add`` or ``settle``."""
        waits = [
            max(0, line.not_before_ms - now_ms)
            for line in self._lines.values()
            if not line.in_flight
        ]
        return min(waits, default=None)

    def next_batch(self, now_ms: int) -> Batch | None:
        parts: list[tuple[str, tuple[Pending, ...]]] = []
        room_records, room_bytes = self._max_records, self._max_bytes
        for session_id, line in self._lines.items():
            if room_records == 0:
                break
            if line.in_flight or line.not_before_ms > now_ms:
                continue
            part = _part(line.places, room_records, room_bytes)
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
            stored = {id(one) for one, code in zip(part, own, strict=True) if code is None}
            settled.append(self._settle_part(session_id, part, stored, now_ms))
        return tuple(settled)

    def settle_failed_call(
        self, batch: Batch, now_ms: int, *, may_be_stored: bool
    ) -> tuple[Settled, ...]:
        """The whole call failed. ``may_be_stored``: it may have been done all the same."""
        return tuple(
            self._settle_part(session_id, part, set(), now_ms, unsure=may_be_stored)
            for session_id, part in batch.parts
        )

    def release(self, session_id: str) -> Settled:
        """What is durable at the head of a line: behind something lost that nothing was said of."""
        line = self._lines.get(session_id)
        return Settled(session_id, () if line is None else self._take_stored(session_id, line))

    def _settle_part(
        self,
        session_id: str,
        part: tuple[Pending, ...],
        stored: set[int],
        now_ms: int,
        *,
        unsure: bool = False,
    ) -> Settled:
        line = self._lines[session_id]
        line.in_flight = False
        put = set(map(id, part))
        for place in line.places:
            if id(place.pending) in put:
                place.is_stored = id(place.pending) in stored
                place.is_unsure |= unsure
        taken = self._take_stored(session_id, line)
        if len(stored) == len(part):
            line.failures = 0
            return Settled(session_id, taken)
        # What takes some of a session's records is not away: were its waits to double all the
        # same, a stream that refuses a third would get further behind for ever.
        line.failures = 1 if stored else line.failures + 1
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (line.failures - 1))
        line.not_before_ms = now_ms + round(wait_ms * (1 - self._fraction() / 2))
        lost, unsure_ones = self._give_up(session_id, line, now_ms)
        return Settled(session_id, taken, lost, unsure_ones)

    def _give_up(
        self, session_id: str, line: _Line, now_ms: int
    ) -> tuple[tuple[Pending, ...], tuple[Pending, ...]]:
        """(lost, unsure): audio that is too old. What may not expire stays in place."""
        kept: deque[_Place] = deque()
        gone: list[_Place] = []
        for place in line.places:
            pending = place.pending
            is_late = now_ms - pending.queued_at_ms >= self._deadline_ms
            is_given_up = is_late and pending.may_expire and not place.is_stored
            (gone if is_given_up else kept).append(place)
        line.places = kept
        line.size_bytes -= sum(place.pending.record.size_bytes for place in gone)
        self._forget_if_done(session_id, line)
        return (
            tuple(place.pending for place in gone if not place.is_unsure),
            tuple(place.pending for place in gone if place.is_unsure),
        )

    def _take_stored(self, session_id: str, line: _Line) -> tuple[Pending, ...]:
        taken: list[Pending] = []
        while line.places and line.places[0].is_stored:
            taken.append(line.places.popleft().pending)
        line.size_bytes -= sum(pending.record.size_bytes for pending in taken)
        self._forget_if_done(session_id, line)
        return tuple(taken)

    def _forget_if_done(self, session_id: str, line: _Line) -> None:
        if not line.places:
            self._lines.pop(session_id, None)


def _part(places: Iterable[_Place], room_records: int, room_bytes: int) -> tuple[Pending, ...]:
    """What of a line goes into one call: the first that are not durable."""
    part: list[Pending] = []
    for place in places:
        pending = place.pending
        if place.is_stored:
            continue
        room_bytes -= pending.record.size_bytes
        if len(part) == room_records or room_bytes < 0:
            break
        if part and pending.value.epoch != part[0].value.epoch:
            break
        part.append(pending)
        if pending.holds_back:
            break
    return tuple(part)
