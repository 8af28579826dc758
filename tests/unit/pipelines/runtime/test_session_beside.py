"""A session beside a job of the first edition, which commits although it knows of no fences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.session.coverage import Coverage, late_epoch
from pipelines.session.outbox import coverage_of
from schemas.values import EntryKind, LedgerEntry
from tests.unit.pipelines.runtime.session_stage import (
    Job,
    Stage,
    assert_every_sample_once,
    flush,
    panes_of,
    pass_time,
    talk_of,
)

pytestmark = pytest.mark.unit

CHUNK_SAMPLES = 4_000
"""Twelve are a cell: what is committed ends with a chunk."""
PANE_MS = 3_000


def passes_over(ours: LedgerEntry) -> LedgerEntry:
    """Three chunks that we hold never came, it says."""
    at, first = ours.first_sample, ours.first_sample // CHUNK_SAMPLES
    return replace(
        ours,
        kind=EntryKind.GAP,
        end_sample=at,
        text="",
        resume_sample=at,
        resume_sequence=first + 3,
        resume_sequence_sample=at,
        gap_from_sequence=first,
        gap_until_sequence=first + 3,
    )


def runs_ahead(ours: LedgerEntry) -> LedgerEntry:
    """It has read on, and commits what we have not read."""
    sequence = ours.end_sample // CHUNK_SAMPLES + 25
    at = sequence * CHUNK_SAMPLES
    return replace(
        ours,
        end_sample=at,
        resume_sample=at,
        resume_sequence=sequence,
        resume_sequence_sample=at,
    )


@pytest.mark.parametrize("theirs", [passes_over, runs_ahead])
def test_what_does_not_fit_our_audio_has_the_session_taken_over_and_no_sample_is_dropped(
    theirs: Callable[[LedgerEntry], LedgerEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(60, seed=6, sizes=(CHUNK_SAMPLES,))
    commit, fits = stage.ledger.commit, [True]

    async def is_second(entry: LedgerEntry) -> LedgerEntry:
        if fits and entry.first_sample and not entry.takeover:
            fits.clear()
            await commit(replace(theirs(entry), writer="them", version=1))
        return await commit(entry)

    monkeypatch.setattr(stage.ledger, "commit", is_second)
    for pane in panes_of(talk.items):
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], 20_000)
    entries = stage.entries()
    assert [entry.writer == "them" for entry in entries].count(True) == 1
    assert len(stage.all_entries()) - len(entries) == 2, "taken over twice"
    late = sum(
        entry.end_sample - entry.first_sample for entry in entries if entry.epoch == late_epoch(1)
    )
    own = [entry for entry in entries if entry.epoch == 1]
    assert_every_sample_once(own, {1: talk.samples[1] - late})
    assert not any(coverage_of(Coverage(), entries).missed.values())
    assert late == (3 * CHUNK_SAMPLES if theirs is passes_over else 0)
    assert not job.letters
    assert job.is_done()
