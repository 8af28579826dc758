"""A world in memory and in virtual time around the live graph: what the tests in here script.

Speech is written into the audio (``scripted_words``), so every word that was said can be looked
for in what listeners got. One tick of the clock is ``TICK_MS`` of a ``TestStream``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import apache_beam as beam
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import held
from connectors.calls.policy import PATIENT, Policies
from connectors.interfaces.session_tables import ListenerCounts
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.ledger import MemoryLedger
from connectors.memory.notifier import MemoryNotifier
from connectors.memory.positions import MemoryPositions
from connectors.memory.session_tables import MemorySessionTables
from connectors.registry import Connectors
from connectors.testing.shard_source import ScriptedShardSource
from connectors.testing.speech_synthesis import (
    ScriptedSynthesizer,
    ScriptedSynthesizerSettings,
)
from connectors.testing.speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from pipelines.coders import register_coders
from pipelines.live_translation import GraphOptions, live, live_windows
from pipelines.log.reader import ReadOptions
from pipelines.runtime.worker import WorkerSettings
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.transforms.reader_step import TickHold
from pipelines.transforms.window_audio import WindowOptions
from schemas.avro_codec import encode
from schemas.values import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    LedgerEntry,
    ListenerLanguages,
    SessionControl,
    StreamRecord,
)

START_MS = 1_800_000_000_000
Counted = dict[str, Counter[str]]
"""By step and name: a counter's value, how many values a distribution has."""
TICK_MS = 500
CHUNK_SAMPLES = 4096
CHUNK_MS = CHUNK_SAMPLES * 1000 // SAMPLE_RATE_HZ


