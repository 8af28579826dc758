"""One call after the other: what goes into it, and what becomes of it."""

from __future__ import annotations

import random

import pytest

from connectors.interfaces.record_sink import SinkRecord
from ingest_gateway.audio_in.intake import gap_record
from ingest_gateway.audio_in.put_queue import FIRST_WAIT_MS, Pending, PutQueue, Settled
from schemas.values import AudioChunk, ControlKind, SessionControl, StreamRecord

pytestmark = pytest.mark.unit

DEADLINE_MS = 30_000


def of(value: StreamRecord, now_ms: int = 0) -> Pending:
    return Pending(value, SinkRecord(value.session_id, bytes(10)), now_ms)


def pending(session_id: str, number: int, now_ms: int = 0, epoch: int = 0) -> Pending:
    return of(AudioChunk(session_id, epoch, number, now_ms, now_ms, b"\0\0"), now_ms)


def control(session_id: str, kind: ControlKind, after: int = -1, now_ms: int = 0) -> Pending:
    return of(SessionControl(session_id, 0, after, 0, kind, now_ms), now_ms)


def numbers(records: tuple[Pending, ...]) -> list[int]:
    return [one.value.sequence for one in records if isinstance(one.value, AudioChunk)]


def a_queue(**limits: int) -> PutQueue:
    return PutQueue(**{"deadline_ms": DEADLINE_MS, **limits}, fraction=lambda: 0.0)


def put(queue: PutQueue, now_ms: int, *answers: str | None) -> tuple[Settled, ...]:
    """One call; records beyond ``answers`` become durable."""
    batch = queue.next_batch(now_ms)
    assert batch is not None
    rest = [None] * (len(batch.records) - len(answers))
    return queue.settle(batch, [*answers, *rest], now_ms)


def test_only_what_was_refused_goes_again_before_what_is_later() -> None:
    queue = a_queue()
    for number in range(5):
        queue.add("a", pending("a", number))
    (settled,) = put(queue, 0, None, None, "Throttled", None, "Throttled")
    assert numbers(settled.stored) == [0, 1]
    assert queue.next_batch(FIRST_WAIT_MS - 1) is None
    queue.add("a", pending("a", 5))
    again = queue.next_batch(FIRST_WAIT_MS)
    assert again is not None
    assert numbers(again.parts[0][1]) == [2, 4, 5]
    (settled,) = queue.settle(again, [None, "Throttled", None], FIRST_WAIT_MS)
    assert numbers(settled.stored) == [2, 3]
    (settled,) = put(queue, 2 * FIRST_WAIT_MS)
    assert numbers(settled.stored) == [4, 5]
    assert queue.empty


def test_a_call_without_an_answer_goes_again_as_a_whole() -> None:
    queue = a_queue()
    for number in range(3):
        queue.add("a", pending("a", number))
    put(queue, 0, None, "Throttled", None)
    batch = queue.next_batch(FIRST_WAIT_MS)
    assert batch is not None
    assert numbers(batch.parts[0][1]) == [1]
    queue.settle_failed_call(batch, FIRST_WAIT_MS, may_be_stored=True)
    again = queue.next_batch(3 * FIRST_WAIT_MS)
    assert again is not None
    assert numbers(again.parts[0][1]) == [1]


def test_nothing_goes_behind_a_control_whose_place_only_the_stream_knows() -> None:
    queue = a_queue()
    records = [
        pending("a", 0),
        control("a", ControlKind.LISTENERS),
        control("a", ControlKind.GAP),
        pending("a", 1),
        control("a", ControlKind.PAUSE, after=1),
        control("a", ControlKind.RESUME, after=1),
        pending("a", 2),
        pending("a", 0, epoch=1),
    ]
    for record in records:
        queue.add("a", record)
    batches: list[tuple[Pending, ...]] = []
    while (batch := queue.next_batch(0)) is not None:
        batches.append(batch.parts[0][1])
        queue.settle(batch, [None] * len(batch.records), 0)
    assert batches == [tuple(records[:4]), *((each,) for each in records[4:])]


