"""Crashes, other owners and a machine that breaks: the session goes on after the ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.interfaces.errors import RetryableError
from connectors.testing.speech_to_text import (
    ScriptedSpeechToTextSettings,
)
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.sentences.settings import ReleaseSettings
from schemas.values import EntryKind, LedgerHead
from tests.unit.pipelines.runtime.session_stage import (
    PANE_MS,
    SESSION,
    Job,
    Stage,
    UnreliableLedger,
    assert_every_sample_once,
    breaks,
    end,
    flush,
    panes_of,
    pass_time,
    perform,
    random_sizes,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit

SEEDS = st.integers(0, 10_000)


@settings(max_examples=10, deadline=None)
@given(
    seed=SEEDS,
    crashes=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=4),
    answer_s=st.sampled_from([0.0, 0.7]),
)
def test_crashes_at_any_time(seed: int, crashes: list[tuple[int, bool]], answer_s: float) -> None:
    """With the journal restored, as it was last drained: between a commit and the drain, say."""
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.3))
    stage.ledger.answer_s = answer_s
    job = Job(stage)
    chance = random.Random(seed)
    talk = talk_of(18, seed=seed, sizes=random_sizes(seed))
    for number, pane in enumerate(panes_of(talk.items)):
        job.pane(pane)
        drains = [job] if (number, True) not in crashes else []
        pass_time(stage, drains, chance.randrange(200, PANE_MS, 200))
        if number in {crash for crash, _ in crashes}:
            job.crash()
        pass_time(stage, [job], 400)
    job.pane([flush()])
    pass_time(stage, [job], 15_000)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert said(entries) == talk.words
    assert job.is_done()
    assert job.is_done()


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, lag_ms=st.integers(0, 4_000), answer_s=st.sampled_from([0.0, 0.4]))
def test_an_engine_that_was_thought_dead_writes_nothing_after_the_fence(
    seed: int, lag_ms: int, answer_s: float
) -> None:
    """Both read the whole talk; the one that took the session over last says it."""
    stage = Stage()
    stage.ledger.answer_s = answer_s
    chance = random.Random(seed)
    talk = talk_of(15, seed=seed, sizes=random_sizes(seed))
    first, second = Job(stage), Job(stage, generation=2)
    for job in (first, second):
        panes = panes_of(talk.items, samples=chance.choice([20_000, 48_000, 60_000]))
        job.pane(panes[0])
        pass_time(stage, [job], 200 + lag_ms - lag_ms % 200)
        job.script = [*panes[1:], [flush()]]
    while first.script or second.script:
        job = chance.choice([each for each in (first, second) if each.script])
        job.pane(job.script.pop(0))
        pass_time(stage, [first, second], chance.choice([0, 200, 1_000]))
    pass_time(stage, [first, second], 20_000)
    entries = stage.all_entries()
    assert [entry.number for entry in entries] == list(range(len(entries)))
    fence = max(entry.number for entry in entries if entry.takeover)
    owner = entries[fence].writer
    assert entries[fence].takeover == 2
    assert {entry.writer for entry in entries[fence:]} == {owner}
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert set(first.lost_to) <= {2}
    assert second.lost_to == []


@pytest.mark.parametrize("rests_ms", [0, 120_000])
def test_a_job_without_state_goes_on_after_the_ledger(rests_ms: int) -> None:
    """However long ago it was: what is owed is delivered, and nothing else is said again."""
    stage = Stage()
    stage.listen("es")
    job = Job(stage)
    talk = talk_of(20, seed=11)
    panes = panes_of(talk.items)
    for pane in panes[:4]:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    before = stage.entries()
    delivered, *owed = [entry.number for entry in before if entry.routes]
    stage.loop.call(lambda: job.host.settled(SESSION, delivered, "es", True))
    pass_time(stage, [job], 5_000)
    job.sent.clear()
    pass_time(stage, [], rests_ms)
    job.crash(forgets_mark=True)
    pass_time(stage, [job], PANE_MS)
    assert [utterance.entry.number for utterance in job.sent] == owed
    for pane in panes[4:]:
        job.pane(pane)
        pass_time(stage, [job], 1_000)
    job.pane([flush()])
    pass_time(stage, [job], 3_000)
    entries = stage.entries()
    assert entries[1 : len(before)] == before[1:]
    assert_every_sample_once(entries, talk.samples)
    assert said(entries) == talk.words
    assert not job.is_done(), "what is owed keeps a record of its session on the log"
    job.settle_all()
    assert job.is_done()


@pytest.mark.parametrize("release", [None, ReleaseSettings()])
def test_what_is_owed_after_the_end_of_a_talk_is_delivered_by_the_next_engine(
    release: ReleaseSettings | None,
) -> None:
    """All of its audio is covered: only the record that the mark keeps brings the session back.
    With sentences, the end of the last one is committed by then, or is still to be."""
    stage = Stage(release=release)
    stage.listen("es")
    job = Job(stage)
    talk = talk_of(6, seed=3)
    job.pane(talk.items)
    job.pane([end()])
    pass_time(stage, [job], 20_000)
    owed = [utterance.entry.number for utterance in job.sent]
    assert owed
    assert said(stage.entries()) == talk.words
    job.settle_all(but=owed[-1])
    job.sent.clear()
    job.crash()
    pass_time(stage, [job], 5_000)
    again = [utterance.entry.number for utterance in job.sent]
    # What an open sentence has is told once more, under its numbers.
    assert again == (owed[-1:] if release is None else owed)
    job.settle_all()
    assert job.is_done()
    pass_time(stage, [job], 70_000)
    assert job.host.sessions == 0


def test_what_was_trimmed_before_it_was_read_is_told_as_a_gap() -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(20, seed=12)
    job.pane([*talk.items[:20], flush()])
    pass_time(stage, [job], 3_000)
    job.crash()
    job.pane([replace(each, loss=1) for each in talk.items[25:]])
    job.pane([flush()])
    pass_time(stage, [job], 3_000)
    entries = stage.entries()
    gaps = [entry for entry in entries if entry.kind is EntryKind.GAP]
    assert [(each.gap_from_sequence, each.gap_until_sequence) for each in gaps] == [(20, 25)]
    assert_every_sample_once(entries, {1: talk.samples[1] - 5 * 4096})


def test_a_fault_of_the_machine_has_the_session_taken_over_and_the_log_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the oldest record that was open, though nothing else has kept its place."""
    stage = Stage()
    job = Job(stage)
    talk = talk_of(12, seed=4)
    panes = panes_of(talk.items)
    job.pane(panes[0])
    pass_time(stage, [job], PANE_MS)
    calls = breaks(monkeypatch, 2)
    for pane in panes[1:]:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], 20_000)
    assert len(calls) > 2
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_audio_on_which_the_machine_breaks_again_and_again_is_told_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    job = Job(stage)

    def falls(*_arguments: Any) -> object:
        raise KeyError("scripted: a bug")

    with monkeypatch.context() as broken:
        broken.setattr(WindowSegmenter, "next_segment", falls)
        job.pane(talk_of(6, seed=4).items)
        pass_time(stage, [job], 120_000)
        assert {entry.kind for entry in stage.entries()} == {EntryKind.FAILED}
    more = talk_of(9, seed=2, epoch=2)
    perform(stage, job, more, afterwards_ms=60_000)
    assert said(stage.entries()) == more.words


