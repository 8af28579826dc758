"""One long talk through both flows in virtual time: what a listener is told, and when.

The programs are the real ones: the flow being replaced as it stands, and of the job the worker's
recognition, its ledger and its head start on translation and voice. The services take the times of
a profile. What is left out is the same for every clip and so adds nothing that grows: the hops
between Flink and Python, the store and the notification take no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from beam_flink_kit.loops import VirtualLoop
from benchmarks.baseline.delivery import FlowConnectors
from benchmarks.baseline.flow import READ_EVERY_S, WindowFlow
from benchmarks.engines.session_alone import (
    SESSION,
    SessionAlone,
    audio_records,
    opened_record,
)
from benchmarks.lag.service_profiles import ServiceProfile
from benchmarks.lag.word_lags import Arrival
from benchmarks.talks import Talk
from connectors.calls.policy import PATIENT
from connectors.interfaces.session_tables import ListenerCounts
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.notifier import MemoryNotifier, Notice
from connectors.memory.session_tables import MemorySessionTables
from connectors.testing.connectors import scripted_connectors
from connectors.testing.shard_source import ScriptedShardSource
from pipelines.runtime.speculation import SpeculationCounts, SpeculativeDelivery
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from schemas.avro_codec import encode
from schemas.values import (
    ControlKind,
    SessionControl,
    StreamRecord,
    Utterance,
)

START_MS = 1_800_000_000_000
"""The wall clock when the talk begins."""
INGEST_MS = 20
"""From a chunk's last sample into the stream."""
SETTLE_SAMPLES = 4_000
"""The job's default (docs/decisions/0002)."""
_READ_EVERY_MS = round(1000 * READ_EVERY_S)
_REST_MS = 30_000
"""Longer than everything that is under way when the talk is over."""

Arrivals = dict[str, tuple[Arrival, ...]]
"""What the listener of each language got."""


def baseline_arrivals(talk: Talk, languages: Sequence[str], profile: ServiceProfile) -> Arrivals:
    loop = VirtualLoop()
    loop.advance(START_MS - _REST_MS)
    source = ScriptedShardSource(now_ms=loop.now_ms)
    speech = profile.speech_choice()
    notifier = MemoryNotifier()
    flow = WindowFlow(
        FlowConnectors(
            source,
            MemorySessionTables(loop.now_ms),
            speech.open_speech_to_text(),
            speech.open_translator(),
            speech.open_synthesizer(),
            MemoryClipStore(),
            notifier,
        ),
        now_ms=loop.now_ms,
    )
    # Who listens is known before the talk, and the flow reads from LATEST: so it reads first.
    running = loop.start(flow.run())
    loop.advance(START_MS - _REST_MS // 2)
    for at_ms, record in _records(talk, languages):
        source.put(SESSION, encode(record), at_ms=at_ms)
    loop.advance(START_MS + round(1000 * talk.duration_s) + _REST_MS)

    async def stop() -> None:
        flow.stop()

    loop.wait(loop.start(stop()))
    loop.wait(running)
    loop.stop()
    return {language: _arrivals(notifier.notices, language) for language in languages}


def job_arrivals(talk: Talk, languages: Sequence[str], profile: ServiceProfile) -> Arrivals:
    return job_run(talk, languages, profile).arrivals


@dataclass(frozen=True, slots=True)
class JobRun:
    arrivals: Arrivals
    speculated: SpeculationCounts


def job_run(talk: Talk, languages: Sequence[str], profile: ServiceProfile) -> JobRun:
    loop = VirtualLoop()
    loop.advance(START_MS)
    speech = profile.speech_choice()
    tables = MemorySessionTables(loop.now_ms)
    # As if counted when all is over: the tables compare older counts with connections, of which
    # there are none here.
    over_ms = START_MS + round(1000 * talk.duration_s) + _REST_MS
    tables.set_counts(SESSION, ListenerCounts(dict.fromkeys(languages, 1), 1), over_ms)
    connectors = replace(
        scripted_connectors(loop.now_ms),
        directory=tables,
        speech_to_text=speech.open_speech_to_text(),
        translator=speech.open_translator(),
        synthesizer=speech.open_synthesizer(),
        voice_activity=speech.open_voice_activity(),
        policies=PATIENT,
    )
    speculation = SpeculativeDelivery(loop, connectors, is_on=True)
    segmenter = PauseSegmenter(settle_samples=SETTLE_SAMPLES)
    session = SessionAlone(loop, connectors, segmenter, speculation)
    heard: dict[str, list[Arrival]] = {language: [] for language in languages}

    async def deliver(utterance: Utterance, language: str) -> None:
        entry = utterance.entry
        text = await speculation.translation(entry, language)
        clip = await speculation.clip(entry, language, text)
        words = tuple(entry.text.split())
        heard[language].append(Arrival(loop.now_ms(), entry.captured_at_ms, words, clip.duration_s))
        session.delivered(utterance, language)

    def take() -> None:
        for utterance in session.take_speech():
            for language in languages:
                loop.start(deliver(utterance, language))

    session.feed([opened_record(at_ms=START_MS)])
    for record in audio_records(talk.pcm, started_at_ms=START_MS):
        loop.advance(_read_at_ms(record.arrived_at_ms + INGEST_MS))
        session.feed([record])
        take()
    session.finish()
    for _ in range(_REST_MS // _READ_EVERY_MS):
        loop.advance(loop.now_ms() + _READ_EVERY_MS)
        take()
    session.close()
    loop.wait(loop.start(speculation.close()))
    loop.wait(loop.start(connectors.close()))
    loop.stop()
    arrivals = {language: tuple(each) for language, each in heard.items()}
    return JobRun(arrivals, speculation.take_counts())


def _read_at_ms(arrived_at_ms: int) -> int:
    """A shard is read at most five times a second."""
    return -(-arrived_at_ms // _READ_EVERY_MS) * _READ_EVERY_MS


def _records(talk: Talk, languages: Sequence[str]) -> list[tuple[int, StreamRecord]]:
    """With the times at which they are in the stream: a chunk behind its last sample."""
    control = SessionControl(SESSION, 0, -1, 0, ControlKind.LISTENERS, START_MS, tuple(languages))
    found: list[tuple[int, StreamRecord]] = [(START_MS, control)]
    records = audio_records(talk.pcm, started_at_ms=START_MS)
    chunks = [(each.arrived_at_ms + INGEST_MS, each.chunk) for each in records if each.chunk]
    return [*found, *chunks]


def _arrivals(notices: Iterable[Notice], language: str) -> tuple[Arrival, ...]:
    """A message is there when its stages are over."""
    return tuple(
        Arrival(one.timestamp + sum(one.stages.values()), one.timestamp, one.words, one.duration)
        for one in (
            msgspec.convert(notice.message, _Message)
            for notice in notices
            if notice.language == language
        )
    )


class _Message(msgspec.Struct, rename="camel", frozen=True):
    """What is looked at in a ``translatedAudio``."""

    timestamp: int
    duration: float
    source_transcript: str
    stages: dict[str, int]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.source_transcript.split())
