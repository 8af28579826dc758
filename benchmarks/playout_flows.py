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

from benchmarks.lag import Arrival
from benchmarks.service_profiles import ServiceProfile
from benchmarks.session_alone import SESSION, alone, audio_items, flush_item
from benchmarks.talks import Talk
from benchmarks.window_flow import READ_EVERY_S, WindowFlow
from benchmarks.window_saying import FlowConnectors
from connectors.memory_clip_store import MemoryClipStore
from connectors.memory_notifier import MemoryNotifier, Notice
from connectors.memory_session_tables import MemorySessionTables
from connectors.policy import PATIENT
from connectors.scripted_connectors import scripted_connectors
from connectors.scripted_shard_source import ScriptedShardSource
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.worker.ahead import Ahead, HeadStarts
from pipelines.worker.loops import VirtualLoop
from schemas.avro_codec import encode
from schemas.values import (
    AudioChunk,
    ControlKind,
    EntryKind,
    SessionControl,
    StreamRecord,
    Utterance,
)

START_MS = 1_800_000_000_000
"""The wall clock when the talk begins."""
INGEST_MS = 20
"""From a chunk's last sample into the stream."""
PANE_MS = 20
SETTLE_SAMPLES = 4_000
"""The job's default (docs/decisions/0002)."""
_CHUNK_MS = 256
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
    return {language: _heard(notifier.notices, language) for language in languages}


def job_arrivals(talk: Talk, languages: Sequence[str], profile: ServiceProfile) -> Arrivals:
    return job_run(talk, languages, profile).arrivals


@dataclass(frozen=True, slots=True)
class JobRun:
    arrivals: Arrivals
    head_starts: HeadStarts


def job_run(talk: Talk, languages: Sequence[str], profile: ServiceProfile) -> JobRun:
    loop = VirtualLoop()
    loop.advance(START_MS)
    speech = profile.speech_choice()
    connectors = replace(
        scripted_connectors(loop.now_ms),
        speech_to_text=speech.open_speech_to_text(),
        translator=speech.open_translator(),
        synthesizer=speech.open_synthesizer(),
        voice_activity=speech.voice_activity(),
        policies=PATIENT,
    )
    ahead = Ahead(loop, connectors, is_on=True)
    ahead.listeners(SESSION, tuple(languages))
    registry, transcriber = alone(
        loop, connectors, PauseSegmenter(settle_samples=SETTLE_SAMPLES), ahead
    )
    heard: dict[str, list[Arrival]] = {language: [] for language in languages}

    async def deliver(utterance: Utterance, language: str) -> None:
        entry = utterance.entry
        text = await ahead.translation(entry, language)
        clip = await ahead.clip(entry, language, text)
        words = tuple(entry.text.split())
        heard[language].append(Arrival(loop.now_ms(), entry.captured_at_ms, words, clip.duration_s))

    def take() -> None:
        for utterance in transcriber.drain():
            if utterance.entry.kind is EntryKind.SPEECH:
                for language in languages:
                    loop.start(deliver(utterance, language))

    items = audio_items(talk.pcm, started_at_ms=START_MS)
    for item in items:
        loop.advance(_read_at_ms(item.captured_at_ms + _CHUNK_MS + INGEST_MS) + PANE_MS)
        transcriber.feed([item])
        take()
    transcriber.feed([flush_item(len(items))])
    for _ in range(_REST_MS // _READ_EVERY_MS):
        loop.advance(loop.now_ms() + _READ_EVERY_MS)
        take()
    registry.close()
    loop.wait(loop.start(ahead.close()))
    loop.wait(loop.start(connectors.close()))
    loop.stop()
    arrivals = {language: tuple(each) for language, each in heard.items()}
    return JobRun(arrivals, ahead.take_counts())


def _read_at_ms(arrived_at_ms: int) -> int:
    """A shard is read at most five times a second."""
    return -(-arrived_at_ms // _READ_EVERY_MS) * _READ_EVERY_MS


def _records(talk: Talk, languages: Sequence[str]) -> list[tuple[int, StreamRecord]]:
    """With the times at which they are in the stream: a chunk behind its last sample."""
    control = SessionControl(SESSION, 0, -1, 0, ControlKind.LISTENERS, START_MS, tuple(languages))
    found: list[tuple[int, StreamRecord]] = [(START_MS, control)]
    for item in audio_items(talk.pcm, started_at_ms=START_MS):
        at_ms = item.captured_at_ms
        chunk = AudioChunk(SESSION, 0, item.sequence, at_ms, at_ms + _CHUNK_MS, item.pcm)
        found.append((at_ms + _CHUNK_MS + INGEST_MS, chunk))
    return found


def _heard(notices: Iterable[Notice], language: str) -> tuple[Arrival, ...]:
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
