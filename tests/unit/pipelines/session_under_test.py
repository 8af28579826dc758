"""One session's recognition in virtual time: a talk goes in, the ledger and what was sent come out.

Speech is written into the samples (``scripted_words``), so what is in the ledger can be compared
with what was spoken, word by word and sample by sample.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pipelines.core.journal import Coverage, JournalItem, JournalKind, uncovered
from pipelines.worker.ahead import Ahead
from pipelines.worker.loops import VirtualLoop
from pipelines.worker.transcribing import SessionTranscriber, TranscriberRegistry

from connectors.errors import RetryableError
from connectors.memory_dead_letters import MemoryDeadLetters
from connectors.memory_ledger import MemoryLedger
from connectors.scripted_connectors import scripted_connectors
from connectors.scripted_shard_source import ScriptedShardSource
from connectors.scripted_speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.scripted_words import write_talk
from connectors.shard_source import ShardSource
from connectors.speech_to_text import SpeechStream
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from schemas.values import EntryKind, LedgerEntry, Utterance

SESSION = "joyful-mountain-789"
START_MS = 1_800_000_000_000
PANE_MS = 3_000
TICK_MS = 200


class UnreliableLedger(MemoryLedger):
    """Slow on order, and away until ``down_until_ms``; a lost answer may have been written."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self.answer_s = 0.0
        self.down_until_ms = 0
        self.loses_answers = False
        self.hidden_from_recovery = False
        """As if its entries had been written just after a recogniser had asked for them."""

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        self._refuse_when_down(written=False)
        stands = await super().commit(entry)
        await asyncio.sleep(self.answer_s)
        self._refuse_when_down(written=True)
        return stands

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        self._refuse_when_down(written=False)
        return () if self.hidden_from_recovery else await super().after(session_id, number)

    def _refuse_when_down(self, *, written: bool) -> None:
        down = self._loop.now_ms() < self.down_until_ms
        if down and (written or not self.loses_answers):
            raise RetryableError("scripted: ledger unreachable")


@dataclass
class Stage:
    """A worker's surroundings: loop, ledger, recogniser."""

    stt: ScriptedSpeechToTextSettings = field(default_factory=ScriptedSpeechToTextSettings)
    source: ShardSource = field(default_factory=ScriptedShardSource)
    running: ClassVar[list[Stage]] = []

    @classmethod
    def stop_all(cls) -> None:
        while cls.running:
            cls.running.pop().loop.stop()

    def __post_init__(self) -> None:
        self.loop = VirtualLoop()
        self.running.append(self)
        self.loop.advance(START_MS)
        self.ledger = UnreliableLedger(self.loop)
        self.letters = MemoryDeadLetters()
        self._speech_to_text = ScriptedSpeechToText(self.stt)
        self.connectors = replace(
            scripted_connectors(self.loop.now_ms),
            shard_source=self.source,
            speech_to_text=self._speech_to_text,
            ledger=self.ledger,
            dead_letters=self.letters,
        )
        self.ahead = Ahead(self.loop, self.connectors, is_on=True)

    def streams(self) -> tuple[SpeechStream, ...]:
        """The recognitions that are open now."""
        return tuple(self._speech_to_text._streams)  # pyright: ignore[reportPrivateUsage]

    def entries(self) -> tuple[LedgerEntry, ...]:
        return self.loop.wait(self.loop.start(MemoryLedger.after(self.ledger, SESSION, -1)))


class Job:
    """What Beam does for one session: keeps journal and coverage, feeds, drains, may crash."""

    def __init__(self, stage: Stage, cutter: Segmenter | None = None) -> None:
        self._stage = stage
        self._cutter = cutter or WindowSegmenter(settle_samples=4_000)
        self.registry = TranscriberRegistry(stage.loop, stage.connectors, stage.ahead)
        self.coverage = Coverage()
        self.journal: tuple[JournalItem, ...] = ()
        self.next_index = 0
        self.sent: list[Utterance] = []
        self.script: list[list[JournalItem]] = []
        """Panes that are still to come, for tests that interleave jobs."""

    def pane(self, items: Iterable[JournalItem]) -> None:
        now_ms = self._stage.loop.now_ms()
        fed = tuple(
            replace(item, index=self.next_index + offset, fired_at_ms=now_ms)
            for offset, item in enumerate(items)
        )
        self.journal += fed
        transcriber = self._attach(fed)
        self.next_index += len(fed)
        self._drain(transcriber)

    def collect(self) -> None:
        if self.journal:
            self._drain(self._attach(()))
            self.journal = uncovered(self.journal, self.coverage)

    def crash(self) -> None:
        """The worker is gone; journal and coverage, as last drained, are restored."""
        self.registry.close()

    def crash_without_state(self) -> None:
        self.crash()
        self.coverage, self.journal, self.next_index = Coverage(), (), 0

    def _attach(self, fed: tuple[JournalItem, ...]) -> SessionTranscriber:
        transcriber = self.registry.attached(SESSION, self.next_index, self.coverage.last_number)
        if transcriber is None:
            left = uncovered(self.journal, self.coverage)
            return self.registry.open(
                SESSION, self._cutter, self.coverage, self.next_index + len(fed), left
            )
        transcriber.feed(fed)
        return transcriber

    def _drain(self, transcriber: SessionTranscriber) -> None:
        for utterance in transcriber.drain():
            self.sent.append(utterance)
            self.coverage = self.coverage.with_entry(utterance.entry)
            self.journal = uncovered(self.journal, self.coverage)


