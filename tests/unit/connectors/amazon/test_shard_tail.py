"""A window that slides over a shard: whoever is inside it is served whole, nobody else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.amazon.shard_subscription import ShardTail
from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind

pytestmark = pytest.mark.unit

TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)


def record(number: int, size: int = 1) -> ShardRecord:
    return ShardRecord("key", str(number), 1_000 + number * 10, bytes(size))


def after(number: int) -> StartAt:
    return StartAt(StartKind.AFTER_SEQUENCE_NUMBER, str(number))


def numbers(records: tuple[ShardRecord, ...]) -> list[int]:
    return [int(each.sequence_number) for each in records]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 9), max_size=40),
    st.integers(0, 45),
    st.integers(1, 12),
    st.sampled_from([TRIM_HORIZON, after(0), after(3), StartAt(StartKind.AT_TIMESTAMP, "1005")]),
)
def test_a_position_it_holds_is_served_without_a_hole(
    batches: list[int], position: int, most: int, start: StartAt
) -> None:
    first = int(start.value) + 1 if start.kind is StartKind.AFTER_SEQUENCE_NUMBER else 1
    tail, put = ShardTail(start, most_records=most), first
    for size in batches:
        tail.add(record(number) for number in range(put, put + size))
        put += size
    held = numbers(tail.behind(after(position), 1_000))
    if tail.holds_behind(after(position)):
        assert held == list(range(max(position + 1, first), put))
    elif tail.start.kind is not StartKind.AT_TIMESTAMP:  # which nobody knows the number of
        assert held != list(range(position + 1, put)) or not batches
    assert len(tail.behind(TRIM_HORIZON, 1_000)) <= max(most, 1)


def test_the_oldest_fall_out_by_their_bytes_too() -> None:
    tail = ShardTail(TRIM_HORIZON, most_bytes=100)
    tail.add(record(number, 30) for number in range(1, 4))
    assert tail.start == TRIM_HORIZON
    tail.add([record(4, 30)])
    assert numbers(tail.behind(after(2), 9)) == [3, 4]
    assert tail.start == after(2)
    assert [tail.holds_behind(each) for each in (TRIM_HORIZON, after(1), after(2))] == [
        False,
        False,
        True,
    ]


def test_what_a_renewed_subscription_repeats_is_there_once() -> None:
    tail = ShardTail(TRIM_HORIZON)
    tail.add([record(9), record(10)])
    tail.add([record(9), record(10), record(11)])
    assert numbers(tail.behind(TRIM_HORIZON, 9)) == [9, 10, 11], "numbers, not text"


def test_latest_and_other_times_are_nobody_elses() -> None:
    start = StartAt(StartKind.AT_TIMESTAMP, "5")
    tail = ShardTail(start)
    assert tail.holds_behind(start)
    assert not tail.holds_behind(StartAt(StartKind.AT_TIMESTAMP, "4"))
    assert not tail.holds_behind(after(7)), "who knows what is between 5 ms and record 7"
    tail.add([record(7)])
    assert tail.holds_behind(after(7))
    latest = StartAt(StartKind.LATEST)
    assert not ShardTail(latest).holds_behind(latest)


def test_how_old_the_first_unread_record_is() -> None:
    tail = ShardTail(TRIM_HORIZON)
    assert tail.unread_ms(TRIM_HORIZON) == 0
    tail.add(record(number) for number in (1, 2, 3))
    assert [tail.unread_ms(at) for at in (TRIM_HORIZON, after(1), after(3))] == [20, 10, 0]
