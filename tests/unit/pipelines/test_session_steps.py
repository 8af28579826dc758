"""A partition's sessions as Beam sees them: elements in, state that may go back, utterances out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.registry import Connectors
from connectors.scripted_words import write_talk
from pipelines.core.records import Pane, ReadRecord
from pipelines.core.session_log import LogHead
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.transforms.session_steps import (
    ABANDONED_MS,
    ENDED_KEPT_MS,
    LOOK_AGAIN_MS,
    Heard,
    SessionSteps,
)
from pipelines.transforms.window_audio import WindowOptions
from pipelines.worker.process import TimeMode, Worker, WorkerSettings
from schemas.values import (
    AudioChunk,
    ControlKind,
    EntryKind,
    LedgerEntry,
    RoutedUtterance,
    SessionControl,
)
from tests.unit.pipelines.session_under_test import START_MS, Stage

pytestmark = pytest.mark.unit

CHUNK_BYTES = 8_192
CHUNK_MS = 256


class Bag:
    def __init__(self) -> None:
        self.members: list[bytes] = []
        self.changes = 0

    def read(self) -> list[bytes]:
        return self.members

    def add(self, member: bytes) -> None:
        self.members = [*self.members, member]
        self.changes += 1

    def clear(self) -> None:
        self.members = []
        self.changes += 1


class Cell:
    def __init__(self) -> None:
        self.value: LogHead | None = None
        self.changes = 0

    def read(self) -> LogHead | None:
        return self.value

    def write(self, value: LogHead) -> None:
        self.value = value
        self.changes += 1


@dataclass(frozen=True)
class StageConnectors:
    """The same stage's for every worker of a test."""

    stage: Stage = field(compare=False)

    def build(self) -> Connectors:
        return self.stage.connectors