@dataclass(frozen=True)
class Talk:
    """Items in order, and what is in them."""

    items: tuple[JournalItem, ...]
    words: tuple[str, ...]
    samples: dict[int, int]


FLUSH = JournalItem(0, JournalKind.FLUSH, -1)


def cut_into_chunks(
    pcm: bytes, sizes: Sequence[int], *, epoch: int = 1, first_sequence: int = 0, at_ms: int = 0
) -> tuple[JournalItem, ...]:
    """Chunks of these sizes in samples, over and over."""
    items: list[JournalItem] = []
    at = 0
    while at < len(pcm):
        size = 2 * sizes[len(items) % len(sizes)]
        captured_at_ms = START_MS + at_ms + at // 32
        items.append(
            JournalItem(
                0,
                JournalKind.AUDIO,
                epoch,
                first_sequence + len(items),
                pcm=pcm[at : at + size],
                captured_at_ms=captured_at_ms,
                received_at_ms=captured_at_ms + 40,
                arrived_at_ms=captured_at_ms + 60,
                read_at_ms=captured_at_ms + 90,
            )
        )
        at += size
    return tuple(items)


def talk_of(
    duration_s: float, *, seed: int = 0, sizes: Sequence[int] = (4096,), epoch: int = 1
) -> Talk:
    pcm, words = write_talk(duration_s, seed=seed, first_word=epoch * 1000)
    items = cut_into_chunks(pcm, sizes, epoch=epoch)
    return Talk(items, tuple(word.text for word in words), {epoch: len(pcm) // 2})


def joined(*talks: Talk) -> Talk:
    return Talk(
        tuple(item for talk in talks for item in talk.items),
        tuple(word for talk in talks for word in talk.words),
        {epoch: count for talk in talks for epoch, count in talk.samples.items()},
    )


def panes_of(items: Sequence[JournalItem], *, samples: int = 48_000) -> list[list[JournalItem]]:
    """As the trigger lets them through: about ``samples`` at a time."""
    panes: list[list[JournalItem]] = [[]]
    held = 0
    for item in items:
        panes[-1].append(item)
        held += item.samples
        if held >= samples:
            panes.append([])
            held = 0
    return [pane for pane in panes if pane]


def pass_time(stage: Stage, jobs: Iterable[Job], for_ms: int, tick_ms: int = TICK_MS) -> None:
    jobs = tuple(jobs)
    for _ in range(for_ms // tick_ms):
        stage.loop.advance(stage.loop.now_ms() + tick_ms)
        for job in jobs:
            job.collect()


def perform(
    stage: Stage, job: Job, talk: Talk, *, afterwards_ms: int = 6_000, pane_ms: int = PANE_MS
) -> None:
    """The whole talk at the pace of panes, a flush, and some time."""
    for pane in panes_of(talk.items, samples=pane_ms * 16):
        job.pane(pane)
        pass_time(stage, [job], pane_ms, tick_ms=min(TICK_MS, pane_ms))
    job.pane([FLUSH])
    pass_time(stage, [job], afterwards_ms)


def said(entries: Iterable[LedgerEntry]) -> tuple[str, ...]:
    return tuple(word for entry in entries for word in entry.text.split())


def assert_every_sample_once(
    entries: Sequence[LedgerEntry], samples: dict[int, int], *, first_number: int = 0
) -> None:
    """Numbers without holes, samples of every epoch without holes or overlaps, keys apart."""
    assert [entry.number for entry in entries] == list(
        range(first_number, first_number + len(entries))
    )
    covered: dict[int, int] = {}
    for entry in entries:
        assert entry.first_sample == covered.get(entry.epoch, 0), entry
        assert entry.first_sample <= entry.end_sample, entry
        assert entry.resume_sample <= entry.end_sample, entry
        assert (entry.kind is EntryKind.SPEECH) == bool(entry.text), entry
        covered[entry.epoch] = entry.end_sample
    assert {epoch: end for epoch, end in covered.items() if end} == {
        epoch: count for epoch, count in samples.items() if count
    }
    keys = [entry.captured_at_ms for entry in entries]
    assert keys == sorted(set(keys))


def random_sizes(seed: int) -> tuple[int, ...]:
    chance = random.Random(seed)
    return tuple(chance.randint(1, 9_000) for _ in range(7))
