"""A log that was trimmed past a reader's mark: each loss is told once, under its own number."""

from __future__ import annotations

import pytest

from connectors.interfaces.shard_source import StartKind
from pipelines.log.reader import MAY_LOSE_BEHIND_MS
from pipelines.log.shards import LOSS_TOLD_AFTER_MS, ShardProgress
from pipelines.runtime.supervision import UNEXPECTED_ERRORS
from tests.unit.pipelines.log.stream_under_test import FIRST, Stream

pytestmark = pytest.mark.unit


# What the log has lost ----------------------------------------------------------------------------


def at(number: str) -> dict[str, ShardProgress]:
    return {FIRST: ShardProgress((), StartKind.TRIM_HORIZON.value, sequence_number=number)}


def test_a_log_trimmed_past_the_mark_is_read_as_after_a_loss(stream: Stream) -> None:
    mark = stream.put("a")
    lost = stream.put("a", 3)
    stream.put("a", 2)
    stream.source.trim(FIRST, lost)
    reader = stream.reader(saved=at(mark))
    stream.run(1.0)
    assert reader.data == ["a:4", "a:5"]
    assert all(each.loss == 1 for each in reader.taken)


def test_a_log_that_reaches_back_past_the_mark_has_lost_nothing(stream: Stream) -> None:
    trimmed = stream.put("a", 2)
    mark = stream.put("a")
    stream.put("a", 2)
    stream.source.trim(FIRST, trimmed)
    reader = stream.reader(saved=at(mark))
    stream.run(1.0)
    assert reader.data == ["a:3", "a:4"]
    assert not any(each.loss for each in reader.taken)


def test_a_log_of_which_nothing_is_left_has_lost_something(stream: Stream) -> None:
    mark = stream.put("a")
    stream.source.trim(FIRST, stream.put("a", 3))
    reader = stream.reader(saved=at(mark))
    stream.run(1.0)
    stream.put("a")
    stream.run(1.0)
    assert [(each.data, each.loss) for each in reader.taken] == [(b"a:4", 1)]


def test_whether_the_log_was_trimmed_is_asked_until_there_is_an_answer(stream: Stream) -> None:
    mark = stream.put("a")
    stream.source.trim(FIRST, stream.put("a"))
    stream.put("a")
    stream.source.throttle(3)
    reader = stream.reader(saved=at(mark))
    stream.run(5.0)
    assert [(each.data, each.loss) for each in reader.taken] == [(b"a:2", 1)]


def test_a_parent_that_is_past_its_retention_is_left_for_its_children(stream: Stream) -> None:
    """It was not read to its end; who reads it meanwhile gives up."""
    stream.put("a")
    reader = stream.reader()
    stream.run(1.0)
    reader.is_full = True
    stream.run(0.3)
    stream.put("a", 2)
    stream.source.split(FIRST)
    stream.put("a")
    stream.source.forget(FIRST)
    stream.run(10.0)
    reader.is_full = False
    stream.run(10.0)
    assert reader.data == ["a:0", "a:3"]
    assert [each.loss for each in reader.taken] == [0, 1]
    assert not UNEXPECTED_ERRORS.take()
    assert FIRST not in reader.reader.marks()


def test_a_reader_that_was_full_while_records_expired_says_so(stream: Stream) -> None:
    """Its iterator has expired too: what is still there is looked at again."""
    stream.put("a")
    reader = stream.reader()
    stream.run(1.0)
    reader.is_full = True
    stream.run(0.3)
    lost = stream.put("a", 3)
    stream.put("a")
    stream.source.trim(FIRST, lost)
    stream.source.expire_iterators()
    reader.is_full = False
    stream.run(1.0)
    assert [(each.data, each.loss) for each in reader.taken] == [(b"a:0", 0), (b"a:4", 1)]


def test_a_reader_that_is_half_a_day_behind_looks_at_each_read(stream: Stream) -> None:
    """Its iterator is good, and Kinesis says nothing about what it leaves out."""
    stream.put("a")
    reader = stream.reader()
    stream.run(1.0)
    reader.is_full = True
    stream.run(0.3)
    lost = stream.put("a", 3)
    stream.put("a", 1_001)
    stream.source.trim(FIRST, lost)
    stream.run(MAY_LOSE_BEHIND_MS / 1000 + 1)
    reader.is_full = False
    stream.run(2.0)
    assert [each.loss for each in reader.taken] == [0] + [1] * 1_001


def test_each_loss_of_a_reader_has_its_own_number(stream: Stream) -> None:
    """A session that has told one is to tell the next as well."""
    stream.put("a")
    reader = stream.reader()
    for _ in range(2):
        stream.run(1.0)
        reader.is_full = True
        stream.run(0.3)
        lost = stream.put("a")
        stream.put("a")
        stream.source.trim(FIRST, lost)
        stream.source.expire_iterators()
        reader.is_full = False
        stream.run(1.0)
    assert [(each.data.decode(), each.loss) for each in reader.taken] == [
        ("a:0", 0),
        ("a:2", 1),
        ("a:4", 2),
    ]


def test_a_split_after_a_loss_goes_on_telling_it_under_its_number(stream: Stream) -> None:
    mark = stream.put("a")
    stream.source.trim(FIRST, stream.put("a"))
    stream.source.split(FIRST)
    for key in ("b", "c", "d"):
        stream.put(key)
    reader = stream.reader(saved=at(mark))
    stream.run(10.0)
    found = sorted((each.data.decode(), each.loss) for each in reader.taken)
    assert found == [("b:0", 1), ("c:0", 1), ("d:0", 1)]


def test_a_loss_is_forgotten_when_it_is_told(stream: Stream) -> None:
    """Else, for ever, what comes out of order after a restart would count as lost."""
    mark = stream.put("a")
    stream.source.trim(FIRST, stream.put("a"))
    reader = stream.reader(saved=at(mark))
    stream.put("a")
    stream.run(1.0)
    assert reader.reader.marks()[FIRST].after_loss
    stream.run(LOSS_TOLD_AFTER_MS / 1000)
    stream.put("a", 2)
    stream.run(1.0)
    reader.cover_all_but(3)
    assert reader.reader.marks()[FIRST].after_loss, "the first record after it is not covered"
    reader.cover_all_but(2)
    assert not reader.reader.marks()[FIRST].after_loss
    stream.put("a")
    stream.run(1.0)
    assert [each.loss for each in reader.taken] == [1, 1, 1, 0]