class Beam:
    """One partition; ``stage`` holds what outlives a worker."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.log, self.head = Bag(), Cell()
        self.routed: list[RoutedUtterance] = []
        self.at_ms = START_MS
        self._workers: list[Worker] = []
        self.start_worker()

    def start_worker(self) -> None:
        settings = WorkerSettings(StageConnectors(self.stage), TimeMode.VIRTUAL)
        self.worker = Worker(settings)
        self.worker.loop.advance(self.at_ms)
        self._workers.append(self.worker)
        window = WindowOptions("test", partitions=1)
        self.steps = SessionSteps(WindowSegmenter(), window, self.worker, TimeMode.VIRTUAL)

    def stop(self) -> None:
        for worker in self._workers:
            worker.transcribers.close()
            worker.loop.stop()

    def pane(self, session_id: str, *records: ReadRecord, closing: bool = False) -> None:
        pane = Pane(session_id, self.at_ms, records, closing)
        self._take(self.steps.pane("0", pane, self.log, self.head))

    def tick(self, for_ms: int, step_ms: int = 200) -> None:
        for _ in range(for_ms // step_ms):
            self.at_ms += step_ms
            self.worker.loop.advance(self.at_ms)
            for heard in self.steps.tick("0", self.log, self.head):
                self._take(heard)

    def stand_still(self, for_ms: int) -> None:
        self.at_ms += for_ms

    def checkpoint(self) -> tuple[list[bytes], LogHead | None, int]:
        return self.log.members, self.head.value, len(self.routed)

    def restore(self, state: tuple[list[bytes], LogHead | None, int]) -> None:
        self.log.members, self.head.value, routed = state
        del self.routed[routed:]

    def said(self) -> list[str]:
        """The words of what was sent on, in the order of the numbers."""
        entries = {each.utterance.entry.number: each.utterance.entry for each in self.routed}
        return " ".join(entries[number].text for number in sorted(entries)).split()

    def _take(self, heard: Heard) -> None:
        self.routed += heard.routed


@pytest.fixture
def beam() -> Iterator[Beam]:
    running = Beam()
    yield running
    running.stop()


def record(beam: Beam, chunk: AudioChunk | None = None, **control: Any) -> ReadRecord:
    said = SessionControl("talk", at_ms=beam.at_ms, **control) if control else None
    return ReadRecord(beam.at_ms, beam.at_ms, START_MS, f"{beam.at_ms:064d}", chunk, said)


def listeners(beam: Beam, *languages: str, revision: int = 1) -> ReadRecord:
    return record(
        beam,
        epoch=-1,
        after_sequence=-1,
        revision=revision,
        kind=ControlKind.LISTENERS,
        languages=languages,
    )


def end(beam: Beam, after: int) -> ReadRecord:
    return record(beam, epoch=1, after_sequence=after, revision=0, kind=ControlKind.END)


def chunks(beam: Beam, pcm: bytes) -> Iterator[ReadRecord]:
    """Each at its time: the clock goes on as they are taken."""
    for sequence, start in enumerate(range(0, len(pcm), CHUNK_BYTES)):
        captured_ms = START_MS + sequence * CHUNK_MS
        piece = pcm[start : start + CHUNK_BYTES]
        yield record(
            beam, AudioChunk("talk", 1, sequence, captured_ms, captured_ms + CHUNK_MS, piece)
        )


def entries_of(beam: Beam) -> tuple[LedgerEntry, ...]:
    loop = beam.worker.loop
    return loop.wait(loop.start(beam.stage.ledger.after("talk", -1)))


def test_a_talk_is_said_once_whatever_goes_back(beam: Beam) -> None:
    """State goes back while the worker lives, and the worker dies while the state stays."""
    pcm, words = write_talk(30.0, seed=3)
    beam.pane("talk", listeners(beam, "es"))
    kept = list[ReadRecord]()
    for number, chunk in enumerate(chunks(beam, pcm)):
        kept.append(chunk)
        beam.pane("talk", chunk)
        beam.tick(CHUNK_MS // 2, CHUNK_MS // 2)
        if number == 20:
            state, after = beam.checkpoint(), len(kept)
            beam.tick(1_000)
        if number == 34:
            beam.restore(state)  # the job goes back, its worker does not
            for again in kept[after:]:
                beam.pane("talk", again)
        if number == 60:
            beam.start_worker()
    beam.pane("talk", end(beam, len(kept) - 1))
    beam.tick(8_000)
    assert beam.said() == [word.text for word in words]
    numbers = [each.utterance.entry.number for each in beam.routed]
    assert numbers == sorted(set(numbers)), "nothing is sent on twice by one life of the job"


def test_ticks_without_news_do_not_touch_the_state(beam: Beam) -> None:
    beam.pane("talk", listeners(beam, "es"))
    before = beam.log.changes, beam.head.changes
    beam.tick(20_000)
    assert (beam.log.changes, beam.head.changes) == before


def test_a_session_that_ended_is_forgotten_after_a_minute(beam: Beam) -> None:
    pcm, _words = write_talk(4.0, seed=1)
    for chunk in chunks(beam, pcm):
        beam.pane("talk", chunk)
    beam.pane("talk", end(beam, len(pcm) // CHUNK_BYTES))
    beam.tick(10_000)
    following = beam.worker.following["0"]
    assert not following.sessions["talk"].journal
    beam.tick(2 * ENDED_KEPT_MS)
    assert not following.sessions
    beam.pane("talk", closing=True)
    assert not following.sessions, "the end of its window does not bring it back"


def test_what_a_gateway_never_ended_is_flushed_after_ten_minutes(beam: Beam) -> None:
    pcm, words = write_talk(2.5, seed=2)
    beam.pane("talk", listeners(beam, "es"))
    for chunk in chunks(beam, pcm):
        beam.pane("talk", chunk)
    beam.tick(ABANDONED_MS - 60_000, LOOK_AGAIN_MS // 2)
    assert len(beam.said()) < len(words)
    beam.tick(120_000, LOOK_AGAIN_MS // 2)
    assert beam.said() == [word.text for word in words]


def test_a_standstill_is_no_silence(beam: Beam) -> None:
    """A job that was down for ten minutes has the talk's other half still to read."""
    pcm, words = write_talk(20.0, seed=5)
    beam.pane("talk", listeners(beam, "es"))
    records = list(chunks(beam, pcm))
    for chunk in records[:30]:
        beam.pane("talk", chunk)
    beam.tick(1_000)
    beam.stand_still(ABANDONED_MS)
    beam.tick(2 * LOOK_AGAIN_MS)
    for chunk in records[30:]:
        beam.pane("talk", chunk)
    beam.pane("talk", end(beam, len(records) - 1))
    beam.tick(8_000)
    assert beam.said() == [word.text for word in words]


def test_utterances_wait_until_somebody_says_who_listens(beam: Beam) -> None:
    pcm, _words = write_talk(8.0, seed=4)
    for chunk in chunks(beam, pcm):
        beam.pane("talk", chunk)
    beam.tick(3_000)
    entries = [each for each in entries_of(beam) if each.kind is EntryKind.SPEECH]
    assert entries
    assert not beam.routed, "the tables say that nobody listens"
    assert not beam.worker.following["0"].sessions["talk"].state.languages.waiting


def test_the_first_listener_may_come_after_the_tables_said_that_nobody_listens(beam: Beam) -> None:
    pcm, words = write_talk(16.0, seed=4)
    records = list(chunks(beam, pcm))
    for chunk in records[:30]:
        beam.pane("talk", chunk)
    beam.tick(3_000)
    assert not beam.routed
    beam.pane("talk", listeners(beam, "ca", revision=0))
    for chunk in records[30:]:
        beam.pane("talk", chunk)
    beam.pane("talk", end(beam, len(records) - 1))
    beam.tick(8_000)
    assert {route.language for each in beam.routed for route in each.routes} == {"ca"}
    said = beam.said()
    assert said == [word.text for word in words][-len(said) :]
    assert len(said) > len(words) // 3
