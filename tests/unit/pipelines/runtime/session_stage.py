"""One session in virtual time: a talk goes in by records, the ledger and what was sent come out.

Speech is written into the samples (``scripted_words``), so what is in the ledger can be compared
with what was spoken, word by word and sample by sample.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from beam_flink_kit.loops import VirtualLoop
from connectors.calls.policy import Policies
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.session_tables import ListenerCounts
from connectors.interfaces.speech_to_text import SpeechStream
from connectors.interfaces.translation import Translator
from connectors.memory.ledger import MemoryLedger
from connectors.memory.session_tables import MemorySessionTables
from connectors.testing.connectors import scripted_connectors
from connectors.testing.speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.words import write_talk
from pipelines.runtime.release_runs import ReleaseRuns
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.warm_up import WarmUp
from pipelines.runtime.worker import CallSite
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.sentences.settings import ReleaseSettings
from pipelines.session.records import ReadRecord
from schemas.values import (
    ControlKind,
    DeadLetter,
    EntryKind,
    FixedOutcome,
    LedgerEntry,
    Utterance,
)
from tests.unit.pipelines.session.records_of import SESSION, START_MS, LogOf

PANE_MS = 3_000
TICK_MS = 200
LOG = LogOf()


class UnreliableLedger(MemoryLedger):
    """Slow on order, and away until ``down_until_ms``; a lost answer may have been written."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self.answer_s = 0.0
        self.down_until_ms = 0
        self.loses_answers = False

    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        self._refuse_when_down(written=False)
        stands = await super().commit(entry)
        await asyncio.sleep(self.answer_s)
        self._refuse_when_down(written=True)
        return stands

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        self._refuse_when_down(written=False)
        return await super().after(session_id, number)

    def _refuse_when_down(self, *, written: bool) -> None:
        down = self._loop.now_ms() < self.down_until_ms
        if down and (written or not self.loses_answers):
            raise RetryableError("scripted: ledger unreachable")


@dataclass
class Stage:
    """A worker's surroundings: loop, ledger, recogniser."""

    stt: ScriptedSpeechToTextSettings = field(default_factory=ScriptedSpeechToTextSettings)
    release: ReleaseSettings | None = None
    translator: Translator | None = None
    policies: Policies | None = None
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
        self.tables = MemorySessionTables(self.loop.now_ms)
        self._speech_to_text = ScriptedSpeechToText(self.stt)
        self.connectors = replace(
            scripted_connectors(self.loop.now_ms),
            speech_to_text=self._speech_to_text,
            ledger=self.ledger,
            directory=self.tables,
        )
        if self.translator is not None:
            self.connectors = replace(self.connectors, translator=self.translator)
        if self.policies is not None:
            self.connectors = replace(self.connectors, policies=self.policies)
        self.speculation = SpeculativeDelivery(self.loop, self.connectors, is_on=True)
        warming = WarmUp(self.loop, self.connectors)
        self.releases = (
            ReleaseRuns(self.loop, self.connectors, self.release) if self.release else None
        )
        self.tools = SessionTools(
            self.loop, self.connectors, self.speculation, warming, self.release, self.releases
        )
        self.settled: list[tuple[str, int, str, bool]] = []
        self.unannounced: list[tuple[str, int, str]] = []

    @property
    def call_site(self) -> CallSite:
        return CallSite(
            self.connectors,
            self.loop,
            self.speculation,
            self._settled,
            self.releases,
        )

    def _settled(
        self,
        session_id: str,
        number: int,
        language: str,
        is_delivered: bool,
        /,
        *,
        is_announced: bool = True,
        stands: FixedOutcome | None = None,
    ) -> None:
        self.settled.append((session_id, number, language, is_delivered))
        if not is_announced:
            self.unannounced.append((session_id, number, language))

    def listen(
        self, *languages: str, only_read: tuple[str, ...] = (), ahead: tuple[str, ...] = ()
    ) -> None:
        """The tables say that these are listened to, some only read, and in some captions are
        wanted ``ahead`` of the voice."""
        counts = ListenerCounts(
            dict.fromkeys(languages, 1),
            1,
            partials=dict.fromkeys(ahead, 1),
            readers=dict.fromkeys(only_read, 1),
        )
        self.tables.set_counts(SESSION, counts, self.loop.now_ms())

    def streams(self) -> tuple[SpeechStream, ...]:
        """The recognitions that are open now."""
        return tuple(self._speech_to_text._streams)  # pyright: ignore[reportPrivateUsage]

    def all_entries(self) -> tuple[LedgerEntry, ...]:
        return self.loop.wait(self.loop.start(MemoryLedger.after(self.ledger, SESSION, -1)))

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Without fences."""
        return tuple(entry for entry in self.all_entries() if not entry.takeover)


class Job:
    """What an engine does for one session: feeds a host, keeps its mark, may crash. ``reads_again``
    False: as a step after a window does, which sees each pane once."""

    def __init__(
        self,
        stage: Stage,
        segmenter: Segmenter | None = None,
        *,
        generation: int = 1,
        reads_again: bool = True,
    ) -> None:
        self._stage = stage
        self._reads_again = reads_again
        self._segmenter = segmenter or WindowSegmenter(settle_samples=4_000)
        self._generation = generation
        self.sent: list[Utterance] = []
        self.letters: list[DeadLetter] = []
        self.lost_to: list[int] = []
        self.script: list[list[ReadRecord]] = []
        """Panes that are still to come, for tests that interleave jobs."""
        self._log: list[ReadRecord] = []
        self._begin()

    def _begin(self) -> None:
        async def begun() -> SessionHost:
            return SessionHost(
                self._stage.tools,
                self._segmenter,
                self._generation,
                raw=False,
                rung=lambda: None,
                read_again=self._read_again if self._reads_again else None,
                lost=self.lost_to.append,
            )

        self.host = self._stage.loop.wait(self._stage.loop.start(begun()))

    def pane(self, records: Iterable[ReadRecord]) -> None:
        records = list(records)
        self._log += records
        self._stage.loop.call(lambda: self.host.take(SESSION, records))
        self.collect()

    def collect(self) -> None:
        while self.host.utterances:
            self.sent.append(self.host.utterances.popleft())
        while self.host.letters:
            self.letters.append(self.host.letters.popleft())

    def settle_all(self, *, but: int = -1) -> None:
        """What was handed on was told, in all languages, except utterance ``but``."""
        for utterance in self.sent:
            for route in utterance.entry.routes or ():
                if (number := utterance.entry.number) != but:
                    language = route.language
                    self._stage.loop.call(
                        lambda n=number, one=language: self.host.settled(SESSION, n, one, True)
                    )

    def crash(self, *, forgets_mark: bool = False) -> None:
        """The worker is gone. Its successor reads again from the mark, or all."""
        at = 0 if forgets_mark else self._mark()
        self._stage.loop.call(self.host.close)
        self._begin()
        again = self._log[at:]
        self._stage.loop.call(lambda: self.host.take(SESSION, again))

    def is_done(self) -> bool:
        return self._mark() == len(self._log) and self.host.is_done(SESSION)

    def _mark(self) -> int:
        """The oldest record of the log that is not covered."""
        places = {place.number for place in self.host.oldest_open().values()}
        numbers = (at for at, each in enumerate(self._log) if each.place.number in places)
        return min(numbers, default=len(self._log))

    def _read_again(self) -> None:
        again = self._log[self._mark() :]
        self._stage.loop.call(lambda: self.host.take(SESSION, again))


def breaks(monkeypatch: pytest.MonkeyPatch, *at: int) -> list[object]:
    """The segmenter raises when it is asked these times, counted from 1; what it was asked."""
    cut, calls = WindowSegmenter.next_segment, list[object]()

    def falls(*arguments: Any) -> object:
        calls.append(arguments)
        if len(calls) in at:
            raise KeyError("scripted: a bug")
        return cut(*arguments)

    monkeypatch.setattr(WindowSegmenter, "next_segment", falls)
    return calls


@dataclass(frozen=True)
class Talk:
    """Records in order, and what is in them."""

    items: tuple[ReadRecord, ...]
    words: tuple[str, ...]
    samples: dict[int, int]


async def run_to_end(handler: Any, item: Any, at: CallSite) -> list[Any]:
    """All answers of a slow step's handler; what it hands on in their place when it raises."""
    answers: list[Any] = []
    try:
        async for answer in handler.answers(item, at):
            answers.append(answer)  # noqa: PERF401 - what came before an error counts
    except Exception as error:
        answers += handler.failed(item, error, at)
    return answers


