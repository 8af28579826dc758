"""Which records to put next, in which order, and what to do after a failure. Pure.

The rules, per session: one batch in flight; records go in the order they came; what was refused
is put again, before everything later and behind a growing wait. What became durable is never put
again, and is reported when everything before it is settled too. Only a call whose answer was lost
can put a record twice: readers drop repeats by number, and put audio back in order by it.

A number is all that restores order, so a record that has none (``holds_back``: an opening, a pause,
an end) goes alone, when everything before it is settled, and nothing behind it goes before it is
durable: what stands before it on the stream is all there is before it. Audio of two epochs is in
no batch either. Batches of several sessions share a call, within Kinesis' limits.

A gap is *held* until its session is told that it may be declared (``permit``), or that it may not
(``withdraw``). Audio behind it goes on meanwhile, and is reported (without its samples) when the
gap is settled. Permission is asked (``asks``) when the gap is the first of its session: then
everything before it is settled.

A record that ``may_expire`` (audio) and has waited ``deadline_ms`` is given up at the next failure
of its session, so that the session can say there is a gap: as lost if the stream refused it each
time, as unsure if an answer is missing that might have said it is durable.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from connectors.interfaces.record_sink import MAX_BYTES_PER_CALL, MAX_RECORDS_PER_CALL, SinkRecord
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

    @property
    def is_declaration(self) -> bool:
        value = self.value
        return isinstance(value, SessionControl) and value.kind is ControlKind.GAP


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
    """``is_stored``: durable, behind one that is not. ``is_unsure``: an answer was lost.
    ``is_held``: waits for permission. ``is_disowned``: nobody is told what becomes of it.
    ``is_lost``: given up, until a gap takes its place or it is released."""

    pending: Pending
    is_stored: bool = False
    is_unsure: bool = False
    is_held: bool = False
    is_disowned: bool = False
    is_lost: bool = False


@dataclass(slots=True)
class _SessionQueue:
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
        self._queues: OrderedDict[str, _SessionQueue] = OrderedDict()

    def add(self, session_id: str, pending: Pending, *, held: bool = False) -> None:
        queue = self._queues.setdefault(session_id, _SessionQueue())
        queue.places.append(_Place(pending, is_held=held))
        queue.size_bytes += pending.record.size_bytes

    def add_gap(self, session_id: str, gap: Pending, *, held: bool = False) -> None:
        """In the place of the audio that was given up and that it covers; else before all."""
        queue = self._queues.setdefault(session_id, _SessionQueue())
        covered = [place for place in queue.places if place.is_lost and _covers(gap, place.pending)]
        if covered:
            place = covered.pop(0)
            queue.size_bytes -= place.pending.record.size_bytes
            place.pending, place.is_lost, place.is_held = gap, False, held
        else:
            queue.places.appendleft(_Place(gap, is_held=held))
        queue.size_bytes += gap.record.size_bytes
        self._remove(session_id, queue, covered)

    def asks(self, session_id: str) -> Pending | None:
        """The held record that everything before is settled of."""
        queue = self._queues.get(session_id)
        return queue.places[0].pending if queue is not None and queue.places[0].is_held else None

    def permit(self, session_id: str, held: Pending) -> None:
        for place in self._places(session_id):
            if place.pending is held:
                place.is_held = False

    def withdraw(self, session_id: str, held: Pending) -> Settled:
        """Take a held record out, if it still is there; what is durable behind it is reported."""
        queue = self._queues.get(session_id)
        if queue is None:
            return Settled(session_id)
        gone = [place for place in queue.places if place.pending is held and place.is_held]
        self._remove(session_id, queue, gone)
        return Settled(session_id, self._take_stored(session_id, queue))

    def disown(self, session_id: str) -> None:
        """From now on nobody is told what becomes of the session's audio that waits here. It is
        put all the same: readers drop what they know. Held records are withdrawn."""
        queue = self._queues.get(session_id)
        if queue is None:
            return
        for place in queue.places:
            place.is_disowned |= place.pending.may_expire
        self._remove(session_id, queue, [place for place in queue.places if place.is_held])
        self._take_stored(session_id, queue)

    def waiting_bytes(self, session_id: str) -> int:
        """What was not reported yet, in flight included."""
        queue = self._queues.get(session_id)
        return 0 if queue is None else queue.size_bytes

    def waiting_records(self) -> tuple[int, int | None]:
        """How many of all sessions were not reported yet, and when the first was queued."""
        heads = [queue.places[0].pending.queued_at_ms for queue in self._queues.values()]
        return sum(len(queue.places) for queue in self._queues.values()), min(heads, default=None)

    @property
    def empty(self) -> bool:
        return not self._queues

    def due_in_ms(self, now_ms: int) -> int | None:
        """When ``next_batch`` will have something; None: only after an ``add`` or ``settle``."""
        waits = [
            max(0, queue.not_before_ms - now_ms)
            for queue in self._queues.values()
            if not queue.in_flight
            and (not queue.places[0].is_held or _part(queue.places, 1, self._max_bytes))
        ]
        return min(waits, default=None)

    def next_batch(self, now_ms: int) -> Batch | None:
        parts: list[tuple[str, tuple[Pending, ...]]] = []
        room_records, room_bytes = self._max_records, self._max_bytes
        for session_id, queue in self._queues.items():
            if room_records == 0:
                break
            if queue.in_flight or queue.not_before_ms > now_ms:
                continue
            part = _part(queue.places, room_records, room_bytes)
            if not part:
                continue
            queue.in_flight = True
            room_records -= len(part)
            room_bytes -= sum(pending.record.size_bytes for pending in part)
            parts.append((session_id, part))
        for session_id, _ in parts:
            self._queues.move_to_end(session_id)
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
        """What is durable at a queue's head: behind something lost that nothing was said of."""
        queue = self._queues.get(session_id)
        if queue is None:
            return Settled(session_id)
        self._remove(session_id, queue, [place for place in queue.places if place.is_lost])
        return Settled(session_id, self._take_stored(session_id, queue))

    def _settle_part(
        self,
        session_id: str,
        part: tuple[Pending, ...],
        stored: set[int],
        now_ms: int,
        *,
        unsure: bool = False,
    ) -> Settled:
        queue = self._queues[session_id]
        queue.in_flight = False
        put = set(map(id, part))
        for place in queue.places:
            if id(place.pending) in put:
                place.is_stored = id(place.pending) in stored
                place.is_unsure |= unsure
        taken = self._take_stored(session_id, queue)
        _slim(queue)
        if len(stored) == len(part):
            queue.failures = 0
            return Settled(session_id, taken)
        # What takes some of a session's records is not away: were its waits to double all the
        # same, a stream that refuses a third would get further behind for ever.
        queue.failures = 1 if stored else queue.failures + 1
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (queue.failures - 1))
        queue.not_before_ms = now_ms + round(wait_ms * (1 - self._fraction() / 2))
        lost, unsure_ones = self._give_up(session_id, queue, now_ms)
        if not lost and not unsure_ones:  # no gap comes before what is durable behind the disowned
            taken += self._take_stored(session_id, queue)
        return Settled(session_id, taken, lost, unsure_ones)

    def _give_up(
        self, session_id: str, queue: _SessionQueue, now_ms: int
    ) -> tuple[tuple[Pending, ...], tuple[Pending, ...]]:
        """(lost, unsure): audio that is too old. What may not expire stays in place."""
        gone = [
            place
            for place in queue.places
            if now_ms - place.pending.queued_at_ms >= self._deadline_ms
            and place.pending.may_expire
            and not place.is_stored
        ]
        self._remove(session_id, queue, [place for place in gone if place.is_disowned])
        told = [place for place in gone if not place.is_disowned]
        for place in told:
            place.is_lost = True
        return (
            tuple(place.pending for place in told if not place.is_unsure),
            tuple(place.pending for place in told if place.is_unsure),
        )

    def _take_stored(self, session_id: str, queue: _SessionQueue) -> tuple[Pending, ...]:
        taken: list[_Place] = []
        while queue.places and queue.places[0].is_stored:
            taken.append(queue.places.popleft())
        queue.size_bytes -= sum(place.pending.record.size_bytes for place in taken)
        self._forget_if_done(session_id, queue)
        return tuple(place.pending for place in taken if not place.is_disowned)

    def _places(self, session_id: str) -> Iterable[_Place]:
        queue = self._queues.get(session_id)
        return () if queue is None else queue.places

    def _remove(self, session_id: str, queue: _SessionQueue, gone: Sequence[_Place]) -> None:
        if not gone:
            return
        ids = set(map(id, gone))
        queue.places = deque(place for place in queue.places if id(place) not in ids)
        queue.size_bytes -= sum(place.pending.record.size_bytes for place in gone)
        self._forget_if_done(session_id, queue)

    def _forget_if_done(self, session_id: str, queue: _SessionQueue) -> None:
        if not queue.places:
            self._queues.pop(session_id, None)


