"""Clocks that jump, and what a worker keeps of sessions that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from beam_flink_kit.loops import VirtualLoop
from pipelines.session.records import ReadRecord
from schemas.values import ControlKind, EntryKind
from tests.unit.pipelines.runtime import session_stage
from tests.unit.pipelines.runtime.release_stage import (
    UnsureTranslator,
    listening,
    play,
    two_sentences,
)
from tests.unit.pipelines.runtime.session_stage import (
    LOG,
    PANE_MS,
    SESSION,
    Job,
    Stage,
    assert_every_sample_once,
    panes_of,
    pass_time,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit

TEN_MINUTES_MS = 600_000


class JumpingLoop(VirtualLoop):
    """The wall clock is set; the loop's own clock goes on, as a machine's does."""

    jumped_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.jumped_ms

    def advance(self, now_ms: int) -> None:
        super().advance(now_ms - self.jumped_ms)


def spoken_at(record: ReadRecord, later_ms: int) -> ReadRecord:
    assert record.chunk is not None
    captured_at_ms = record.chunk.captured_at_ms + later_ms
    return replace(record, chunk=replace(record.chunk, captured_at_ms=captured_at_ms))


JUMPS = [
    pytest.param([0, TEN_MINUTES_MS, 0], id="ten minutes on and back"),
    pytest.param([0, -TEN_MINUTES_MS, 0], id="ten minutes back and on"),
    pytest.param([TEN_MINUTES_MS, -TEN_MINUTES_MS, TEN_MINUTES_MS], id="both ways"),
]


@pytest.mark.parametrize("jumps_ms", JUMPS)
@pytest.mark.parametrize("is_killed", [False, True], ids=["one job", "killed after each jump"])
def test_a_speakers_clock_that_jumps_costs_no_word(jumps_ms: list[int], is_killed: bool) -> None:
    stage = Stage()
    stage.listen("es")
    job = Job(stage)
    talk = talk_of(18, seed=5)
    panes = panes_of(talk.items)
    for number, pane in enumerate(panes):
        later_ms = jumps_ms[number * len(jumps_ms) // len(panes)]
        job.pane([spoken_at(record, later_ms) for record in pane])
        pass_time(stage, [job], PANE_MS)
        if is_killed and number % 2:
            job.crash()
    job.pane([LOG.control(ControlKind.END, 1, len(talk.items) - 1)])
    pass_time(stage, [job], 10_000)
    assert said(stage.entries()) == talk.words
    assert_every_sample_once(stage.entries(), talk.samples)


@pytest.mark.parametrize("jumps_ms", JUMPS)
@pytest.mark.parametrize("is_killed", [False, True], ids=["one job", "killed after each jump"])
def test_a_workers_clock_that_jumps_costs_no_word_and_holds_nothing_up(
    jumps_ms: list[int], is_killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_stage, "VirtualLoop", JumpingLoop)
    stage = Stage()
    loop = stage.loop
    assert isinstance(loop, JumpingLoop)
    job = Job(stage)
    talk = talk_of(18, seed=5)
    panes = panes_of(talk.items)
    for number, pane in enumerate(panes):
        loop.jumped_ms = jumps_ms[number * len(jumps_ms) // len(panes)]
        job.pane(pane)
        pass_time(stage, [job], PANE_MS)
        covered_s = sum(entry.duration_s for entry in stage.entries())
        assert covered_s >= number * PANE_MS / 1000 - 1, "as soon as without a jump"
        if is_killed and number % 2:
            job.crash()
    job.pane([LOG.control(ControlKind.END, 1, len(talk.items) - 1)])
    pass_time(stage, [job], 10_000)
    assert said(stage.entries()) == talk.words
    assert_every_sample_once(stage.entries(), talk.samples)
    assert {entry.kind for entry in stage.entries()} <= {EntryKind.SPEECH, EntryKind.SILENCE}
    assert job.host.sessions == 1
    pass_time(stage, [job], 60_000)
    assert job.host.sessions == 0, "a minute after its end, by no wall clock"


# What is left of a session ------------------------------------------------------------------------


def kept_of(owner: object) -> dict[str, int]:
    """How many entries each mapping of an object has."""
    return {name: len(each) for name, each in vars(owner).items() if isinstance(each, Mapping)}


def test_nothing_is_kept_of_a_session_that_ended() -> None:
    heard = listening(UnsureTranslator())
    stage, job = heard.stage, heard.job
    talk = two_sentences()
    play(heard, talk)
    runs = stage.releases
    assert runs is not None
    assert kept_of(job.host)["_shells"] == kept_of(runs)["_runs"] == 1
    heard.hear([LOG.control(ControlKind.END, 1, len(talk.items) - 1)], 70_000)
    assert job.host.sessions == 0
    for owner in (job.host, runs, stage.speculation):
        assert set(kept_of(owner).values()) <= {0}, type(owner).__name__
    assert stage.streams() == ()


def test_nothing_is_kept_of_a_session_that_another_engine_has_taken_over() -> None:
    stage = Stage()
    stage.listen("es")
    zombie, owner = Job(stage), Job(stage, generation=2)
    talk = talk_of(12, seed=3)
    first, *others = panes_of(talk.items)
    zombie.pane(first)
    pass_time(stage, [zombie], PANE_MS)
    owner.pane(first)
    for pane in others:
        for job in (zombie, owner):
            job.pane(pane)
        pass_time(stage, [zombie, owner], PANE_MS)
    assert zombie.lost_to
    assert set(zombie.lost_to) == {2}
    stage.loop.call(zombie.host.close)  # as its engine does
    assert zombie.host.sessions == 0
    assert len(stage.streams()) <= 1, "the owner's alone"
    owner.pane([LOG.control(ControlKind.END, 1, len(talk.items) - 1)])
    pass_time(stage, [zombie, owner], 6_000)
    assert said(stage.entries()) == talk.words
    for number in [each.entry.number for each in owner.sent if each.entry.routes]:
        stage.loop.call(lambda number=number: owner.host.settled(SESSION, number, "es", True))
    pass_time(stage, [zombie, owner], 70_000)
    assert owner.host.sessions == 0
    assert stage.streams() == ()
    assert set(kept_of(owner.host).values()) == {0}
