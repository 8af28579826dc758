"""An engine beside the bundles: how long it lives, where it stands, who has replaced it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.testing.shard_source import ScriptedShardSource
from pipelines.log.reader import ReadOptions
from pipelines.log.shards import UNREADABLE_MARKS, SavedMarks
from pipelines.runtime.engine import Engine
from pipelines.runtime.reading_engine import LEASE_S, SAVE_EVERY_S
from pipelines.runtime.session_shell import SessionTools
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from schemas.avro_codec import encode
from schemas.values import ControlKind, StreamRecord
from tests.unit.pipelines.runtime.session_stage import LOG, Stage, talk_of
from tests.unit.pipelines.session.records_of import SESSION

pytestmark = pytest.mark.unit

T = TypeVar("T")
JOB = "test"
LATEST = ReadOptions(JOB, StartAt(StartKind.LATEST), readers=1)


class Running:
    """Engines of one job after another over one stream, in virtual time."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.source = ScriptedShardSource(now_ms=self.stage.loop.now_ms)
        connectors = replace(self.stage.connectors, shard_source=self.source)
        self.positions = connectors.positions
        self._tools = SessionTools(
            self.stage.loop, connectors, self.stage.speculation, self.stage.tools.warming
        )

    def engine(self, saved: SavedMarks | None = None, options: ReadOptions = LATEST) -> Engine:
        def made() -> Engine:
            return Engine(0, options, PauseSegmenter(), self._tools, saved, lambda: None)

        return self.do(made)

    def do(self, work: Callable[[], T]) -> T:
        async def done() -> T:
            return work()

        return self.stage.loop.wait(self.stage.loop.start(done()))

    def put(self, records: Iterator[StreamRecord]) -> None:
        for record in records:
            self.source.put(SESSION, encode(record), at_ms=self.stage.loop.now_ms())

    def pass_s(self, for_s: float, *asked: Engine) -> None:
        """Bundles of ``asked`` engines come each second."""
        for _ in range(round(for_s)):
            self.stage.loop.advance(self.stage.loop.now_ms() + 1_000)
            for each in asked:
                self.do(each.asked)

    def words(self) -> list[str]:
        return [word for entry in self.stage.entries() for word in entry.text.split()]


@pytest.fixture
def running() -> Running:
    return Running()


def spoken(seed: int) -> tuple[list[StreamRecord], tuple[str, ...]]:
    talk = talk_of(6, seed=seed, epoch=seed)
    end = LOG.control(ControlKind.END, seed, len(talk.items) - 1).control
    chunks = [each.chunk for each in talk.items]
    return [each for each in (*chunks, end) if each is not None], talk.words


# The lease ----------------------------------------------------------------------------------------


def test_an_engine_that_no_bundle_asks_for_stops_and_writes_nothing_more(running: Running) -> None:
    """Its job is over, or runs elsewhere: Beam tears DoFns down a minute later, if at all."""
    engine = running.engine()
    running.pass_s(30, engine)
    assert not engine.is_stopped
    running.pass_s(LEASE_S - 1)
    assert not engine.is_stopped
    running.pass_s(2)
    assert engine.is_stopped
    assert engine.sessions == 0
    records, _words = spoken(1)
    running.put(iter(records))
    running.pass_s(30)
    assert running.stage.all_entries() == ()
    assert running.do(engine.marks) is None


# Where it stands ----------------------------------------------------------------------------------


def test_an_engine_stands_where_beams_state_is_what_it_last_gave(running: Running) -> None:
    engine = running.engine()
    assert engine.stands_at(None), "it has given nothing yet"
    running.pass_s(2, engine)
    first, second = running.do(engine.marks), running.do(engine.marks)
    assert first is not None
    assert second is not None
    assert engine.stands_at(second)
    assert not engine.stands_at(first), "the state went back"
    assert not engine.stands_at(None), "the state is lost"
    other = running.engine(second)
    assert not engine.stands_at(replace(second, engine="another")), "another engine wrote since"
    assert other.stands_at(second), "it begins there"
    assert other.generation == first.generation, "and goes on under the same generation"


def test_each_engine_without_state_claims_a_generation_of_its_own(running: Running) -> None:
    engines = [running.engine(), running.engine()]
    running.pass_s(1, *engines)
    assert sorted(each.generation for each in engines) == [1, 2]


# Who has replaced it ------------------------------------------------------------------------------


def test_an_engine_whose_rows_a_newer_run_has_written_stops_for_good(running: Running) -> None:
    older = running.engine()
    running.pass_s(SAVE_EVERY_S + 1, older)
    newer = running.engine()
    running.pass_s(2 * SAVE_EVERY_S + 2, older, newer)
    assert (older.is_superseded, older.is_stopped) == (True, True)
    assert running.do(older.marks) is None
    assert (newer.is_superseded, newer.is_stopped) == (False, False)


def test_an_engine_that_lost_a_session_to_a_newer_run_stops_for_good(running: Running) -> None:
    """The fence tells it, before any row does."""
    older, newer = running.engine(), running.engine()
    running.pass_s(1, older, newer)
    records, words = spoken(1)
    running.put(iter(records))
    running.pass_s(3, older, newer)
    assert (older.is_superseded, newer.is_superseded) == (True, False)
    running.pass_s(20, newer)
    assert running.words() == list(words), "each once"


# State that cannot be read ------------------------------------------------------------------------


def test_after_state_that_cannot_be_read_the_saved_marks_count_and_nothing_is_skipped(
    running: Running,
) -> None:
    first, words_before = spoken(1)
    running.put(iter(first))
    engine = running.engine(options=replace(LATEST, start=StartAt(StartKind.TRIM_HORIZON)))
    running.pass_s(20, engine)
    assert running.words() == list(words_before)
    running.do(engine.stop)
    second, words_while_away = spoken(2)
    running.put(iter(second))
    running.pass_s(60)
    successor = running.engine(UNREADABLE_MARKS)
    running.pass_s(20, successor)
    assert running.words() == [*words_before, *words_while_away]
    assert successor.generation > engine.generation


def test_after_unreadable_state_without_saved_marks_reading_begins_as_the_job_was_told(
    running: Running,
) -> None:
    records, _words = spoken(1)
    running.put(iter(records))
    running.pass_s(60)
    engine = running.engine(UNREADABLE_MARKS)
    running.pass_s(20, engine)
    assert running.words() == []


def test_a_job_that_is_started_anew_at_the_tip_does_not_go_on_at_saved_marks(
    running: Running,
) -> None:
    saved = ShardPosition("shardId-000000000000/0-of-1", "0", 0)
    asyncio.run(running.positions.save(JOB, (saved,), 1))
    records, _words = spoken(1)
    running.put(iter(records))
    running.pass_s(60)
    engine = running.engine()
    running.pass_s(20, engine)
    assert running.words() == []
