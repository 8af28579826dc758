"""Values of another version of the job: in Flink's state, and under way between its steps."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import msgspec
import pytest
from apache_beam.coders import registry

from pipelines.coders import VALUES, StateCoder, ValueCoder, register_coders
from pipelines.log.shards import UNREADABLE_MARKS, SavedMarks, ShardProgress
from pipelines.session.records import Pane, Place, ReadRecord
from schemas.values import AudioChunk, DeadLetter, ListenerLanguages, Outcome, Timeline

pytestmark = pytest.mark.unit

MARKS = SavedMarks(3, "engine", 9, {"shard-0": ShardProgress(("p",), "trim_horizon", "", "77")})
CHUNK = AudioChunk("talk", 0, 4, 1_000, 1_040, b"\1\0")
RECORD = ReadRecord(Place("shard-0", "78", "77"), 1_060, 1_090, CHUNK)
EXAMPLES = (
    MARKS,
    RECORD,
    Pane("talk", 2_000, (RECORD,), is_last=True),
    DeadLetter("read", "broken", "shard-0/78", 1_000),
    ListenerLanguages(("es",), 2),
    Outcome("talk", 7, "es", "key", None, 1, 2, Timeline.start(5)),
)
REQUIRED = {
    "SavedMarks": {"generation", "engine", "count"},
    "ShardProgress": {"parents", "start_kind"},
    "ReadRecord": {"place", "arrived_at_ms", "read_at_ms"},
    "Pane": {"session_id", "fired_at_ms"},
    "DeadLetter": {"stage", "cause", "key", "at_ms"},
}
"""Of values that outlive a job's version: in state, in panes that wait, in a topic of letters. A
new field has a default, or yesterday's values cannot be read."""


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    coder = ValueCoder(type(value))
    assert coder.decode(coder.encode(value)) == value


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_value_of_an_older_version_lacks_what_has_a_default(value: Any) -> None:
    fields = dataclasses.fields(value)
    required = {each.name for each in fields if _is_required(each)}
    known = msgspec.msgpack.decode(ValueCoder(type(value)).encode(value))
    old = {name: known[name] for name in known if name in required}
    expected = type(value)(**{name: getattr(value, name) for name in required})
    found = ValueCoder(type(value)).decode(msgspec.msgpack.encode(old))
    assert found == expected


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_value_of_a_newer_version_has_fields_that_are_not_known_here(value: Any) -> None:
    known = msgspec.msgpack.decode(ValueCoder(type(value)).encode(value))
    newer = msgspec.msgpack.encode({**known, "colour": "blue"})
    assert ValueCoder(type(value)).decode(newer) == value


@pytest.mark.parametrize("value_type", [SavedMarks, ShardProgress, ReadRecord, Pane, DeadLetter])
def test_no_field_was_added_without_a_default(value_type: Any) -> None:
    required = {each.name for each in dataclasses.fields(value_type) if _is_required(each)}
    assert required == REQUIRED[value_type.__name__]


def test_marks_as_the_job_before_wrote_them_are_read() -> None:
    """Their loss had no end yet."""
    shard = {
        "parents": [],
        "start_kind": "trim_horizon",
        "sequence_number": "5",
        "after_loss": True,
    }
    old = {"generation": 1, "engine": "e", "count": 2, "shards": {"s": shard}}
    marks = StateCoder(SavedMarks).decode(msgspec.msgpack.encode(old))
    assert marks.shards == {"s": ShardProgress((), "trim_horizon", "", "5", after_loss=True)}


@pytest.mark.parametrize("encoded", [b"", b"\x80", b"\xc1", b"\x81\xa5count\xa3two"])
def test_state_that_says_too_little_counts_as_none(
    encoded: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The positions table and the ledger say the rest; a job that fails at each bundle does not
    come so far."""
    assert StateCoder(SavedMarks).decode(encoded) is None
    assert StateCoder(SavedMarks, UNREADABLE_MARKS).decode(encoded) == UNREADABLE_MARKS
    assert "kept state is not readable" in caplog.text


def test_a_value_under_way_that_says_too_little_is_an_error_that_names_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field `place`"):
        ValueCoder(ReadRecord).decode(b"\x80")


def test_coders_travel_and_are_found_by_type() -> None:
    register_coders()
    for value_type in VALUES:
        assert registry.get_coder(value_type) == ValueCoder(value_type)
    for coder in (ValueCoder(Pane), StateCoder(SavedMarks, UNREADABLE_MARKS)):
        again = pickle.loads(pickle.dumps(coder))  # noqa: S301 - our own bytes
        assert (type(again), again) == (type(coder), coder)
    assert again.decode(b"") == UNREADABLE_MARKS


def _is_required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
