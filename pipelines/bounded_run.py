"""The same graph over a recording or a folder of stored chunks, on DirectRunner.

It leaves clips, captions in every language and the transcript; nobody is notified.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import TimestampedValue

from connectors.stored_chunks import StoredAudio, StoredAudioError, read_stored_audio
from connectors.talk_files import write_talk_files
from pipelines.core.records import ReadRecord
from pipelines.live_translation import bounded
from pipelines.options import BoundedJob
from pipelines.worker.process import held_worker
from schemas.values import AudioChunk, ListenerLanguages


def run(job: BoundedJob) -> int:
    """0 when everything given was worked off; 2 when the input is not audio we can replay."""
    try:
        audio = read_stored_audio(job.source, sys.stdin.buffer)
    except StoredAudioError as error:
        sys.stderr.write(f"pipelines.main: {error}\n")
        return 2
    sys.stderr.write(f"pipelines.main: {audio.note}\n")
    with held_worker(job.graph.settings) as worker:
        _run_graph(job, audio)
        for session_id, started_at_ms in audio.started_at_ms.items():
            entries = asyncio.run(worker.connectors.ledger.after(session_id, -1))
            write_talk_files(
                job.output,
                session_id,
                entries,
                started_at_ms=started_at_ms,
                languages=job.languages,
            )
    return 0


def _run_graph(job: BoundedJob, audio: StoredAudio) -> None:
    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
        records = (
            pipeline
            | "Stored chunks" >> beam.Create(stored_records(audio.chunks), reshuffle=False)
            | "At capture time"
            >> beam.Map(_at_capture_time).with_output_types(tuple[str, ReadRecord])
        )
        languages = pipeline | "Languages" >> beam.Create(
            [(session, ListenerLanguages(job.languages, 1)) for session in audio.started_at_ms]
        )
        bounded(records, languages, job.graph)


def stored_records(chunks: Iterable[AudioChunk]) -> list[tuple[str, ReadRecord]]:
    """As if the poller had read them at their own time."""
    return [
        (
            chunk.session_id,
            ReadRecord(
                chunk.received_at_ms, chunk.received_at_ms, 0, f"{number:020d}", chunk=chunk
            ),
        )
        for number, chunk in enumerate(chunks)
    ]


def _at_capture_time(element: tuple[str, ReadRecord]) -> Any:
    chunk = element[1].chunk
    assert chunk is not None
    return TimestampedValue(element, chunk.captured_at_ms / 1000)
