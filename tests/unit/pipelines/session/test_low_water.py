"""From where the log is read again: the oldest record that the ledger does not cover."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipelines.session.coverage import Coverage, EpochPosition
from pipelines.session.low_water import OpenRecords
from pipelines.session.order import Order
from pipelines.session.records import Flush, ReadRecord
from schemas.values import ControlKind
from tests.unit.pipelines.session.records_of import START_MS, LogOf

pytestmark = pytest.mark.unit


@dataclass
class Reader:
    """Order and open records as ``Session.read`` uses them."""

    log: LogOf = field(default_factory=LogOf)
    order: Order = field(default_factory=lambda: Order(at({1: 0})))
    records: OpenRecords = field(default_factory=OpenRecords)
    flushes: int = 0

    def read(self, *records: ReadRecord) -> None:
        for record in records:
            repeats = self.order.repeats
            items = tuple(self.order.take(record))
            if self.order.repeats == repeats:
                self.flushes += sum(isinstance(item, Flush) for item in items)
                self.records.add(record, items, self.flushes)

    def oldest(self, coverage: Coverage, flushes: int = 0) -> list[str]:
        return [place.number for place in self.records.oldest(coverage, flushes).values()]


def at(
    resume: dict[int, int], missed: dict[int, tuple[tuple[int, int], ...]] | None = None
) -> Coverage:
    positions = {
        epoch: EpochPosition(epoch, resume_sequence=sequence) for epoch, sequence in resume.items()
    }
    return Coverage(positions=positions, missed=missed or {})


def test_a_chunk_is_needed_until_recognition_goes_on_after_it() -> None:
    reader = Reader()
    first, second = reader.log.chunk(1, 0), reader.log.chunk(1, 1)
    reader.read(first, second)
    assert reader.oldest(at({})) == [first.place.number]
    assert reader.oldest(at({1: 0})) == [first.place.number]
    assert reader.oldest(at({1: 1})) == [second.place.number]
    assert reader.oldest(at({1: 2})) == []


def test_each_shard_has_its_own() -> None:
    reader = Reader()
    other = LogOf("shard-1")
    first, second = reader.log.chunk(1, 0), other.chunk(1, 1)
    reader.read(first, second)
    assert reader.records.oldest(at({1: 0}), 0) == {
        "shard-0": first.place,
        "shard-1": second.place,
    }
    assert reader.records.oldest(at({1: 1}), 0) == {"shard-1": second.place}


def test_a_repeat_is_not_needed_and_a_chunk_that_is_held_is() -> None:
    reader = Reader()
    reader.read(reader.log.chunk(1, 0))
    assert reader.oldest(at({1: 1})) == []
    held = reader.log.chunk(1, 2)
    reader.read(reader.log.chunk(1, 0), held)
    assert reader.oldest(at({1: 1})) == [held.place.number]


def test_a_late_chunk_is_needed_until_an_entry_names_it() -> None:
    reader = Reader()
    gap = reader.log.control(ControlKind.GAP, 1, -1, until=4)
    late = reader.log.chunk(1, 2)
    reader.read(gap, late)
    assert reader.oldest(at({1: 0})) == [gap.place.number]
    assert reader.oldest(at({1: 4}, {1: ((0, 4),)})) == [late.place.number]
    assert reader.oldest(at({1: 4}, {1: ((0, 2), (3, 4))})) == []


def test_a_late_chunk_does_not_pass_for_covered_while_its_hole_is_not_committed() -> None:
    reader = Reader()
    late = reader.log.chunk(1, 0)
    tuple(reader.order.take(reader.log.control(ControlKind.GAP, 1, -1, until=4)))
    reader.read(late)
    assert reader.oldest(at({1: 0})) == [late.place.number]


def test_openings_are_needed_until_the_ledger_knows_the_stream() -> None:
    reader = Reader()
    opened = reader.log.control(ControlKind.OPENED, 5, -1)
    reader.read(opened)
    assert reader.oldest(at({1: 0})) == [opened.place.number]
    assert reader.oldest(at({5: 0})) == []


def test_flushes_are_needed_until_they_are_done() -> None:
    reader = Reader()
    pause = reader.log.control(ControlKind.PAUSE, 1, -1)
    end = reader.log.control(ControlKind.END, 1, -1)
    reader.read(pause, end)
    assert reader.oldest(at({1: 0}), 0) == [pause.place.number]
    assert reader.oldest(at({1: 0}), 1) == [end.place.number]
    assert reader.oldest(at({1: 0}), 2) == []


def test_what_says_nothing_of_audio_is_never_needed() -> None:
    reader = Reader()
    reader.read(
        reader.log.control(ControlKind.LISTENERS, languages=("es",)),
        reader.log.control(ControlKind.UNMUTE, 1, 4),
        reader.log.control(ControlKind.RESUME, 1, 4),
        reader.log.control(ControlKind.PAUSE, 1, 4),
        reader.log.control(ControlKind.GAP, 9, 4, until=None),
        reader.log.control(ControlKind.GAP, 9, 4, until=5),
    )
    assert reader.oldest(at({})) == []


def test_raw_records_are_covered_by_their_number() -> None:
    reader = Reader(order=Order(Coverage(), raw=True))
    records = [reader.log.chunk(0, 0) for _ in range(3)]
    reader.read(*records)
    assert reader.oldest(at({0: 1})) == [records[1].place.number]
    places = reader.records.oldest_from(int(records[2].place.number))
    assert [place.number for place in places.values()] == [records[2].place.number]


def test_raw_records_of_version_1_are_covered_once_they_are_over() -> None:
    """Seventeen samples are over after 2 ms."""
    log, records = LogOf(), OpenRecords()
    first, second = (log.chunk(0, 0, bytes(2 * 17), at_ms=START_MS + 2 * at) for at in range(2))
    for record in (first, second):
        records.add(record, (), 0)
    assert records.oldest_from(0, START_MS + 1) == {"shard-0": first.place}
    assert records.oldest_from(0, START_MS + 3) == {"shard-0": second.place}
    assert records.oldest_from(0, START_MS + 4) == {}


def test_the_audio_of_what_is_open_is_counted() -> None:
    reader = Reader()
    reader.read(reader.log.chunk(1, 0, bytes(100)), reader.log.chunk(1, 1, bytes(40)))
    reader.read(reader.log.control(ControlKind.END, 1, 1))
    assert reader.records.size_bytes == 140
    reader.oldest(at({1: 1}))
    assert reader.records.size_bytes == 40
    reader.oldest(at({1: 2}))
    assert reader.records.size_bytes == 0