def test_an_end_goes_when_everything_before_it_is_settled() -> None:
    """Else it might stand on the stream before a chunk that was refused beside it."""
    queue = a_queue()
    end = control("a", ControlKind.END, after=2)
    for number in range(3):
        queue.add("a", pending("a", number))
    queue.add("a", end)
    put(queue, 0, None, "Throttled", None)
    (settled,) = put(queue, FIRST_WAIT_MS)
    assert numbers(settled.stored) == [1, 2]
    batch = queue.next_batch(2 * FIRST_WAIT_MS)
    assert batch is not None
    assert batch.parts == (("a", (end,)),)


def a_held_gap(queue: PutQueue) -> Pending:
    """Chunks 0 and 3, and between them a gap that waits for permission."""
    gap = of(gap_record("a", 0, 0, 3, 0))
    queue.add("a", pending("a", 0))
    queue.add("a", gap, held=True)
    queue.add("a", pending("a", 3))
    queue.add("a", control("a", ControlKind.END, after=3))
    return gap


def test_audio_goes_on_while_a_gap_waits_and_is_reported_behind_it() -> None:
    queue = a_queue()
    gap = a_held_gap(queue)
    assert queue.asks("a") is None  # chunk 0 is not settled
    (settled,) = put(queue, 0)
    assert numbers(settled.stored) == [0]
    assert queue.asks("a") is gap
    queue.add("a", pending("a", 4))
    assert (queue.due_in_ms(0), queue.next_batch(0)) == (None, None)  # the end waits, too
    queue.permit("a", gap)
    assert queue.asks("a") is None
    (settled,) = put(queue, 0)
    assert settled.stored[0] is gap
    assert numbers(settled.stored) == [3]
    (settled,) = put(queue, 0)
    assert [one.value.kind for one in settled.stored if not one.may_expire] == [ControlKind.END]  # type: ignore[union-attr]
    (settled,) = put(queue, 0)
    assert numbers(settled.stored) == [4]
    assert queue.empty


def test_a_gap_that_may_not_be_declared_is_taken_out() -> None:
    queue = a_queue()
    gap = a_held_gap(queue)
    put(queue, 0)
    assert numbers(queue.withdraw("a", gap).stored) == [3]
    assert queue.withdraw("a", gap) == Settled("a")
    batch = queue.next_batch(0)
    assert batch is not None
    assert [one.value.kind for one in batch.parts[0][1]] == [ControlKind.END]  # type: ignore[union-attr]


def test_what_waits_for_a_gap_costs_no_samples() -> None:
    queue = a_queue()
    a_held_gap(queue)
    put(queue, 0)
    waiting = queue.waiting_bytes("a")
    queue.add("a", control("a", ControlKind.LISTENERS))
    assert waiting == 2 * 11 + 1  # the gap, the end, and the key of a chunk


