"""A host of panes, whose log nobody reads again: it keeps what the ledger does not cover."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.interfaces.errors import UnreadableError
from pipelines.runtime.kept_records import KeptRecords
from pipelines.session import order
from pipelines.session.records import Place, ReadRecord
from schemas.values import EntryKind, LedgerEntry
from tests.unit.pipelines.runtime.session_stage import (
    PANE_MS,
    SESSION,
    Job,
    Stage,
    assert_every_sample_once,
    breaks,
    flush,
    gap,
    panes_of,
    pass_time,
    perform,
    said,
    talk_of,
)
from tests.unit.pipelines.session.records_of import LogOf

pytestmark = pytest.mark.unit


def in_panes(stage: Stage, job: Job, panes: Sequence[Sequence[ReadRecord]]) -> None:
    for pane in panes:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)


@pytest.mark.parametrize("at", [(2,), (4,), (3, 6)])
def test_panes_that_a_broken_machine_had_are_fed_to_the_next(
    monkeypatch: pytest.MonkeyPatch, at: tuple[int, ...]
) -> None:
    stage = Stage()
    job = Job(stage, reads_again=False)
    talk = talk_of(15, seed=4)
    breaks(monkeypatch, *at)
    perform(stage, job, talk, afterwards_ms=20_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_what_was_left_in_the_log_after_a_hole_comes_once_the_hole_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More audio than a session holds."""
    monkeypatch.setattr(order, "MOST_HELD_BYTES", 128 * 1024)
    stage = Stage()
    job = Job(stage, reads_again=False)
    talk = talk_of(16, seed=5)
    items = list(talk.items)
    in_panes(stage, job, [items[:10], *panes_of(items[11:])])
    job.pane([gap(1, 10, 11)])
    pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], 20_000)
    gaps = [each for each in stage.entries() if each.kind is EntryKind.GAP]
    assert [(each.gap_from_sequence, each.gap_until_sequence) for each in gaps] == [(10, 11)]
    assert_every_sample_once(stage.entries(), {1: talk.samples[1] - 4096})
    assert job.is_done()


def test_a_session_that_begins_anew_after_another_writers_entry_has_its_panes() -> None:
    """An entry of the first edition that ends in audio which is not here yet."""
    stage = Stage()
    job = Job(stage, reads_again=False)
    talk = talk_of(12, seed=4)
    panes = panes_of(talk.items)
    in_panes(stage, job, panes[:1])
    before = stage.all_entries()[-1]
    foreign = LedgerEntry(
        session_id=SESSION,
        number=before.number + 1,
        epoch=before.epoch,
        kind=EntryKind.SILENCE,
        first_sample=before.end_sample,
        end_sample=before.end_sample,
        text="",
        language="en",
        captured_at_ms=before.captured_at_ms + 1,
        committed_at_ms=before.committed_at_ms + 1,
        writer="another",
        resume_sample=before.resume_sample,
        resume_sequence=before.resume_sequence,
        resume_sequence_sample=before.resume_sequence_sample - 1,
    )
    stage.loop.wait(stage.loop.start(stage.ledger.commit(foreign)))
    in_panes(stage, job, panes[1:])
    job.pane([flush()])
    pass_time(stage, [job], 20_000)
    assert len([each for each in stage.all_entries() if each.takeover]) == 2
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_audio_on_which_the_machine_breaks_again_and_again_is_told_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes while it begins anew is recognised."""
    stage = Stage()
    job = Job(stage, reads_again=False)
    with monkeypatch.context() as broken:
        breaks(broken, *range(1, 100))
        job.pane(talk_of(6, seed=4).items)
        pass_time(stage, [job], 120_000)
        assert {entry.kind for entry in stage.entries()} == {EntryKind.FAILED}
    more = talk_of(9, seed=2, epoch=2)
    perform(stage, job, more, afterwards_ms=60_000)
    assert said(stage.entries()) == more.words


def test_an_input_that_is_over_is_so_for_a_session_that_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    job = Job(stage, reads_again=False)
    talk = talk_of(8, seed=4)
    breaks(monkeypatch, 2)
    job.pane(talk.items)
    stage.loop.call(lambda: job.host.input_is_over(SESSION))
    pass_time(stage, [job], 20_000)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_what_the_ledger_covers_is_not_kept() -> None:
    stage = Stage()
    job = Job(stage, reads_again=False)
    kept = job.host._kept  # pyright: ignore[reportPrivateUsage]
    assert kept is not None
    talk = talk_of(15, seed=4)
    for pane in panes_of(talk.items):
        in_panes(stage, job, [pane])
        assert kept.size_bytes <= 2 * PANE_MS * 32
    in_panes(stage, job, [[flush()]])
    pass_time(stage, [job], 10_000)
    assert (kept.size_bytes, kept.of(SESSION)) == (0, [])


# Records by themselves ----------------------------------------------------------------------------


def test_a_record_is_kept_once_and_in_the_logs_order() -> None:
    log, kept = LogOf(), KeptRecords()
    first, second, third = (log.chunk(1, at, bytes(100)) for at in range(3))
    kept.add(SESSION, [first, third])
    kept.add(SESSION, [first, second])
    assert kept.of(SESSION) == [first, second, third]
    assert kept.size_bytes == 300


def test_shards_are_covered_by_themselves() -> None:
    one, two, kept = LogOf("shard-1"), LogOf("shard-2"), KeptRecords()
    records = [one.chunk(1, 0), one.chunk(1, 1), two.chunk(1, 2)]
    kept.add(SESSION, records)
    kept.covered(SESSION, {"shard-1": records[1].place})
    assert kept.of(SESSION) == [records[1]]
    kept.covered(SESSION, {})
    assert (kept.of(SESSION), kept.size_bytes) == ([], 0)


def test_one_session_covers_nothing_of_another() -> None:
    log, kept = LogOf(), KeptRecords()
    record = log.chunk(1, 0)
    kept.add(SESSION, [record])
    kept.covered("quiet-river-123", {"shard-0": Place("shard-0", "999", "998")})
    assert kept.of(SESSION) == [record]


def test_panes_of_a_session_whose_rows_cannot_be_read_are_kept_until_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()

    async def is_unreadable(session_id: str) -> None:
        raise UnreadableError("scripted: of version 9")

    job = Job(stage, reads_again=False)
    talk = talk_of(9, seed=4)
    with monkeypatch.context() as broken:
        broken.setattr(stage.ledger, "head", is_unreadable)
        in_panes(stage, job, panes_of(talk.items))
    job.pane([flush()])
    pass_time(stage, [job], 60_000)
    assert said(stage.entries()) == talk.words
    with monkeypatch.context() as broken:
        broken.setattr(stage.ledger, "head", is_unreadable)
        job = Job(stage, reads_again=False, generation=2)
        job.pane(talk_of(9, seed=5, epoch=2).items)
        pass_time(stage, [job], 700_000)
    assert [letter.cause for letter in job.letters] == ["UnreadableError"]
    assert job.host.sessions == 0
    assert not job.host.is_full
