"""Aggregates as the Kinesis Producer Library writes them, by Google's own Protocol Buffers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCHEMA = {
    "Tag": [("key", 1, "required", "string"), ("value", 2, "optional", "string")],
    "Record": [
        ("partition_key_index", 1, "required", "uint64"),
        ("explicit_hash_key_index", 2, "optional", "uint64"),
        ("data", 3, "required", "bytes"),
        ("tags", 4, "repeated", "Tag"),
    ],
    "AggregatedRecord": [
        ("partition_key_table", 1, "repeated", "string"),
        ("explicit_hash_key_table", 2, "repeated", "string"),
        ("records", 3, "repeated", "Record"),
    ],
}


def _aggregated_record() -> Any:
    """The message of Amazon's ``messages.proto``."""
    file = descriptor_pb2.FileDescriptorProto(name="kpl.proto", package="kpl", syntax="proto2")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind in fields:
            added = message.field.add(name=field, number=number)
            added.label = getattr(_FIELD, f"LABEL_{label.upper()}")
            if kind in _SCHEMA:
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f".kpl.{kind}"
            else:
                added.type = getattr(_FIELD, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("kpl.AggregatedRecord"))


AggregatedRecord = _aggregated_record()


def aggregate(records: Sequence[tuple[str, bytes]], *, with_extras: bool = False) -> bytes:
    """One Kinesis record of these (partition key, data); each key stands in the table once.
    ``with_extras``: hash keys and tags too, which KPL may add."""
    message = AggregatedRecord()
    keys = list(dict.fromkeys(key for key, _ in records))
    message.partition_key_table.extend(keys)
    for key, data in records:
        record = message.records.add(partition_key_index=keys.index(key), data=data)
        if with_extras:
            record.explicit_hash_key_index = 0
            record.tags.add(key="sent-by", value="a test")
    if with_extras:
        message.explicit_hash_key_table.append(str(2**127))
    return sealed(message.SerializeToString())


def sealed(message: bytes) -> bytes:
    """With the marker in front and the digest behind."""
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()
