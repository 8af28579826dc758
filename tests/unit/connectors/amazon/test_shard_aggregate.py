"""What the Kinesis Producer Library packed comes out whole; what only looks like it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.amazon.shard_aggregate import MalformedAggregateError, deaggregated, key_within
from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, ShardRecord, hash_key
from tests.unit.connectors.amazon.kpl_aggregates import AggregatedRecord, aggregate, sealed

pytestmark = pytest.mark.unit


def record_of(data: bytes) -> ShardRecord:
    return ShardRecord("a", "495", 1_700, data)


@given(
    packed=st.lists(st.tuples(st.text(min_size=1), st.binary(max_size=300)), max_size=200),
    with_extras=st.booleans(),
)
def test_what_was_packed_comes_out_in_order(
    packed: list[tuple[str, bytes]], with_extras: bool
) -> None:
    data = aggregate(packed, with_extras=with_extras)
    assert deaggregated(record_of(data)) == tuple(
        ShardRecord(key, "495", 1_700, each) for key, each in packed
    )


def test_what_is_no_aggregate_stays_as_it_is() -> None:
    for data in (b"", b"\xc3\x01", b"\xf3\x89\x9a"):
        assert deaggregated(record_of(data)) == (record_of(data),)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (sealed(b"")[:-1], "without its digest"),
        (aggregate([("one", b"data")])[:-1] + b"\x00", "another digest"),
        (aggregate([("one", b"data")])[:20], "another digest"),
        (sealed(b"\x1a\x05\x08"), "cut short"),
        (sealed(b"\x1a\x02\x08\x00"), "without key or data"),
        (sealed(b"\x1a\x04\x08\x07\x1a\x00"), "lacks a partition key"),
        (sealed(b"\x18\x01"), "number for a record"),
        (sealed(b"\x0a\x01\xff"), "no text"),
        (sealed(b"\x0b"), "unknown kind"),
        (sealed(b"\xff" * 12), "does not end"),
    ],
)
def test_each_fault_is_named(data: bytes, fault: str) -> None:
    with pytest.raises(MalformedAggregateError, match=fault):
        deaggregated(record_of(data))


@given(message=st.binary(max_size=60))
def test_any_bytes_are_taken_or_refused_by_name(message: bytes) -> None:
    try:
        taken = deaggregated(record_of(sealed(message)))
    except MalformedAggregateError:
        return
    assert {each.sequence_number for each in taken} <= {"495"}


def test_fields_of_a_later_version_are_passed_over() -> None:
    newer = AggregatedRecord(partition_key_table=["one"])
    newer.records.add(partition_key_index=0, data=b"data")
    extra = b"\x4d\x01\x02\x03\x04" + b"\x51" + bytes(8) + b"\x5a\x02hi" + b"\x60\x05"
    taken = deaggregated(record_of(sealed(newer.SerializeToString() + extra)))
    assert [(each.partition_key, each.data) for each in taken] == [("one", b"data")]


@pytest.mark.parametrize("number", range(16))
def test_a_shard_has_a_key_for_what_has_none(number: int) -> None:
    width = (MAX_HASH_KEY + 1) // 16
    shard = Shard("s", number * width, (number + 1) * width - 1)
    assert shard.first_hash <= hash_key(key_within(shard)) <= shard.last_hash
