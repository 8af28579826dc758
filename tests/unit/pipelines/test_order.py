"""Records come out by number, each chunk once; a hole is passed only when it is known to be one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines.core.order import OrderState, number_by_arrival, restore_order
from pipelines.core.records import PaneItem, ReadRecord

from pipelines.coders import ValueCoder
from schemas.values import AudioChunk, ControlKind, SessionControl

pytestmark = pytest.mark.unit

DEADLINE_MS = 35_000
SINCE_MS = 1_000_000
NOW_MS = 2_000_000
STATE_CODER = ValueCoder(OrderState)


def chunk(
    epoch: int, sequence: int, *, at_ms: int = NOW_MS, since_ms: int = SINCE_MS
) -> ReadRecord:
    audio = AudioChunk("s", epoch, sequence, at_ms - 50, at_ms - 20, b"\0\0")
    return ReadRecord(at_ms, at_ms + 9, since_ms, f"{epoch:04d}{sequence:08d}", chunk=audio)


def control(
    kind: ControlKind,
    epoch: int,
    after: int,
    *,
    until: int | None = None,
    at_ms: int = NOW_MS,
    since_ms: int = SINCE_MS,
) -> ReadRecord:
    told = SessionControl("s", epoch, after, 1, kind, at_ms - 20, next_sequence=until)
    return ReadRecord(at_ms, at_ms + 9, since_ms, f"{at_ms}", control=told)


def shown(items: Iterable[PaneItem]) -> list[str]:
    """Readable: ``1/5`` a chunk, ``gap 1/5-7`` chunks 5 and 6, ``pause 1/5`` a control."""
    lines: list[str] = []
    for item in items:
        if item.gap is not None:
            gap = item.gap
            lines.append(f"gap {gap.epoch}/{gap.from_sequence}-{gap.until_sequence}")
        elif item.read is not None and item.read.chunk is not None:
            lines.append(f"{item.read.chunk.epoch}/{item.read.chunk.sequence}")
        elif item.read is not None and item.read.control is not None:
            told = item.read.control
            lines.append(f"{told.kind} {told.epoch}/{told.after_sequence}")
    return lines


def of(record: ReadRecord) -> int:
    """The record's epoch."""
    told = record.chunk or record.control
    assert told is not None
    return told.epoch


class Session:
    """Restores order pane by pane; its state goes through the coder, as in Beam."""

    def __init__(self) -> None:
        self.state = OrderState()
        self.held: tuple[ReadRecord, ...] = ()
        self.out: list[str] = []

    def pane(self, *records: ReadRecord, read_through_ms: int = 0) -> list[str]:
        step = restore_order(
            self.state,
            self.held,
            records,
            retry_deadline_ms=DEADLINE_MS,
            read_through_ms=read_through_ms,
        )
        self.state = STATE_CODER.decode(STATE_CODER.encode(step.state))
        self.held = step.held
        assert self.state == step.state
        assert self.state.holding == bool(step.held)
        self.out += shown(step.items)
        return shown(step.items)


def in_panes(session: Session, records: Sequence[ReadRecord], cuts: Iterable[int]) -> None:
    edges = sorted({0, len(records), *(cut % (len(records) + 1) for cut in cuts)})
    for first, last in pairwise(edges):
        session.pane(*records[first:last])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_come_out_in_order_each_once(data: st.DataObject) -> None:
    """Up to seven epochs, more than are remembered, and nothing is ever passed."""
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=7))
    records = [
        chunk(epoch, sequence)
        for epoch, length in enumerate(lengths, 1)
        for sequence in range(length)
    ]
    first, rest = records[0], records[1:]
    repeats = data.draw(st.lists(st.sampled_from(records), max_size=6))
    session = Session()
    session.pane(first)
    # Newer epochs come behind every chunk of an older one, or the older one's rest goes out late.
    mixed = data.draw(st.permutations([*rest[: lengths[0] - 1], *repeats]))
    shuffled = [each for each in mixed if each.chunk and each.chunk.epoch == 1]
    for epoch in range(2, len(lengths) + 1):
        own = [each for each in [*rest, *repeats] if each.chunk and each.chunk.epoch == epoch]
        shuffled += data.draw(st.permutations(own))
    in_panes(session, shuffled, data.draw(st.lists(st.integers(0, 100), max_size=6)))
    assert session.out == shown(PaneItem(read=record) for record in records)
    assert session.held == ()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), fails=st.floats(0, 0.8), pauses=st.floats(0, 0.5))
