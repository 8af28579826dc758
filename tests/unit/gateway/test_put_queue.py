"""Whatever fails: a session's records become durable in order, none is lost, and what is put
twice is only what came behind a failure."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.record_sink import SinkRecord
from ingest_gateway.put_queue import FIRST_WAIT_MS, LONGEST_WAIT_MS, Pending, PutQueue
from schemas.values import AudioChunk

pytestmark = pytest.mark.unit

DEADLINE_MS = 30_000


def pending(session_id: str, number: int, now_ms: int = 0, *, may_expire: bool = True) -> Pending:
    chunk = AudioChunk(session_id, 0, number, now_ms, now_ms, b"\0\0")
    return Pending(chunk, SinkRecord(session_id, bytes(10)), now_ms, may_expire)


def numbers(records: tuple[Pending, ...]) -> list[int]:
    return [one.value.sequence for one in records if isinstance(one.value, AudioChunk)]


def a_queue(**limits: int) -> PutQueue:
    return PutQueue(deadline_ms=DEADLINE_MS, fraction=lambda: 0.0, **limits)


@dataclass
class Stream:
    """What a reader of the stream sees, and what the queue said about it."""

    seen: dict[str, list[int]]
    durable: dict[str, list[int]]


# A step is records that arrive (by session), and whether each record of the next call fails.
ARRIVALS = st.lists(st.integers(0, 3), max_size=8)
FAILURES = st.lists(st.booleans(), max_size=30)


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.tuples(ARRIVALS, FAILURES), max_size=25),
    max_records=st.integers(1, 12),
    calls_in_flight=st.integers(1, 3),
)
def test_any_pattern_of_failures_keeps_order_and_loses_nothing(
    steps: list[tuple[list[int], list[bool]]], max_records: int, calls_in_flight: int
) -> None:
    queue = a_queue(max_records=max_records)
    stream = Stream({}, {})
    added: dict[str, list[int]] = {}
    flying: list[tuple[object, list[bool]]] = []
    now_ms = 0

    def settle_oldest() -> None:
        batch, failures = flying.pop(0)
        answers: list[str | None] = []
        at = 0
        for session_id, part in batch.parts:  # type: ignore[attr-defined]
            failed_before = False
            for one in part:
                fails = failures[at] if at < len(failures) else False
                at += 1
                answers.append("Throttled" if fails else None)
                if not fails:
                    number = numbers((one,))[0]
                    already = stream.durable.get(session_id, [])
                    # Never a second time what was reported durable.
                    assert number not in already
                    stream.seen.setdefault(session_id, []).append(number)
                failed_before = failed_before or fails
        for settled in queue.settle(batch, answers, now_ms):  # type: ignore[arg-type]
            assert not settled.lost
            stream.durable.setdefault(settled.session_id, []).extend(numbers(settled.stored))

    def start_a_call(failures: list[bool]) -> None:
        batch = queue.next_batch(now_ms)
        if batch is None:
            return
        in_flight = [session for other, _ in flying for session, _ in other.parts]  # type: ignore[attr-defined]
        assert not {session for session, _ in batch.parts} & set(in_flight)
        assert len(batch.records) <= max_records
        flying.append((batch, failures))

    for arrivals, failures in steps:
        for session in arrivals:
            session_id = f"s{session}"
            number = len(added.setdefault(session_id, []))
            added[session_id].append(number)
            queue.add(session_id, pending(session_id, number, now_ms))
        start_a_call(failures)
        if len(flying) >= calls_in_flight:
            settle_oldest()
        now_ms += 700
    for _ in range(10_000):
        if queue.empty and not flying:
            break
        now_ms += LONGEST_WAIT_MS
        start_a_call([])
        if flying:
            settle_oldest()

    assert queue.empty
    assert stream.durable == added  # all of it, in order
    for session_id, seen in stream.seen.items():
        first_seen = list(dict.fromkeys(seen))
        assert sorted(first_seen) == added[session_id]
    assert all(queue.waiting_bytes(session_id) == 0 for session_id in added)


def test_the_failed_record_and_all_later_ones_go_again() -> None:
    queue = a_queue()
    for number in range(5):
        queue.add("a", pending("a", number))
    batch = queue.next_batch(0)
    assert batch is not None
    (settled,) = queue.settle(batch, [None, None, "Throttled", None, None], 0)
    assert numbers(settled.stored) == [0, 1]
    assert queue.next_batch(FIRST_WAIT_MS - 1) is None
    again = queue.next_batch(FIRST_WAIT_MS)
    assert again is not None
    assert numbers(again.parts[0][1]) == [2, 3, 4]


def test_one_sessions_failure_does_not_hold_another() -> None:
    queue = a_queue()
    queue.add("bad", pending("bad", 0))
    queue.add("good", pending("good", 0))
    batch = queue.next_batch(0)
    assert batch is not None
    assert [session for session, _ in batch.parts] == ["bad", "good"]
    queue.settle(batch, ["Throttled", None], 0)
    queue.add("good", pending("good", 1))
    following = queue.next_batch(0)
    assert following is not None
    assert [(session, numbers(part)) for session, part in following.parts] == [("good", [1])]


def test_a_session_in_flight_waits_and_is_told_when_due() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    assert queue.due_in_ms(0) == 0
    batch = queue.next_batch(0)
    assert batch is not None
    queue.add("a", pending("a", 1))
    assert queue.due_in_ms(0) is None
    assert queue.next_batch(0) is None
    queue.settle_failed_call(batch, "RetryableError", 100)
    assert queue.due_in_ms(100) == FIRST_WAIT_MS
    assert queue.due_in_ms(130) == FIRST_WAIT_MS - 30


def test_waits_double_up_to_the_longest_and_start_anew_after_success() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    waits: list[int | None] = []
    now_ms = 0
    for _ in range(8):
        batch = queue.next_batch(now_ms)
        assert batch is not None
        queue.settle_failed_call(batch, "Throttled", now_ms)
        waits.append(queue.due_in_ms(now_ms))
        now_ms += waits[-1] or 0
    assert waits == [50, 100, 200, 400, 800, 1600, 2000, 2000]
    batch = queue.next_batch(now_ms)
    assert batch is not None
    queue.settle(batch, [None], now_ms)
    queue.add("a", pending("a", 1, now_ms))
    batch = queue.next_batch(now_ms)
    assert batch is not None
    queue.settle_failed_call(batch, "Throttled", now_ms)
    assert queue.due_in_ms(now_ms) == FIRST_WAIT_MS


def test_a_stream_that_refuses_a_third_of_all_records_keeps_up_with_speech() -> None:
    """Four records a second, each refused by chance, for ten minutes: what waits stays little."""
    queue, chance = a_queue(), random.Random(3)
    longest_wait_bytes = 0
    for now_ms in range(0, 600_000, 50):
        if now_ms % 250 == 0:
            queue.add("a", pending("a", now_ms // 250, now_ms))
        batch = queue.next_batch(now_ms)
        if batch is not None:
            refusals = ["Throttled" if chance.random() < 1 / 3 else None for _ in batch.records]
            assert not [each.lost for each in queue.settle(batch, refusals, now_ms) if each.lost]
        longest_wait_bytes = max(longest_wait_bytes, queue.waiting_bytes("a"))
    assert longest_wait_bytes <= 30 * pending("a", 0).record.size_bytes


def test_audio_past_its_deadline_is_lost_and_what_may_not_expire_stays() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0, now_ms=0))
    queue.add("a", pending("a", 1, now_ms=0, may_expire=False))
    queue.add("a", pending("a", 2, now_ms=10))
    batch = queue.next_batch(0)
    assert batch is not None
    (early,) = queue.settle_failed_call(batch, "Throttled", DEADLINE_MS - 1)
    assert early.lost == ()
    batch = queue.next_batch(DEADLINE_MS + 1000)
    assert batch is not None
    (late,) = queue.settle_failed_call(batch, "Throttled", DEADLINE_MS)
    assert numbers(late.lost) == [0]
    queue.add_first("a", pending("a", 77, now_ms=DEADLINE_MS, may_expire=False))
    batch = queue.next_batch(DEADLINE_MS * 2)
    assert batch is not None
    assert numbers(batch.parts[0][1]) == [77, 1, 2]
    assert queue.waiting_bytes("a") == 3 * batch.records[0].size_bytes


def test_calls_stay_within_the_limits_of_records_and_bytes() -> None:
    queue = a_queue(max_records=3, max_bytes=45)
    size = pending("a", 0).record.size_bytes
    assert size == 11
    for session in ("a", "b"):
        for number in range(3):
            queue.add(session, pending(session, number))
    first = queue.next_batch(0)
    assert first is not None
    assert len(first.records) == 3
    second = queue.next_batch(0)
    assert second is not None
    assert [session for session, _ in second.parts] == ["b"]
    tight = a_queue(max_bytes=45)
    for number in range(9):
        tight.add("a", pending("a", number))
    batch = tight.next_batch(0)
    assert batch is not None
    assert len(batch.records) == 4  # 44 bytes


def test_sessions_take_turns() -> None:
    queue = a_queue(max_records=2)
    for session in ("a", "b", "c"):
        for number in range(4):
            queue.add(session, pending(session, number))
    served: list[str] = []
    for _ in range(3):
        batch = queue.next_batch(0)
        assert batch is not None
        served += [session for session, _ in batch.parts]
        queue.settle(batch, [None] * len(batch.records), 0)
    assert served == ["a", "b", "c"]


def test_answers_must_match_the_records() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    batch = queue.next_batch(0)
    assert batch is not None
    with pytest.raises(ValueError, match="2 answers for 1 records"):
        queue.settle(batch, [None, None], 0)


def test_nothing_goes_before_a_batch_in_flight() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    queue.next_batch(0)
    with pytest.raises(ValueError, match="in flight"):
        queue.add_first("a", pending("a", 1))
