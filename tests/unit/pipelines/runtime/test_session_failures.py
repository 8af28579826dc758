"""Whatever breaks, every sample comes into one entry and every word is said once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.testing.faults import Fault, FaultKind
from connectors.testing.speech_to_text import (
    ScriptedSpeechToTextSettings,
    StreamBreak,
)
from schemas.values import EntryKind
from tests.unit.pipelines.runtime.session_stage import (
    PANE_MS,
    SESSION,
    Job,
    Stage,
    Talk,
    assert_every_sample_once,
    flush,
    gap,
    joined,
    panes_of,
    pass_time,
    perform,
    random_sizes,
    said,
    samples_of,
    talk_of,
)

pytestmark = pytest.mark.unit

SEEDS = st.integers(0, 10_000)


@settings(max_examples=10, deadline=None)
@given(
    seed=SEEDS,
    breaks=st.lists(st.floats(0.1, 12.0), max_size=5),
    delay_s=st.sampled_from([0.0, 1.7]),
)
def test_streams_that_break_at_any_time(seed: int, breaks: list[float], delay_s: float) -> None:
    stage = Stage(
        ScriptedSpeechToTextSettings(
            delay_s=delay_s,
            breaks=tuple(
                StreamBreak(after_s, stream=number) for number, after_s in enumerate(breaks, 1)
            ),
        )
    )
    job = Job(stage)
    talk = talk_of(20, seed=seed, sizes=random_sizes(seed))
    perform(stage, job, talk, afterwards_ms=20_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_streams_that_cannot_be_opened_for_a_while() -> None:
    faults = (Fault(FaultKind.RETRYABLE, (1, 2, 4)), Fault(FaultKind.THROTTLED, (3, 5)))
    stage = Stage(
        ScriptedSpeechToTextSettings(open_faults=faults, breaks=(StreamBreak(5.0, stream=1),))
    )
    job = Job(stage)
    talk = talk_of(15, seed=1)
    perform(stage, job, talk)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


def test_audio_that_is_refused_for_good_is_counted_and_the_talk_goes_on() -> None:
    stage = Stage(
        ScriptedSpeechToTextSettings(breaks=(StreamBreak(4.0, FaultKind.PERMANENT, stream=1),))
    )
    job = Job(stage)
    talk = talk_of(15, seed=1)
    perform(stage, job, talk)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    failed = [entry for entry in entries if entry.kind is EntryKind.FAILED]
    assert len(failed) == 1
    assert [(each.stage, each.cause, each.key) for each in job.letters] == [
        ("transcribe", "PermanentError", f"{SESSION}/{failed[0].number}")
    ]
    at = talk.words.index(said(each for each in entries if each.number > failed[0].number)[0])
    assert said(entries)[-len(talk.words[at:]) :] == talk.words[at:]
    assert len(talk.words[at:]) > len(talk.words) // 3


def test_a_language_that_nobody_recognises_leaves_no_hole() -> None:
    stage = Stage(ScriptedSpeechToTextSettings(languages=("fr",)))
    job = Job(stage)
    talk = talk_of(7, seed=1)
    perform(stage, job, talk)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert {entry.kind for entry in entries} == {EntryKind.FAILED}
    assert len(job.letters) == len(entries)
    assert job.is_done()


def test_a_recogniser_that_stays_away_costs_its_audio_after_a_minute_and_no_more() -> None:
    stage = Stage(
        ScriptedSpeechToTextSettings(open_faults=(Fault(FaultKind.RETRYABLE, tuple(range(1, 30))),))
    )
    job = Job(stage)
    talk = talk_of(6, seed=1)
    perform(stage, job, talk, afterwards_ms=50_000)
    assert stage.entries() == ()
    pass_time(stage, [job], 30_000)
    assert {entry.kind for entry in stage.entries()} == {EntryKind.FAILED}
    pass_time(stage, [job], 120_000)
    more = talk_of(9, seed=2, epoch=2)
    perform(stage, job, more, afterwards_ms=30_000)
    assert_every_sample_once(stage.entries(), joined(talk, more).samples)
    assert said(stage.entries()) == more.words


def test_two_breaks_far_apart_are_not_one_long_failure() -> None:
    """The first breaks where nothing is uncommitted; a minute later it would count as given up."""
    stage = Stage(
        ScriptedSpeechToTextSettings(
            report_every_s=0.25,
            breaks=(StreamBreak(3.0, stream=1), StreamBreak(1.0, stream=2)),
        )
    )
    job = Job(stage)
    talk = talk_of(12, seed=1, sizes=(1600,))
    job.pane(talk.items[:30])
    pass_time(stage, [job], PANE_MS)
    pass_time(stage, [job], 90_000)
    job.pane([*talk.items[30:], flush()])
    pass_time(stage, [job], 10_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.letters == []


@pytest.mark.parametrize("loses_answers", [False, True])
@pytest.mark.parametrize("outage_s", [10, 200])
def test_a_ledger_that_is_away_stops_the_talk_and_loses_nothing(
    outage_s: int, loses_answers: bool
) -> None:
    stage = Stage()
    stage.ledger.loses_answers = loses_answers
    job = Job(stage)
    talk = talk_of(20, seed=9)
    panes = panes_of(talk.items)
    for pane in panes[:2]:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    stage.ledger.down_until_ms = stage.loop.now_ms() + outage_s * 1000
    for pane in panes[2:]:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], (outage_s + 30) * 1000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.letters == []
    assert job.is_done()


def test_a_stream_that_breaks_while_a_commit_is_under_way() -> None:
    stage = Stage(
        ScriptedSpeechToTextSettings(
            breaks=tuple(StreamBreak(3.2 + number, stream=number) for number in range(1, 5))
        )
    )
    stage.ledger.answer_s = 1.3
    job = Job(stage)
    items = list(talk_of(20, seed=3, sizes=(1_000,)).items)
    told = gap(1, 100, 104)
    talk = Talk((*items[:100], told, *items[104:]), (), {})
    perform(stage, job, talk, afterwards_ms=40_000)
    entries = stage.entries()
    assert_every_sample_once(entries, {1: sum(samples_of(item) for item in talk.items)})
    assert [entry.kind for entry in entries].count(EntryKind.GAP) == 1
    assert len(said(entries)) == len(set(said(entries)))


def test_a_stream_that_ends_by_itself_is_opened_again() -> None:
    """Transcribe ends a stream after four hours, without an error."""
    stage = Stage()
    job = Job(stage)
    talk = talk_of(12, seed=4)
    panes = panes_of(talk.items)
    job.pane(panes[0])
    pass_time(stage, [job], PANE_MS)
    for stream in stage.streams():
        stage.loop.start(stream.finish())
    for pane in (*panes[1:], [flush()]):
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


@pytest.mark.parametrize(
    "fault",
    [KeyError("scripted: a bug"), asyncio.CancelledError()],
    ids=["a bug", "a library's cancellation"],
)
def test_a_fault_in_our_own_code_stops_no_talk(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(12, seed=4)
    panes = panes_of(talk.items)
    job.pane(panes[0])
    pass_time(stage, [job], PANE_MS)
    commit, calls = stage.ledger.commit, []

    async def falls_once(entry: object) -> object:
        calls.append(entry)
        if len(calls) == 1:
            raise fault
        return await commit(entry)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.ledger, "commit", falls_once)
    for pane in panes[1:]:
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], 10_000)
    assert len(calls) > 1
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


def test_closing_ends_the_task_and_the_stream() -> None:
    stage = Stage()
    job = Job(stage)
    job.pane(talk_of(4, seed=1).items)
    pass_time(stage, [job], 200)
    assert len(stage.streams()) == 1
    stage.loop.call(job.host.close)
    written = stage.entries()
    pass_time(stage, [], 60_000)
    assert stage.streams() == ()
    assert stage.entries() == written
