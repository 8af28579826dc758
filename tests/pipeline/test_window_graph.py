"""The ``window`` segmentation: what becomes of panes when something breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import pytest
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from beam_flink_kit.key_groups import spread_keys
from beam_flink_kit.loops import TimeMode, VirtualLoop
from beam_flink_kit.process_scope import held
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.testing.words import write_silence, write_words
from pipelines.log.reader import ReadOptions
from pipelines.log.shards import SavedMarks
from pipelines.runtime import record_engine
from pipelines.runtime.worker import Worker, WorkerSettings
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session.coverage import Coverage
from pipelines.session.records import Pane, ReadRecord
from pipelines.session.takeover import fence
from pipelines.transforms.read_audio import ReadShards
from pipelines.transforms.reader_step import TickHold
from pipelines.transforms.transcribe_panes import SessionsLostError, TranscribePartition
from schemas.values import AudioChunk, ControlKind
from tests.pipeline.world import CHUNK_MS, START_MS, TICK_MS, World, WorldConnectors, ms
from tests.unit.pipelines.session.records_of import LogOf

pytestmark = pytest.mark.pipeline


def speak(world: World, count: int) -> list[str]:
    """Two words a second from 0.5 s on, and the end; the words."""
    pcm, words = write_words(0, count, 0.4, 0.1)
    pcm += write_silence(0.5)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 1.5 + len(pcm) / 32_000, after=last)
    return [word.text for word in words]


def test_a_machine_that_breaks_down_loses_no_pane(monkeypatch: pytest.MonkeyPatch) -> None:
    cut, calls = WindowSegmenter.next_segment, []

    def falls_once(*arguments: Any) -> object:
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyError("scripted: a bug")
        return cut(*arguments)

    monkeypatch.setattr(WindowSegmenter, "next_segment", falls_once)
    world = World()
    words = speak(world, 24)
    world.run(32.0, windows=True)
    assert len(calls) > 4
    assert world.words("talk") == words


def test_a_clock_that_is_set_back_makes_no_record_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than the windows' 3 s: what is late is dropped by the group-by."""
    world, now_ms = World(), VirtualLoop.now_ms
    loops: list[VirtualLoop] = []

    def set_back(loop: VirtualLoop) -> int:
        loops[:] = [loop]
        at_ms = now_ms(loop)
        return at_ms - 8_000 if at_ms >= ms(5.0) else at_ms

    monkeypatch.setattr(VirtualLoop, "now_ms", set_back)
    # The stream's own clock is right.
    monkeypatch.setattr(world.source, "_now_ms", lambda: now_ms(loops[0]) if loops else START_MS)
    words = speak(world, 16)
    world.run(36.0, windows=True)
    assert world.words("talk") == words


def test_what_is_owed_after_the_end_is_told_by_the_next_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All is read and in the ledger; no listener could be reached before the kill."""

    async def away(*_arguments: Any) -> None:
        raise RetryableError("scripted: away")

    world = World()
    speak(world, 6)
    with monkeypatch.context() as broken:
        broken.setattr(world.notifier, "notify", away)
        world.run(20.0, windows=True)
    routed = [entry.number for entry in world.entries("talk") if entry.routes]
    assert routed
    assert world.numbers("talk", "es") == []
    world.run(50.0, from_s=24.0, resume=True, windows=True)
    assert world.numbers("talk", "es") == routed


def test_a_session_that_owes_nothing_is_not_read_again() -> None:
    world = World()
    speak(world, 6)
    world.run(24.0, windows=True)
    before = asyncio.run(world.ledger.after("talk", -1))
    world.run(40.0, from_s=28.0, resume=True, windows=True)
    assert asyncio.run(world.ledger.after("talk", -1)) == before, "it was taken over"


def test_a_first_start_waits_for_the_positions_table(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    words = speak(world, 8)
    claim, refused = world.positions.claim, []

    async def away_at_first(job_name: str) -> int:
        if len(refused) < 20:
            refused.append(job_name)
            raise RetryableError("scripted: away")
        return await claim(job_name)

    monkeypatch.setattr(world.positions, "claim", away_at_first)
    world.run(40.0, windows=True)
    assert world.words("talk") == words


# Steps by themselves ------------------------------------------------------------------------------


class Cell:
    """A cell of Beam's state."""

    value: Any = None

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value


@contextmanager
def worker_of(world: World) -> Generator[tuple[Worker, WorkerSettings]]:
    settings = WorkerSettings(WorldConnectors(world.name), TimeMode.VIRTUAL)
    with held(settings) as worker:
        worker.loop.advance(START_MS)
        world.now_ms = worker.loop.now_ms
        yield worker, settings