def test_partial_failures_of_the_gateway(seed: int, fails: float, pauses: float) -> None:
    """Of a batch some records fail; the first of them and all later ones are put again."""
    chance = random.Random(seed)
    talk: list[ReadRecord] = []
    for epoch in range(1, chance.randint(2, 5)):
        for sequence in range(chance.randint(1, 8)):
            talk.append(chunk(epoch, sequence))
            if chance.random() < pauses:
                talk.append(control(ControlKind.PAUSE, epoch, sequence))
    log: list[ReadRecord] = []
    at = 0
    while at < len(talk):
        # Of one epoch: what a failure leaves behind a newer epoch's begin goes out late.
        batch = [each for each in talk[at : at + chance.randint(1, 5)] if of(each) == of(talk[at])]
        stored = [chance.random() >= fails for _ in batch]
        log += [record for record, fine in zip(batch, stored, strict=True) if fine]
        at += stored.index(False) if False in stored else len(batch)
    session = Session()
    in_panes(session, log, [chance.randrange(100) for _ in range(5)])
    expected = shown(PaneItem(read=record) for record in talk)
    assert [line for line in session.out if " " not in line] == [
        line for line in expected if " " not in line
    ]
    for line in session.out:  # a control behind the chunk it names, however often it was put
        if " " in line:
            assert session.out.index(line.split()[1]) < session.out.index(line)
    assert {line for line in expected if " " in line} == {
        line for line in session.out if " " in line
    }
    assert session.held == ()


def test_time_alone_never_passes_a_hole() -> None:
    session = Session()
    assert session.pane(chunk(1, 0), chunk(1, 2)) == ["1/0"]
    assert session.pane() == []
    just_short = NOW_MS + DEADLINE_MS - 1
    assert session.pane(chunk(1, 3, at_ms=just_short)) == []
    assert session.pane(read_through_ms=just_short) == []
    assert session.pane(chunk(1, 1, at_ms=just_short)) == ["1/1", "1/2", "1/3"]


def test_a_hole_is_passed_once_the_log_is_read_past_the_deadline() -> None:
    session = Session()
    session.pane(chunk(1, 0), chunk(1, 3))
    assert session.pane(read_through_ms=NOW_MS + DEADLINE_MS) == ["gap 1/1-3", "1/3"]
    assert session.pane(chunk(1, 2, at_ms=NOW_MS + 99_000)) == [], "too late: it counts as a gap"


def test_a_later_record_proves_as_well_that_the_log_is_read() -> None:
    session = Session()
    session.pane(chunk(1, 0), chunk(1, 2))
    late = chunk(1, 3, at_ms=NOW_MS + DEADLINE_MS)
    assert session.pane(late) == ["gap 1/1-2", "1/2", "1/3"]


def test_each_hole_waits_for_its_own_deadline() -> None:
    session = Session()
    later_ms = NOW_MS + 20_000
    session.pane(chunk(1, 0), chunk(1, 2), chunk(1, 4, at_ms=later_ms))
    assert session.pane(read_through_ms=NOW_MS + DEADLINE_MS) == ["gap 1/1-2", "1/2"]
    assert session.pane(read_through_ms=later_ms + DEADLINE_MS) == ["gap 1/3-4", "1/4"]


def test_a_declared_gap_is_passed_at_once_and_no_further() -> None:
    session = Session()
    declared = control(ControlKind.GAP, 1, 0, until=3)
    assert session.pane(chunk(1, 0), chunk(1, 5), declared) == ["1/0", "gap 1/1-3"]
    assert session.pane(chunk(1, 4)) == []
    assert session.pane(chunk(1, 3)) == ["1/3", "1/4", "1/5"]
    assert session.state.declared == ()


def test_a_gap_declared_ahead_of_its_neighbours_waits_for_them() -> None:
    session = Session()
    assert session.pane(chunk(1, 0), control(ControlKind.GAP, 1, 2, until=5)) == ["1/0"]
    assert session.pane(chunk(1, 5)) == []
    assert session.pane(chunk(1, 2)) == []
    assert session.pane(chunk(1, 1)) == ["1/1", "1/2", "gap 1/3-5", "1/5"]


@pytest.mark.parametrize("until", [None, 0, 1])
def test_a_gap_that_says_nothing_is_nothing(until: int | None) -> None:
    session = Session()
    gap = control(ControlKind.GAP, 1, 0, until=until)
    assert session.pane(chunk(1, 0), gap, chunk(1, 2)) == ["1/0"]


def test_a_newer_epoch_waits_for_the_hole_of_an_older_one() -> None:
    session = Session()
    assert session.pane(chunk(1, 0), chunk(1, 2), chunk(2, 0)) == ["1/0"]
    assert session.pane(chunk(2, 1), control(ControlKind.PAUSE, 2, 0)) == []
    assert session.pane(chunk(1, 1)) == ["1/1", "1/2", "2/0", "pause 2/0", "2/1"]