class HeadlessLedger(UnreliableLedger):
    """Saves no head while ``refuses``."""

    refuses = True

    async def save_head(self, head: LedgerHead) -> None:
        if self.refuses:
            raise RetryableError("scripted: throttled")
        await super().save_head(head)


def headless(stage: Stage) -> HeadlessLedger:
    ledger = stage.ledger = HeadlessLedger(stage.loop)
    stage.connectors = replace(stage.connectors, ledger=ledger)
    stage.tools.connectors = stage.connectors
    return ledger


def head_number(stage: Stage) -> int | None:
    head = stage.loop.wait(stage.loop.start(stage.ledger.head(SESSION)))
    return None if head is None else head.number


def test_a_head_that_could_not_be_saved_is_saved_later() -> None:
    """Without another word: or a session that owes nothing would seem to owe all for ever."""
    stage = Stage()
    ledger, job = headless(stage), Job(stage)
    perform(stage, job, talk_of(9, seed=4), afterwards_ms=10_000)
    assert head_number(stage) is None
    ledger.refuses = False
    pass_time(stage, [job], 5_000)
    assert head_number(stage) == stage.all_entries()[-1].number


def test_the_last_head_of_a_session_is_tried_again_after_it_is_closed() -> None:
    stage = Stage()
    ledger, job = headless(stage), Job(stage)
    perform(stage, job, talk_of(9, seed=4), afterwards_ms=10_000)
    stage.loop.call(job.host.close)
    ledger.refuses = False
    pass_time(stage, [], 5_000)
    assert head_number(stage) == stage.all_entries()[-1].number