class ScheduledTables(MemorySessionTables):
    """Counts of listeners that change at the times a test says."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._time = now_ms
        self._scheduled: list[tuple[int, str, ListenerCounts]] = []

    def schedule(self, at_ms: int, session_id: str, counts: ListenerCounts) -> None:
        self._scheduled.append((at_ms, session_id, counts))

    async def listener_counts(self, session_id: str) -> ListenerCounts:
        for at_ms, about, counts in self._scheduled:
            before = await super().listener_counts(about)
            if at_ms <= self._time() and counts.revision > before.revision:
                self.set_counts(about, counts, at_ms)
        return await super().listener_counts(session_id)

    async def listeners(self, session_id: str) -> ListenerLanguages:
        """Nobody mends the counts: the listeners here have no rows."""
        return (await self.listener_counts(session_id)).listener_languages()


@dataclass
class World:
    """``at_s`` everywhere: seconds from the beginning of the test."""

    stt: ScriptedSpeechToTextSettings = field(default_factory=ScriptedSpeechToTextSettings)
    translation: ScriptedTranslatorSettings = field(default_factory=ScriptedTranslatorSettings)
    synthesis: ScriptedSynthesizerSettings = field(default_factory=ScriptedSynthesizerSettings)
    shards: int = 1
    policies: Policies = PATIENT

    def __post_init__(self) -> None:
        self.name = uuid.uuid4().hex
        self.now_ms: Callable[[], int] = lambda: START_MS
        self.source = ScriptedShardSource(self.shards, now_ms=lambda: self.now_ms())
        self.ledger = MemoryLedger()
        self.notifier = MemoryNotifier()
        self.clips = MemoryClipStore()
        self.letters = MemoryDeadLetters()
        self.positions = MemoryPositions()
        self.tables = ScheduledTables(lambda: self.now_ms())
        self._at: list[tuple[float, Callable[[], object]]] = []
        _WORLDS[self.name] = self

    # What happens -------------------------------------------------------------------------------

    def put(self, at_s: float, record: StreamRecord, data: bytes | None = None) -> None:
        """A record arrives on the stream."""
        encoded = encode(record) if data is None else data
        self.put_data(at_s, record.session_id, encoded)

    def put_data(self, at_s: float, session_id: str, data: bytes) -> None:
        self.at(at_s, lambda: self.source.put(session_id, data, at_ms=ms(at_s)))

    def at(self, at_s: float, happens: Callable[[], object]) -> None:
        """The order of the log is the order of these times."""
        self._at.append((at_s, happens))

    def speak(
        self,
        session_id: str,
        pcm: bytes,
        at_s: float,
        *,
        epoch: int = 0,
        first_sequence: int = 0,
        late_by_s: Callable[[int], float | None] = lambda _sequence: 0.0,
    ) -> int:
        """Chunks of ``pcm`` in real time; ``late_by_s`` None loses one. Returns the next number."""
        step = CHUNK_SAMPLES * 2
        sequence = first_sequence
        for start in range(0, len(pcm), step):
            captured_s = at_s + (start // 2) / SAMPLE_RATE_HZ
            late_s = late_by_s(sequence)
            if late_s is not None:
                ready_s = captured_s + CHUNK_MS / 1000 + late_s
                self.put(
                    ready_s,
                    AudioChunk(
                        session_id,
                        epoch,
                        sequence,
                        ms(captured_s),
                        ms(captured_s) + CHUNK_MS,
                        pcm[start : start + step],
                    ),
                )
            sequence += 1
        return sequence

    def control(
        self,
        session_id: str,
        kind: ControlKind,
        at_s: float,
        *,
        epoch: int = 0,
        after: int = -1,
        next_sequence: int | None = None,
    ) -> None:
        self.put(
            at_s,
            SessionControl(
                session_id, epoch, after, 0, kind, ms(at_s), next_sequence=next_sequence
            ),
        )

    def listen(self, session_id: str, at_s: float, *languages: str, revision: int) -> None:
        """From ``at_s`` on exactly these languages have listeners: the tables know, and the record
        is in the stream."""
        counts = ListenerCounts(dict.fromkeys(languages, 1), revision)
        self.tables.schedule(ms(at_s), session_id, counts)
        self.put(
            at_s,
            SessionControl(
                session_id, -1, -1, revision, ControlKind.LISTENERS, ms(at_s), languages
            ),
        )
        for language in languages:
            self.notifier.connect(session_id, language, f"{session_id}-{language}")

    # What came of it ----------------------------------------------------------------------------

    def entries(self, session_id: str) -> tuple[LedgerEntry, ...]:
        """What the ledger says, without the fences."""
        entries = asyncio.run(self.ledger.after(session_id, -1))
        return tuple(entry for entry in entries if not entry.takeover)

    def words(self, session_id: str) -> list[str]:
        """All words of the ledger, in order."""
        return [word for entry in self.entries(session_id) for word in entry.text.split()]

    def messages(self, session_id: str, language: str) -> list[dict[str, object]]:
        return [
            notice.message
            for notice in self.notifier.notices
            if (notice.session_id, notice.language) == (session_id, language)
        ]

    def numbers(self, session_id: str, language: str) -> list[object]:
        return [message["sequenceNumber"] for message in self.messages(session_id, language)]

    # Running it ---------------------------------------------------------------------------------

    def let_happen(self) -> None:
        """Put what was asked for on the stream."""
        for _at_s, happens in sorted(self._at, key=lambda each: each[0]):
            happens()
        self._at.clear()

    def run(
        self,
        until_s: float,
        *,
        start: StartAt | None = None,
        resume: bool = False,
        record_format: str = "avro",
        from_s: float = 0.0,
        segmenter: Segmenter | None = None,
        speculates: bool = False,
        windows: bool = False,
        stops: Iterable[tuple[float, float]] = (),
    ) -> Counted:
        """The live graph for ``until_s`` seconds; in ``stops`` (from, to) no tick comes. What its
        steps counted is returned.

        ``windows``: session windows stand in front of the transcription.
        """
        register_coders()
        self.let_happen()
        settings = WorkerSettings(WorldConnectors(self.name), TimeMode.VIRTUAL, speculates)
        options = GraphOptions(
            ReadOptions(
                "test",
                start or StartAt(StartKind.AT_TIMESTAMP, str(ms(from_s))),
                resume,
                record_format,
                readers=1,
            ),
            segmenter or WindowSegmenter(),
            settings,
            WindowOptions(pane_records=0, partitions=1),
            TickHold(TICK_MS),
        )
        stream = TestStream().advance_watermark_to(ms(from_s) / 1000)
        stopped = list(stops)
        ticks = range(ms(from_s) + TICK_MS, ms(until_s) + 1, TICK_MS)
        last_ms = ms(from_s)
        for number, tick_ms in enumerate(ticks):
            at_s = (tick_ms - START_MS) / 1000
            if any(begin < at_s < end for begin, end in stopped):
                continue
            stream = (
                stream.advance_processing_time((tick_ms - last_ms) / 1000)
                .add_elements([TimestampedValue(number, tick_ms / 1000)])
                .advance_watermark_to(tick_ms / 1000)
            )
            last_ms = tick_ms
        stream = stream.advance_watermark_to_infinity()
        pipeline_options = PipelineOptions(["--runner=DirectRunner", "--streaming"])
        with (
            bundle_metrics() as containers,
            held(settings) as worker,
            beam.Pipeline(options=pipeline_options) as pipeline,
        ):
            self.now_ms = worker.loop.now_ms
            graph = live_windows if windows else live
            graph(pipeline | stream.with_output_types(int), options)
        return counted_by_step(containers)


@contextmanager
def bundle_metrics() -> Generator[list[MetricsContainer]]:
    """The containers of all bundles. DirectRunner makes one for each bundle, writes into the first
    of a step for ever, and tells what that held after the first bundle."""
    made: list[MetricsContainer] = []

    def make(step: str) -> MetricsContainer:
        made.append(MetricsContainer(step))
        return made[-1]

    with patch("apache_beam.runners.direct.executor.MetricsContainer", make):
        yield made


def counted_by_step(containers: Iterable[MetricsContainer]) -> Counted:
    counted: Counted = defaultdict(Counter)
    for container in containers:
        updates = container.get_cumulative()
        for key, value in updates.counters.items():
            counted[key.metric.namespace][key.metric.name] += value
        for key, spread in updates.distributions.items():
            counted[key.metric.namespace][key.metric.name] += spread.count
    return counted


_WORLDS: dict[str, World] = {}


@dataclass(frozen=True, slots=True)
class WorldConnectors:
    """The connectors of the world of this name, in this process."""

    name: str

    def build(self) -> Connectors:
        world = _WORLDS[self.name]
        return Connectors(
            shard_source=world.source,
            positions=world.positions,
            speech_to_text=ScriptedSpeechToText(world.stt),
            ledger=world.ledger,
            directory=world.tables,
            translator=ScriptedTranslator(world.translation),
            synthesizer=ScriptedSynthesizer(world.synthesis),
            clip_store=world.clips,
            notifier=world.notifier,
            dead_letters=world.letters,
            voice_activity=ScriptedVoiceActivityFactory(),
            policies=world.policies,
        )


def ms(at_s: float) -> int:
    return START_MS + round(at_s * 1000)
