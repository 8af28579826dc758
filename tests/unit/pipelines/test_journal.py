"""What is left of a session's audio, by what the ledger covers of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.coders import ValueCoder
from pipelines.core.journal import (
    EPOCHS_REMEMBERED,
    Coverage,
    JournalItem,
    JournalKind,
    journal_items,
    uncovered,
)
from pipelines.core.records import Gap, PaneItem, ReadRecord
from schemas.values import AudioChunk, ControlKind, EntryKind, LedgerEntry, SessionControl
from tests.unit.pipelines.session_under_test import (
    FLUSH,
    Job,
    Stage,
    Talk,
    assert_every_sample_once,
    pass_time,
    perform,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit


def audio(sequence: int, epoch: int = 1) -> JournalItem:
    return JournalItem(sequence, JournalKind.AUDIO, epoch, sequence, pcm=b"\0\0" * 100)


def gap(first: int, until: int, epoch: int = 1) -> JournalItem:
    return JournalItem(0, JournalKind.GAP, epoch, first, until)


def entry(number: int, epoch: int, resume_sequence: int) -> LedgerEntry:
    return LedgerEntry(
        session_id="s",
        number=number,
        epoch=epoch,
        kind=EntryKind.SPEECH,
        first_sample=0,
        end_sample=100 * resume_sequence,
        text="w",
        language="en",
        captured_at_ms=1_000 + number,
        committed_at_ms=0,
        writer="one",
        resume_sample=100 * resume_sequence,
        resume_sequence=resume_sequence,
        resume_sequence_sample=100 * resume_sequence,
    )


def test_chunks_in_front_of_the_resumption_are_covered() -> None:
    items = [audio(0), audio(1), audio(2), FLUSH]
    assert uncovered(items, Coverage()) == tuple(items)
    assert uncovered(items, Coverage().with_entry(entry(0, 1, 2))) == (audio(2), FLUSH)
    assert uncovered(items, Coverage().with_entry(entry(0, 1, 3))) == ()


def test_a_gap_is_covered_by_what_goes_on_behind_it() -> None:
    items = [gap(2, 5), audio(5)]
    assert uncovered(items, Coverage().with_entry(entry(0, 1, 4))) == tuple(items)
    assert uncovered(items, Coverage().with_entry(entry(0, 1, 5))) == (audio(5),)


@pytest.mark.parametrize("kind", [JournalKind.FLUSH, JournalKind.SETTLE])
def test_a_flush_stays_as_long_as_something_stands_in_front_of_it(kind: JournalKind) -> None:
    ending = replace(FLUSH, kind=kind)
    assert uncovered([ending], Coverage()) == ()
    assert uncovered([ending, audio(0), ending], Coverage()) == (audio(0), ending)


def test_epochs_are_covered_each_for_itself() -> None:
    items = [audio(7, epoch=1), audio(0, epoch=2), audio(1, epoch=2)]
    coverage = Coverage().with_entry(entry(0, 2, 1))
    assert uncovered(items, coverage) == (audio(7, epoch=1), audio(1, epoch=2))
    coverage = coverage.with_entry(entry(1, 1, 8))
    assert uncovered(items, coverage) == (audio(1, epoch=2),)


def test_coverage_remembers_the_newest_epochs_and_the_highest_number() -> None:
    coverage = Coverage()
    for number in range(6):
        coverage = coverage.with_entry(entry(number, epoch=number, resume_sequence=number))
    assert [each.epoch for each in coverage.positions] == [2, 3, 4, 5][-EPOCHS_REMEMBERED:]
    assert (coverage.last_number, coverage.last_captured_at_ms) == (5, 1_005)
    coverage = coverage.with_entry(entry(3, epoch=3, resume_sequence=9))
    assert coverage.last_number == 5
    position = coverage.of(3)
    assert position is not None
    assert position.resume_sequence == 9
    coder = ValueCoder(Coverage)
    assert coder.decode(coder.encode(coverage)) == coverage


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), prefix=st.integers(0, 12))
def test_any_prefix_of_the_ledger_and_what_is_uncovered_are_the_whole_talk(
    seed: int, prefix: int
) -> None:
    """A worker that starts from them says the rest, cut as it would have been, and no more."""
    talk = talk_of(16, seed=seed, sizes=(900 + seed % 5_000,))
    hole = gap(5, 6)
    talk = Talk((*talk.items[:5], hole, *talk.items[6:]), talk.words, {})
    first = Stage()
    job = Job(first)
    perform(first, job, talk)
    entries = first.entries()
    told = entries[: min(prefix, len(entries))]
    second = Stage()
    for each in told:
        second.loop.wait(second.loop.start(second.ledger.commit(each)))
    job = Job(second)
    for each in told:
        job.coverage = job.coverage.with_entry(each)
    job.journal = uncovered((*talk.items, FLUSH), job.coverage)
    job.next_index = len(talk.items) + 1
    job.collect()
    pass_time(second, [job], 10_000)
    assert said(second.entries()) == said(entries)
    assert_every_sample_once(second.entries(), {1: entries[-1].end_sample})
    assert tuple(utterance.entry for utterance in job.sent) == second.entries()[len(told) :]
    assert job.journal == ()


def test_a_pane_becomes_numbered_items() -> None:
    chunk = AudioChunk("s", 3, 9, 100, 140, b"\1\0\2\0")
    read = ReadRecord(160, 190, 0, "n", chunk=chunk)

    def told(kind: ControlKind) -> PaneItem:
        control = SessionControl("s", 3, 9, 0, kind, 170)
        return PaneItem(read=ReadRecord(175, 190, 0, "m", control=control))

    pane = [
        PaneItem(gap=Gap(3, 7, 9)),
        PaneItem(read=read),
        *(told(kind) for kind in ControlKind),
    ]
    items = journal_items(pane, first_index=40, fired_at_ms=500, closing=JournalKind.SETTLE)
    assert items == (
        JournalItem(40, JournalKind.GAP, 3, 7, 9, fired_at_ms=500),
        JournalItem(41, JournalKind.AUDIO, 3, 9, 0, b"\1\0\2\0", 100, 140, 160, 190, 500),
        *(JournalItem(index, JournalKind.FLUSH, 3, fired_at_ms=500) for index in (42, 43, 44)),
        JournalItem(45, JournalKind.SETTLE, -1, fired_at_ms=500),
    )
    assert items[1].samples == 2
    flushing = [ControlKind.PAUSE, ControlKind.MUTE, ControlKind.END]
    for kind in ControlKind:
        found = journal_items([told(kind)], first_index=0, fired_at_ms=0)
        assert len(found) == (kind in flushing), kind