def test_a_hole_outlasts_any_number_of_newer_epochs() -> None:
    """A speaker who reloads the page again and again must not push out what waits."""
    session = Session()
    session.pane(chunk(1, 0), chunk(1, 2))
    for epoch in range(2, 9):
        assert session.pane(chunk(epoch, 0)) == []
    assert session.pane(chunk(1, 1)) == ["1/1", "1/2", *(f"{epoch}/0" for epoch in range(2, 9))]


def test_a_late_chunk_of_an_older_epoch_still_comes_out() -> None:
    session = Session()
    session.pane(chunk(1, 0), chunk(2, 0))
    assert session.pane(chunk(2, 1), chunk(1, 1)) == ["1/1", "2/1"]
    assert session.pane(chunk(1, 1), chunk(2, 1)) == []


def test_controls_stand_behind_their_chunk() -> None:
    session = Session()
    pause = control(ControlKind.PAUSE, 1, 2)
    assert session.pane(chunk(1, 0), pause, chunk(1, 3)) == ["1/0"]
    assert session.pane(chunk(1, 2), chunk(1, 1)) == ["1/1", "1/2", "pause 1/2", "1/3"]


def test_the_end_waits_for_what_was_said_before_it() -> None:
    session = Session()
    assert session.pane(chunk(1, 0), control(ControlKind.END, 1, 2)) == ["1/0"]
    out = session.pane(read_through_ms=NOW_MS + DEADLINE_MS)
    assert out == ["gap 1/1-3", "end 1/2"]


def test_a_control_before_the_first_chunk_of_its_epoch() -> None:
    session = Session()
    assert session.pane(control(ControlKind.MUTE, 1, -1)) == ["mute 1/-1"]
    assert session.pane(chunk(1, 0)) == ["1/0"]


def test_listeners_never_wait() -> None:
    session = Session()
    news = control(ControlKind.LISTENERS, 2, 7)
    assert session.pane(chunk(1, 0), chunk(1, 2), news) == ["listeners 2/7", "1/0"]


def test_a_job_that_starts_in_mid_session_begins_at_what_it_sees() -> None:
    session = Session()
    started = NOW_MS  # chunks received before the job began to read
    seen = [chunk(3, sequence, since_ms=started) for sequence in (18, 17)]
    assert session.pane(*seen) == ["3/17", "3/18"]
    assert session.pane(chunk(3, 20, since_ms=started)) == []
    assert session.pane(chunk(3, 19, since_ms=started)) == ["3/19", "3/20"]


def test_only_the_first_epoch_seen_may_begin_in_the_middle() -> None:
    session = Session()
    session.pane(chunk(3, 17, since_ms=NOW_MS))
    assert session.pane(chunk(4, 2, since_ms=NOW_MS)) == []
    assert session.pane(chunk(4, 0, since_ms=NOW_MS)) == ["4/0"]
    assert session.pane(chunk(4, 1, since_ms=NOW_MS)) == ["4/1", "4/2"]


def test_a_job_that_is_there_from_the_beginning_waits_for_it() -> None:
    session = Session()
    assert session.pane(chunk(1, 1)) == []
    assert session.pane(chunk(1, 0)) == ["1/0", "1/1"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_raw_pcm_is_numbered_as_the_log_has_it(data: st.DataObject) -> None:
    records = [
        ReadRecord(
            NOW_MS + n, NOW_MS, 0, f"{n:064d}", chunk=AudioChunk("s", 0, 0, 0, 0, bytes([n, 0]))
        )
        for n in range(1, data.draw(st.integers(1, 12)) + 1)
    ]
    state, pcm, numbers = OrderState(), b"", []
    epochs: set[int] = set()
    at = 0
    while at < len(records):
        size = data.draw(st.integers(1, 4))
        again = data.draw(st.lists(st.sampled_from(records[: at + size]), max_size=3))
        pane = data.draw(st.permutations([*records[at : at + size], *again]))
        step = number_by_arrival(state, pane)
        state = STATE_CODER.decode(STATE_CODER.encode(step.state))
        for item in step.items:
            assert item.read is not None
            assert item.read.chunk is not None
            pcm += item.read.chunk.pcm
            numbers.append(item.read.chunk.sequence)
            epochs.add(item.read.chunk.epoch)
        at += size
    assert pcm == b"".join(record.chunk.pcm for record in records if record.chunk)
    assert numbers == list(range(len(records)))
    assert len(epochs) == 1