def test_what_is_disowned_is_put_and_nobody_is_told() -> None:
    queue = a_queue()
    for number in range(4):
        queue.add("a", pending("a", number))
    batch = queue.next_batch(0)
    assert batch is not None
    a_held_gap(queue)
    queue.disown("a")
    assert queue.settle(batch, [None, "Throttled", None, None], 0) == (Settled("a"),)
    own = pending("a", 9, now_ms=DEADLINE_MS)
    queue.add("a", own)
    again = queue.next_batch(FIRST_WAIT_MS)
    assert again is not None
    assert numbers(again.parts[0][1]) == [1, 0, 3]  # no gap; an end still stands in its place
    assert queue.settle(again, ["Throttled", None, None], DEADLINE_MS) == (Settled("a"),)
    (settled,) = put(queue, DEADLINE_MS * 2)
    assert [one.value.kind for one in settled.stored if not one.may_expire] == [ControlKind.END]  # type: ignore[union-attr]
    (settled,) = put(queue, DEADLINE_MS * 2)
    assert settled.stored == (own,)
    assert queue.empty


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
    queue.settle_failed_call(batch, 100, may_be_stored=True)
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
        queue.settle_failed_call(batch, now_ms, may_be_stored=False)
        waits.append(queue.due_in_ms(now_ms))
        now_ms += waits[-1] or 0
    assert waits == [50, 100, 200, 400, 800, 1600, 2000, 2000]
    batch = queue.next_batch(now_ms)
    assert batch is not None
    queue.settle(batch, [None], now_ms)
    queue.add("a", pending("a", 1, now_ms))
    batch = queue.next_batch(now_ms)
    assert batch is not None
    queue.settle_failed_call(batch, now_ms, may_be_stored=False)
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
    queue.add("a", control("a", ControlKind.LISTENERS))
    queue.add("a", pending("a", 2, now_ms=10))
    (early,) = put(queue, DEADLINE_MS - FIRST_WAIT_MS, *["Throttled"] * 3)
    assert early.lost == ()
    (late,) = put(queue, DEADLINE_MS, *["Throttled"] * 3)
    assert numbers(late.lost) == [0]
    gap = of(gap_record("a", 0, -1, 1, DEADLINE_MS), DEADLINE_MS)
    queue.add_gap("a", gap)
    batch = queue.next_batch(DEADLINE_MS * 2)
    assert batch is not None
    assert batch.parts[0][1][0] is gap
    assert numbers(batch.parts[0][1]) == [2]
    assert queue.waiting_bytes("a") == 3 * batch.records[0].size_bytes


@pytest.mark.parametrize("may_be_stored", [True, False])
def test_what_one_answer_may_have_called_durable_is_never_called_lost(
    *, may_be_stored: bool
) -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    queue.add("a", pending("a", 1))
    batch = queue.next_batch(0)
    assert batch is not None
    queue.settle_failed_call(batch, 0, may_be_stored=may_be_stored)
    (settled,) = put(queue, DEADLINE_MS, "Throttled", None)
    expected = ([], [0]) if may_be_stored else ([0], [])
    assert (numbers(settled.lost), numbers(settled.unsure)) == expected
    assert settled.stored == ()
    assert numbers(queue.release("a").stored) == [1]
    assert queue.empty


def test_what_is_durable_behind_a_lost_record_waits_for_the_gap() -> None:
    queue = a_queue()
    queue.add("a", pending("a", 0))
    queue.add("a", pending("a", 1))
    (settled,) = put(queue, DEADLINE_MS, "Throttled", None)
    assert numbers(settled.lost) == [0]
    gap = of(gap_record("a", 0, -1, 1, DEADLINE_MS), DEADLINE_MS)
    queue.add_gap("a", gap)
    assert queue.release("a").stored == ()
    (refused,) = put(queue, DEADLINE_MS * 2, "Throttled")
    assert refused == Settled("a")
    (settled,) = put(queue, DEADLINE_MS * 3)
    assert settled.stored[0] is gap
    assert numbers(settled.stored) == [1]


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


def test_a_gap_stands_where_what_it_covers_stood() -> None:
    """Behind an earlier gap that nobody has permitted yet: the first is declared first."""
    queue = a_queue()
    first = a_held_gap(queue)
    put(queue, 0)
    for number in (4, 5, 6):
        queue.add("a", pending("a", number))
    queue.permit("a", first)
    put(queue, 0)
    put(queue, 0)
    second = of(gap_record("a", 0, 7, 9, 0))
    queue.add("a", second, held=True)
    queue.add("a", pending("a", 9))
    put(queue, 0)
    queue.add("a", pending("a", 10))
    (settled,) = put(queue, DEADLINE_MS, "Throttled")
    assert numbers(settled.lost) == [10]
    third = of(gap_record("a", 0, 9, 11, 0))
    queue.add_gap("a", third, held=True)
    assert queue.release("a") == Settled("a")
    assert queue.asks("a") is second
    assert numbers(queue.withdraw("a", second).stored) == [9]
    assert queue.asks("a") is third