def flush() -> ReadRecord:
    """The speaker paused, after all that came."""
    return LOG.control(ControlKind.PAUSE, 99, -1)


def end() -> ReadRecord:
    """The talk is over, after all that came."""
    return LOG.control(ControlKind.END, 99, -1)


def gap(epoch: int, first: int, until: int) -> ReadRecord:
    return LOG.control(ControlKind.GAP, epoch, first - 1, until=until)


def samples_of(record: ReadRecord) -> int:
    return 0 if record.chunk is None else record.chunk.samples


def cut_into_chunks(
    pcm: bytes, sizes: Sequence[int], *, epoch: int = 1, first_sequence: int = 0, at_ms: int = 0
) -> tuple[ReadRecord, ...]:
    """Chunks of these sizes in samples, over and over."""
    records: list[ReadRecord] = []
    at = 0
    while at < len(pcm):
        size = 2 * sizes[len(records) % len(sizes)]
        captured_at_ms = START_MS + at_ms + at // 32
        sequence = first_sequence + len(records)
        records.append(LOG.chunk(epoch, sequence, pcm[at : at + size], at_ms=captured_at_ms))
        at += size
    return tuple(records)


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


def panes_of(items: Sequence[ReadRecord], *, samples: int = 48_000) -> list[list[ReadRecord]]:
    """About ``samples`` at a time."""
    panes: list[list[ReadRecord]] = [[]]
    held = 0
    for item in items:
        panes[-1].append(item)
        held += samples_of(item)
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
    """The whole talk at the pace of panes, a pause, and some time."""
    for pane in panes_of(talk.items, samples=pane_ms * 16):
        job.pane(pane)
        pass_time(stage, [job], pane_ms, tick_ms=min(TICK_MS, pane_ms))
    job.pane([flush()])
    pass_time(stage, [job], afterwards_ms)


def said(entries: Iterable[LedgerEntry]) -> tuple[str, ...]:
    return tuple(word for entry in entries for word in entry.text.split())


def assert_every_sample_once(entries: Sequence[LedgerEntry], samples: dict[int, int]) -> None:
    """Samples of every epoch without holes or overlaps, keys apart and in order."""
    covered: dict[int, int] = {}
    for entry in entries:
        assert entry.first_sample == covered.get(entry.epoch, 0), entry
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
