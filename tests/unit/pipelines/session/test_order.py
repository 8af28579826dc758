"""Records come out by number, each chunk once; a hole is passed only when it is known to be one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.session import order as order_module
from pipelines.session.coverage import Coverage, EpochPosition
from pipelines.session.order import Order
from pipelines.session.records import Chunk, ReadRecord
from schemas.values import ControlKind
from tests.unit.pipelines.session.records_of import START_MS, LogOf, shown

pytestmark = pytest.mark.unit


class InOrder:
    """An ``Order`` whose items are readable; ``at``: epoch -> the sequence at which it resumes."""

    def __init__(
        self,
        at: Mapping[int, int] | None = None,
        missed: Mapping[int, tuple[tuple[int, int], ...]] | None = None,
    ) -> None:
        positions = {
            epoch: EpochPosition(epoch, resume_sequence=sequence)
            for epoch, sequence in (at or {}).items()
        }
        self.order = Order(Coverage(positions=positions, missed=missed or {}))
        self.log = LogOf()
        self.out: list[str] = []

    def take(self, *records: ReadRecord) -> list[str]:
        lines = [line for record in records for line in shown(self.order.take(record))]
        self.out += lines
        return lines

    def chunks(self, epoch: int, *sequences: int, loss: int = 0) -> list[str]:
        return self.take(*(self.log.chunk(epoch, each, loss=loss) for each in sequences))

    def opened(self, epoch: int, after: int, *, loss: int = 0) -> list[str]:
        return self.take(self.log.control(ControlKind.OPENED, epoch, after, loss=loss))

    def gap(self, epoch: int, after: int, until: int | None) -> list[str]:
        return self.take(self.log.control(ControlKind.GAP, epoch, after, until=until))

    def pause(self, epoch: int, after: int) -> list[str]:
        return self.take(self.log.control(ControlKind.PAUSE, epoch, after))

    def end(self, epoch: int, after: int) -> list[str]:
        return self.take(self.log.control(ControlKind.END, epoch, after))


def in_pieces(session: InOrder, records: Sequence[ReadRecord], cuts: Iterable[int]) -> None:
    edges = sorted({0, len(records), *(cut % (len(records) + 1) for cut in cuts)})
    for first, last in pairwise(edges):
        session.take(*records[first:last])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_come_out_in_order_each_once(data: st.DataObject) -> None:
    """Of each epoch that began with an ``opened`` record; epochs may be mixed in any way."""
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=7))
    session = InOrder()
    for epoch in range(len(lengths)):
        assert session.opened(epoch, -1) == [f"from {epoch}/0"]
    records = [
        session.log.chunk(epoch, sequence)
        for epoch, length in enumerate(lengths)
        for sequence in range(length)
    ]
    repeats = data.draw(st.lists(st.sampled_from(records), max_size=6))
    session.out.clear()
    session.take(*data.draw(st.permutations([*records, *repeats])))
    for epoch, length in enumerate(lengths):
        own = [line for line in session.out if line.startswith(f"{epoch}/")]
        assert own == [f"{epoch}/{sequence}" for sequence in range(length)]
    assert len(session.out) == len(records)
    assert session.order.repeats == len(repeats)
    assert (session.order.is_waiting, session.order.held_bytes) == (False, 0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), fails=st.floats(0, 0.8), pauses=st.floats(0, 0.5))
def test_partial_failures_of_the_gateway(seed: int, fails: float, pauses: float) -> None:
    """Of a batch some records fail; the first of them and all later ones are put again."""
    chance = random.Random(seed)
    session = InOrder()
    talk: list[ReadRecord] = [session.log.control(ControlKind.OPENED, 1, -1)]
    expected = ["from 1/0"]
    for sequence in range(chance.randint(1, 30)):
        talk.append(session.log.chunk(1, sequence))
        expected.append(f"1/{sequence}")
        if chance.random() < pauses:
            talk.append(session.log.control(ControlKind.PAUSE, 1, sequence))
    stored_log: list[ReadRecord] = [talk[0]]
    at = 1
    while at < len(talk):
        batch = talk[at : at + chance.randint(1, 5)]
        stored = [chance.random() >= fails for _ in batch]
        stored_log += [record for record, fine in zip(batch, stored, strict=True) if fine]
        at += stored.index(False) if False in stored else len(batch)
    in_pieces(session, stored_log, [chance.randrange(100) for _ in range(5)])
    assert [line for line in session.out if line != "flush"] == expected
    assert not session.order.is_waiting


def test_what_is_in_the_ledger_is_a_repeat() -> None:
    session = InOrder(at={1: 3})
    assert session.chunks(1, 0, 1, 2, 3, 4, 3) == ["1/3", "1/4"]
    assert session.order.repeats == 4


def test_time_never_passes_a_hole() -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0, 2) == ["1/0"]
    later = session.log.chunk(1, 3, at_ms=2_000_000_000_000)
    assert session.take(later) == []
    assert session.order.is_waiting
    assert session.chunks(1, 1) == ["1/1", "1/2", "1/3"]


def test_a_declared_gap_is_passed_at_once_and_no_further() -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0, 5) == ["1/0"]
    assert session.gap(1, 0, 3) == ["gap 1/1-3"]
    assert session.chunks(1, 4) == []
    assert session.chunks(1, 3) == ["1/3", "1/4", "1/5"]


def test_a_gap_declared_ahead_of_its_neighbours_waits_for_them() -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0) == ["1/0"]
    assert session.gap(1, 2, 5) == []
    assert session.chunks(1, 5, 2) == []
    assert session.chunks(1, 1) == ["1/1", "1/2", "gap 1/3-5", "1/5"]


def test_what_came_is_not_part_of_a_gap_that_was_declared_over_it() -> None:
    session = InOrder(at={1: 0})
    session.chunks(1, 0, 3)
    assert session.gap(1, 0, 6) == ["gap 1/1-3", "1/3", "gap 1/4-6"]
    assert session.gap(1, 0, 6) == [], "said again"
    assert session.chunks(1, 6) == ["1/6"]


@pytest.mark.parametrize("until", [None, 0, 1])
def test_a_gap_that_says_nothing_is_nothing(until: int | None) -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0) == ["1/0"]
    assert session.gap(1, 0, until) == []
    assert session.chunks(1, 2) == []


def test_a_newer_generation_passes_what_lies_in_front_of_it_and_no_more() -> None:
    session = InOrder(at={1: 2})
    assert session.chunks(1, 6, 8) == []
    assert session.opened(1, 4) == ["on 1/2", "gap 1/2-5"]
    assert session.chunks(1, 5) == ["1/5", "1/6"]
    assert session.opened(1, 4) == ["on 1/7"], "said again"
    assert session.order.is_waiting, "7 was never settled"


def test_an_opening_passes_nothing_that_was_taken() -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0, 1, 2) == ["1/0", "1/1", "1/2"]
    assert session.opened(1, 1) == ["on 1/3"]
    assert session.chunks(1, 2, 3) == ["1/3"], "the client sent again what it had no answer for"


def test_the_end_passes_everything_in_every_stream() -> None:
    session = InOrder(at={1: 0, 2: 0})
    session.chunks(1, 0, 2)
    session.chunks(2, 1)
    assert session.end(2, 3) == ["gap 1/1-2", "1/2", "gap 2/0-1", "2/1", "gap 2/2-4", "end"]
    assert session.chunks(2, 4) == ["2/4"], "a speaker who comes back"


def test_the_end_of_the_input_passes_everything() -> None:
    session = InOrder(at={1: 0})
    session.chunks(1, 0, 2)
    session.pause(1, 7)
    assert shown(session.order.pass_all()) == ["gap 1/1-2", "1/2", "flush"]


def test_what_kinesis_trimmed_is_passed_at_the_first_chunk_after_it() -> None:
    session = InOrder(at={1: 2})
    assert session.chunks(1, 5, 6, loss=1) == ["gap 1/2-5", "1/5", "1/6"]
    assert session.chunks(1, 8, loss=1) == [], "that hole is another's"
    assert session.chunks(1, 12, loss=2) == ["gap 1/7-8", "1/8", "gap 1/9-12", "1/12"]


def test_a_repeat_after_a_loss_says_nothing_about_what_is_missing() -> None:
    session = InOrder(at={1: 2})
    assert session.chunks(1, 4) == []
    assert session.chunks(1, 1, 4, loss=1) == [], "one that is covered, one that waits"
    assert session.chunks(1, 7, loss=1) == ["gap 1/2-4", "1/4", "gap 1/5-7", "1/7"]


@pytest.mark.parametrize("kind", [ControlKind.OPENED, ControlKind.END, ControlKind.GAP])
def test_after_a_loss_a_stream_that_is_not_known_begins_at_0(kind: ControlKind) -> None:
    """Else what was trimmed before it was read would be told by nobody."""
    session = InOrder()
    record = session.log.control(kind, 1, 4, until=8, loss=1)
    expected = "gap 1/0-8" if kind is ControlKind.GAP else "gap 1/0-5"
    assert session.take(record)[0] == expected
    other = InOrder()
    assert other.chunks(2, 3, loss=1) == ["gap 2/0-3", "2/3"]


@pytest.mark.parametrize("after", [-1, 3])
def test_an_opening_that_was_put_again_behind_what_was_lost_hides_no_loss(after: int) -> None:
    """The answer to its first put was lost; chunks that came between the two were trimmed."""
    session = InOrder()
    session.opened(1, after, loss=1)
    assert session.chunks(1, 7, 8, loss=1) == [f"gap 1/{after + 1}-7", "1/7", "1/8"]


def test_what_lies_in_a_hole_that_was_passed_is_taken_after_all_in_any_order() -> None:
    session = InOrder(at={1: 0})
    session.gap(1, -1, 5)
    assert session.chunks(1, 3, 1, 5) == ["late 1/3", "late 1/1", "1/5"]
    assert session.chunks(1, 3, 1, 2) == ["late 1/2"], "each once"


def test_what_the_ledger_says_was_passed_is_taken_after_all() -> None:
    session = InOrder(at={1: 9}, missed={1: ((2, 4), (6, 7))})
    assert session.chunks(1, 1, 2, 4, 6, 2) == ["late 1/2", "late 1/6"]
    assert session.order.repeats == 3


def test_a_stream_of_which_nothing_is_known_begins_where_reading_begins() -> None:
    session = InOrder()
    assert session.chunks(3, 17) == ["from 3/17", "3/17"]
    assert session.chunks(3, 19) == []
    assert session.chunks(3, 18) == ["3/18", "3/19"]
    assert session.chunks(3, 16, 16) == ["late 3/16"], "out of order at the very beginning"


def test_a_stream_that_was_opened_waits_for_its_beginning() -> None:
    session = InOrder()
    assert session.opened(1, -1) == ["from 1/0"]
    assert session.chunks(1, 1) == []
    assert session.chunks(1, 0) == ["1/0", "1/1"]
    assert session.opened(2, 6) == ["from 2/7"]
    assert session.chunks(2, 8) == []
    assert session.chunks(2, 7) == ["2/7", "2/8"]


def test_a_stream_that_was_begun_before_any_audio_and_lost_its_log_begins_at_its_opening() -> None:
    session = InOrder()
    end = session.log.control(ControlKind.END, 1, -1, loss=1)
    assert session.take(end) == ["end"]
    assert session.opened(1, -1) == ["from 1/0"]


def test_no_stream_waits_for_another() -> None:
    session = InOrder(at={1: 0, 2: 0})
    assert session.chunks(1, 0, 2) == ["1/0"]
    assert session.chunks(2, 0, 1) == ["2/0", "2/1"]
    assert session.chunks(1, 1) == ["1/1", "1/2"]


def test_a_pause_goes_out_right_after_the_chunk_it_names() -> None:
    session = InOrder(at={1: 0})
    assert session.chunks(1, 0) == ["1/0"]
    assert session.pause(1, 2) == []
    assert session.chunks(1, 3, 2) == []
    assert session.chunks(1, 1) == ["1/1", "1/2", "flush", "1/3"]


def test_a_pause_whose_chunk_was_passed_goes_out_with_the_hole() -> None:
    session = InOrder(at={1: 0})
    session.pause(1, 2)
    session.chunks(1, 4)
    assert session.gap(1, -1, 3) == ["gap 1/0-3", "flush"]


def test_a_pause_after_what_is_there_goes_out_at_once() -> None:
    session = InOrder(at={1: 3})
    assert session.pause(1, 2) == ["flush"]
    assert session.pause(7, -1) == ["flush"], "before the first chunk of its stream"


@pytest.mark.parametrize("kind", [ControlKind.RESUME, ControlKind.UNMUTE])
def test_unmute_and_resume_are_ordinary_audio(kind: ControlKind) -> None:
    session = InOrder(at={1: 3})
    assert session.take(session.log.control(kind, 1, 2)) == []


def test_listeners_never_wait() -> None:
    session = InOrder(at={1: 0})
    session.chunks(1, 1)
    news = session.log.control(ControlKind.LISTENERS, 2, 7, languages=("ca", "es"))
    assert session.take(news) == ["listeners ca,es"]


def test_more_than_is_held_stays_in_the_log_and_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_module, "MOST_HELD_BYTES", 6)
    session = InOrder(at={1: 0})
    session.chunks(1, 1, 2, 4, 5, 6, 7)
    assert session.order.held_bytes == 6
    assert session.chunks(1, 0) == ["1/0", "1/1", "1/2"]
    assert not session.order.reread, "3 is not in the log: 5 is not due"
    assert session.chunks(1, 8) == [], "it takes the room of another"
    assert session.chunks(1, 3) == ["1/3", "1/4"]
    assert session.order.reread
    session.order.reread = False
    assert session.chunks(1, 4, 5, 6, 7, 8) == ["1/5", "1/6", "1/7", "1/8"]
    assert not session.order.reread


def test_a_gap_over_what_was_left_in_the_log_has_it_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_module, "MOST_HELD_BYTES", 2)
    session = InOrder(at={1: 0})
    session.chunks(1, 1, 2)
    assert session.end(1, 2) == ["gap 1/0-1", "1/1", "gap 1/2-3", "end"]
    assert session.order.reread
    assert session.chunks(1, 1, 2) == ["late 1/2"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_raw_pcm_is_numbered_as_the_log_has_it(data: st.DataObject) -> None:
    """Whatever is read again, and wherever the ledger says that it was."""
    log = LogOf()
    records = [
        log.chunk(0, 0, bytes([number, 0])) for number in range(data.draw(st.integers(1, 12)))
    ]
    done = data.draw(st.integers(0, len(records)))
    resume_record = None if not done else str(int(records[done - 1].place.number) + 1)
    at = EpochPosition(0, resume_sequence=done, resume_record=resume_record)
    order = Order(Coverage(positions={0: at}), raw=True)
    out: list[tuple[int, bytes]] = []
    first = 0
    while first < len(records):
        size = data.draw(st.integers(1, 4))
        again = data.draw(st.integers(0, first))
        for record in [*records[again:first], *records[first : first + size]]:
            for item in order.take(record):
                (line,) = shown([item])
                assert record.chunk is not None
                out.append((int(line.removeprefix("0/")), record.chunk.pcm))
        first += size
    assert out == [(number, bytes([number, 0])) for number in range(done, len(records))]


def test_raw_pcm_that_version_1_covers_is_taken_from_its_last_word_on() -> None:
    """What had arrived by then is told; the rest of the chunk in which it lies is new."""
    log = LogOf()
    pcm = bytes(range(64))
    chunks = [log.chunk(0, 0, pcm, at_ms=START_MS + 2 * at) for at in range(3)]
    for _again in range(2):
        order = Order(Coverage(arrived_through_ms=START_MS + 3), raw=True)
        items = [item for chunk in chunks for item in order.take(chunk)]
        assert shown(items) == ["0/0", "0/1"]
        first, second = (item.audio for item in items if isinstance(item, Chunk))
        assert (first.pcm, first.captured_at_ms) == (pcm[32:], START_MS + 3)
        assert second == chunks[2].chunk
        assert order.repeats == 1
