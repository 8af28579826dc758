"""Records that Amazon's Kinesis Producer Library (KPL) packed into one, taken apart again.

An aggregate is ``F3 89 9A C2``, a Protocol Buffers message, and the MD5 of the message. The message
(``AggregatedRecord``): 1 partition keys, 2 explicit hash keys, 3 records; a record: 1 the number of
its partition key, 2 of its hash key, 3 its data. Amazon's own Python module for it
(``aws-kinesis-agg``) was last released in 2022; what is needed of it stands here. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from connectors.interfaces.shard_source import Shard, ShardRecord, hash_key

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class MalformedAggregateError(ValueError):
    """It begins like an aggregate and is none. The message holds nothing of the content."""


def is_aggregate(data: bytes) -> bool:
    return data.startswith(MAGIC)


def deaggregated(record: ShardRecord) -> tuple[ShardRecord, ...]:
    """The user's records in their order; a record that is no aggregate, as it is.

    Each has its own partition key, and sequence number and arrival of the whole: reading goes on
    behind the aggregate, never within it. Explicit hash keys are passed over: a session's records
    lie where its id hashes to. Raises MalformedAggregateError.
    """
    if not is_aggregate(record.data):
        return (record,)
    message, digest = record.data[len(MAGIC) : -_DIGEST_BYTES], record.data[-_DIGEST_BYTES:]
    if len(record.data) < len(MAGIC) + _DIGEST_BYTES:
        raise MalformedAggregateError("an aggregate without its digest")
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise MalformedAggregateError("an aggregate with another digest")
    fields = list(_fields(message))
    keys = [_text(value) for number, value in fields if number == 1]
    packed = [_record(value) for number, value in fields if number == 3]
    if any(key >= len(keys) for key, _ in packed):
        raise MalformedAggregateError("an aggregate that lacks a partition key")
    return tuple(replace(record, partition_key=keys[key], data=data) for key, data in packed)


def key_within(shard: Shard) -> str:
    """A partition key that this shard owns, for a record that has none of its own.

    KPL writes ``a`` as the key of every aggregate, wherever it lies: no reader of the shard would
    take it for its own.
    """
    return next(
        key
        for key in (f"malformed-aggregate-{number}" for number in count())
        if shard.first_hash <= hash_key(key) <= shard.last_hash
    )


def _record(value: int | bytes) -> tuple[int, bytes]:
    """(number of its partition key, data)."""
    if isinstance(value, int):
        raise MalformedAggregateError("an aggregate with a number for a record")
    fields = dict(_fields(value))
    key, data = fields.get(1), fields.get(3)
    if not isinstance(key, int) or not isinstance(data, bytes):
        raise MalformedAggregateError("an aggregate with a record without key or data")
    return key, data


def _text(value: int | bytes) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise MalformedAggregateError("an aggregate with a key that is no text") from None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field, value) as they come; fields of fixed width, which KPL never writes, are left out."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise MalformedAggregateError("an aggregate with an unknown kind of field")
        if at + size > len(message):
            raise MalformedAggregateError("an aggregate that was cut short")
        if kind == _BYTES:
            yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """(value, where the next begins)."""
    value = 0
    for length, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            return value, at + length + 1
    raise MalformedAggregateError("an aggregate with a number that does not end")