def _covers(gap: Pending, audio: Pending) -> bool:
    control, chunk = gap.value, audio.value
    if not isinstance(control, SessionControl) or not isinstance(chunk, AudioChunk):
        return False
    is_within = control.after_sequence < chunk.sequence < (control.next_sequence or 0)
    return chunk.epoch == control.epoch and is_within


def _slim(queue: _SessionQueue) -> None:
    """Let go of the samples of what is durable and must wait to be told: a gap before it may
    wait for long."""
    if not queue.places or not queue.places[0].is_held:
        return
    for place in queue.places:
        value = place.pending.value
        if place.is_stored and isinstance(value, AudioChunk) and value.pcm:
            before = place.pending
            record = SinkRecord(before.record.partition_key, b"")
            place.pending = Pending(replace(value, pcm=b""), record, before.queued_at_ms)
            queue.size_bytes += record.size_bytes - before.record.size_bytes


def _part(places: Iterable[_Place], room_records: int, room_bytes: int) -> tuple[Pending, ...]:
    """What of a queue goes into one call: the first that are not durable."""
    part: list[Pending] = []
    for at, place in enumerate(places):
        pending = place.pending
        if place.is_stored or place.is_held or place.is_lost:
            continue
        if pending.holds_back and at > 0:
            break
        room_bytes -= pending.record.size_bytes
        if len(part) == room_records or room_bytes < 0:
            break
        if part and pending.value.epoch != part[0].value.epoch:
            break
        part.append(pending)
        if pending.holds_back:
            break
    return tuple(part)