def test_a_host_whose_sessions_another_process_took_restarts_the_job() -> None:
    """Its panes would be with neither of them. After the restart it serves them again."""
    world, log, cell = World(), LogOf(), Cell()
    pcm, words = write_words(0, 8, 0.4, 0.1)
    records = [log.chunk(0, at, pcm[start : start + 8192]) for at, start in pieces(pcm)]
    key = spread_keys(1)[0]
    with worker_of(world) as (worker, settings):
        step = TranscribePartition(
            "test", WindowSegmenter(), settings, TickHold(TICK_MS), pane_s=3.0, raw=False
        )
        step.setup()

        def process(pane: Pane, at_s: float) -> None:
            worker.loop.advance(ms(at_s))
            list(step.process((key, pane), Timestamp(ms(at_s) / 1000), cell))

        process(Pane("talk", ms(3.0), tuple(records)), 3.0)
        process(Pane("", 0, tick=1), 5.0)
        before = worker.loop.wait(worker.loop.start(world.ledger.after("talk", -1)))
        known = Coverage(last_number=before[-1].number)
        theirs = fence("talk", known, writer="they", generation=1, now_ms=ms(5.0))
        worker.loop.wait(worker.loop.start(world.ledger.commit(theirs)))
        process(Pane("talk", ms(6.0), (log.control(ControlKind.END, 0, len(records) - 1),)), 6.0)
        with pytest.raises(SessionsLostError):
            process(Pane("", 0, tick=2), 8.0)
        process(Pane("talk", ms(9.0), again(records, log)), 9.0)
        process(Pane("", 0, tick=3), 15.0)
        step.teardown()
    assert world.words("talk") == [word.text for word in words]


def pieces(pcm: bytes) -> Iterable[tuple[int, int]]:
    return enumerate(range(0, len(pcm), 8192))


def again(records: list[ReadRecord], log: LogOf) -> tuple[ReadRecord, ...]:
    return (*records, log.control(ControlKind.END, 0, len(records) - 1))


class ReaderOf:
    """The reader of a world's only talk, tick by tick. ``cell``: what Beam's state has of it."""

    def __init__(self, worker: Worker, settings: WorkerSettings, *, begins_s: float = 0.0) -> None:
        start = StartAt(StartKind.AT_TIMESTAMP, str(ms(0.0)))
        options = ReadOptions("test", start, False, "avro", readers=1)
        self.step = ReadShards(options, settings, TickHold(TICK_MS))
        self.step.setup()
        self.cell = Cell()
        self._worker = worker
        self._key = spread_keys(1)[0]
        self._begins_s = begins_s
        self._ticks = iter(range(1, 100))

    def sequences(self) -> list[int]:
        """Of the chunks that the next tick hands on."""
        tick = next(self._ticks)
        at_s = self._begins_s + tick * TICK_MS / 1000
        self._worker.loop.advance(ms(at_s))
        out = list(self.step.process((self._key, (0, tick)), Timestamp(ms(at_s) / 1000), self.cell))
        return [found for each in out if (found := sequence_of(each)) is not None]


def test_a_reader_that_handed_on_more_than_state_knows_reads_again() -> None:
    """A checkpoint, one more tick, a failure: what that tick handed on is in no state of Flink's,
    though the engine lives on in its process."""
    world = World()
    world.speak("talk", write_words(0, 6, 0.4, 0.1)[0], 0.0)
    world.let_happen()
    with worker_of(world) as (worker, settings):
        reader = ReaderOf(worker, settings)
        while reader.cell.value is None:
            reader.sequences()
        checkpoint: SavedMarks = reader.cell.value
        handed_on = reader.sequences()
        assert len(handed_on) >= TICK_MS // CHUNK_MS
        reader.cell.value = checkpoint
        reread = [sequence for _ in range(3) for sequence in reader.sequences()]
        reader.step.teardown()
    assert set(handed_on) <= set(reread)


def test_what_an_outage_left_in_the_log_is_handed_on_in_many_bundles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_engine, "MOST_A_BUNDLE", 10)
    world = World()
    world.speak("talk", write_words(0, 12, 0.4, 0.1)[0], 0.0)
    world.let_happen()
    with worker_of(world) as (worker, settings):
        reader = ReaderOf(worker, settings, begins_s=60.0)
        bundles = [reader.sequences() for _ in range(1, 40)]
        reader.step.teardown()
    handed_on = [sequence for bundle in bundles for sequence in bundle]
    assert handed_on == list(range(len(handed_on)))
    assert len(handed_on) == 12 * 500 // CHUNK_MS + 1
    assert max(map(len, bundles)) == 10


def sequence_of(element: Any) -> int | None:
    if isinstance(element, TaggedOutput):
        return None
    assert isinstance(element, TimestampedValue)
    chunk: AudioChunk | None = element.value[1].chunk
    return None if chunk is None else chunk.sequence
