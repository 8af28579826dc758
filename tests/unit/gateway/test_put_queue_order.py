"""Whatever fails: a reader that goes by numbers, and passes a hole only when it is declared, hears
what a session put in order, none of it is lost, and what is put twice is only what nobody knows to
be durable."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.interfaces.record_sink import SinkRecord
from ingest_gateway.audio_in.intake import gap_record
from ingest_gateway.audio_in.put_queue import LONGEST_WAIT_MS, Batch, Pending, PutQueue, Settled
from schemas.values import AudioChunk, ControlKind, SessionControl, StreamRecord

pytestmark = pytest.mark.unit

NEVER_MS = 10**9


def is_gap(value: StreamRecord) -> bool:
    return isinstance(value, SessionControl) and value.kind is ControlKind.GAP


def named(value: StreamRecord) -> tuple[object, ...]:
    """What makes a record that one: what was reported late has no samples any more."""
    if isinstance(value, AudioChunk):
        return (value.epoch, value.sequence)
    return (value.epoch, value.kind, value.at_ms)


def of(value: StreamRecord, now_ms: int) -> Pending:
    return Pending(value, SinkRecord(value.session_id, bytes(10)), now_ms)


@dataclass
class World:
    """A queue, the log that its calls leave behind, and what the queue said."""

    queue: PutQueue
    log: dict[str, list[StreamRecord]] = field(
        default_factory=lambda: defaultdict(list[StreamRecord])
    )
    added: dict[str, list[StreamRecord]] = field(
        default_factory=lambda: defaultdict(list[StreamRecord])
    )
    durable: dict[str, list[StreamRecord]] = field(
        default_factory=lambda: defaultdict(list[StreamRecord])
    )
    lost: list[StreamRecord] = field(default_factory=list[StreamRecord])
    unsure: list[StreamRecord] = field(default_factory=list[StreamRecord])
    flying: list[Batch] = field(default_factory=list[Batch])
    known_durable: set[StreamRecord] = field(default_factory=set[StreamRecord])
    _chunks: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    _epochs: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def arrive(self, session_id: str, what: str, now_ms: int) -> None:
        """A chunk, one behind a hole, a control behind the last chunk, or the opening and the first
        chunk of a new epoch."""
        if what == "epoch":
            self._epochs[session_id] += 1
            self.arrive(session_id, "opened", now_ms)
        epoch = self._epochs[session_id]
        number = self._chunks[session_id, epoch]
        value: StreamRecord
        if what == "jump":
            hole = gap_record(session_id, epoch, number - 1, number + 2, now_ms)
            self.queue.add(session_id, of(hole, now_ms), held=True)
            self._chunks[session_id, epoch] = number = number + 2
        if what in ("chunk", "jump", "epoch"):
            at_ms = NEVER_MS + now_ms  # behind the job's beginning
            value = AudioChunk(session_id, epoch, number, at_ms, at_ms, b"\0\0")
            self._chunks[session_id, epoch] += 1
        else:
            at_ms = NEVER_MS + len(self.added[session_id])  # no two are equal
            value = SessionControl(session_id, epoch, number - 1, 0, ControlKind(what), at_ms)
        self.added[session_id].append(value)
        self.queue.add(session_id, of(value, now_ms))

    def start(self, now_ms: int, max_records: int) -> None:
        batch = self.queue.next_batch(now_ms)
        if batch is None:
            return
        in_flight = {session for other in self.flying for session, _ in other.parts}
        assert not {session for session, _ in batch.parts} & in_flight
        assert len(batch.records) <= max_records
        values = [one.value for _, part in batch.parts for one in part]
        assert not set(values) & self.known_durable, "durable, and put again"
        self.flying.append(batch)

    def land(self, fates: list[bool], now_ms: int, *, answer_is_lost: bool = False) -> None:
        """The oldest call: ``fates`` says which of its records the stream refuses."""
        batch = self.flying.pop(0)
        values = [one.value for _, part in batch.parts for one in part]
        refused = [at < len(fates) and fates[at] for at in range(len(values))]
        for value, is_refused in zip(values, refused, strict=True):
            if not is_refused:
                self.log[value.session_id].append(value)
        if answer_is_lost:
            settled = self.queue.settle_failed_call(batch, now_ms, may_be_stored=True)
        else:
            self.known_durable |= {v for v, no in zip(values, refused, strict=True) if not no}
            answers = ["Throttled" if is_refused else None for is_refused in refused]
            settled = self.queue.settle(batch, answers, now_ms)
        for part in settled:
            self._note(part, now_ms)

    def _note(self, part: Settled, now_ms: int) -> None:
        self.durable[part.session_id] += [one.value for one in part.stored]
        self.lost += [one.value for one in part.lost]
        self.unsure += [one.value for one in part.unsure]
        for one in (*part.lost, *part.unsure):
            assert isinstance(one.value, AudioChunk)
            epoch, number = one.value.epoch, one.value.sequence
            gap = gap_record(part.session_id, epoch, number - 1, number + 1, now_ms)
            self.queue.add_gap(part.session_id, of(gap, now_ms), held=True)
        if part.lost or part.unsure:
            self._note(self.queue.release(part.session_id), now_ms)

    def permit(self) -> None:
        """Every gap that asks may be declared: all before it is settled."""
        for session_id, added in self.added.items():
            held = self.queue.asks(session_id)
            if held is None:
                continue
            assert isinstance(held.value, SessionControl)
            told = (*self.durable[session_id], *self.lost, *self.unsure)
            known = {named(each) for each in told if each.session_id == session_id}
            before = {
                named(each)
                for each in added
                if isinstance(each, AudioChunk)
                and (each.epoch, each.sequence) <= (held.value.epoch, held.value.after_sequence)
            }
            assert before <= known
            self.queue.permit(session_id, held)

    def read(self, session_id: str) -> list[StreamRecord]:
        """What a reader of the log hears, without gaps. A control that holds back stands behind
        all that was put before it, and before all that was put after it."""
        out: list[StreamRecord] = []
        ahead: dict[tuple[int, int], AudioChunk] = {}
        declared: set[tuple[int, int]] = set()
        following: dict[int, int] = defaultdict(int)
        for value in self.log[session_id]:
            if isinstance(value, AudioChunk):
                if value.sequence >= following[value.epoch]:
                    ahead[value.epoch, value.sequence] = value
            elif value.kind is ControlKind.GAP:
                numbers = range(value.after_sequence + 1, value.next_sequence or 0)
                declared |= {(value.epoch, number) for number in numbers}
            else:
                assert not ahead, "a control stands before what it is behind"
                if value not in out:
                    out.append(value)
            epoch = value.epoch
            while (place := (epoch, following[epoch])) in ahead or place in declared:
                following[epoch] += 1
                if place in ahead:
                    out.append(ahead.pop(place))
        assert not ahead
        return out


# A step is what arrives (session, what), which records of the next call are refused, whether its
# answer is lost, how long it takes, and whether gaps may be declared at its end.
WHATS = st.sampled_from(["chunk"] * 6 + ["pause", "resume", "end", "opened", "jump", "epoch"])
ARRIVALS = st.lists(st.tuples(st.integers(0, 3), WHATS), max_size=8)
REFUSALS = st.lists(st.booleans(), max_size=30)
STEPS = st.lists(
    st.tuples(
        ARRIVALS, REFUSALS, st.sampled_from([False, False, True]), st.integers(0, 3), st.booleans()
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    max_records=st.integers(1, 12),
    calls_in_flight=st.integers(1, 3),
    deadline_ms=st.sampled_from([NEVER_MS, 3_000]),
)
def test_whatever_fails_all_is_heard_in_order_or_given_up(
    steps: list[tuple[list[tuple[int, str]], list[bool], bool, int, bool]],
    max_records: int,
    calls_in_flight: int,
    deadline_ms: int,
) -> None:
    world = World(PutQueue(deadline_ms=deadline_ms, fraction=lambda: 0.0, max_records=max_records))
    now_ms = 0
    for arrivals, refusals, answer_is_lost, pause, tables_answer in steps:
        for session, what in arrivals:
            world.arrive(f"s{session}", what, now_ms)
        world.start(now_ms, max_records)
        if len(world.flying) >= calls_in_flight:
            world.land(refusals, now_ms, answer_is_lost=answer_is_lost)
        if tables_answer:
            world.permit()
        now_ms += 700 * pause
    for _ in range(10_000):
        if world.queue.empty and not world.flying:
            break
        now_ms += LONGEST_WAIT_MS
        world.permit()
        world.start(now_ms, max_records)
        if world.flying:
            world.land([], now_ms)

    assert world.queue.empty
    given_up = {*world.lost, *world.unsure}
    if deadline_ms == NEVER_MS:
        assert not given_up
    for session_id, added in world.added.items():
        durable = [named(each) for each in world.durable[session_id] if not is_gap(each)]
        assert durable == [named(each) for each in added if each not in given_up]
        on_stream = set(world.log[session_id])
        assert not on_stream & set(world.lost), "durable, and called lost"
        assert world.read(session_id) == [each for each in added if each in on_stream]
        assert world.queue.waiting_bytes(session_id) == 0
