"""The same graph over a WAV file or a folder of stored chunks, on DirectRunner."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.process_scope import held
from connectors.stored_chunks import StoredAudioError, stored_chunks
from pipelines.live_translation import bounded
from pipelines.options import BoundedJob
from pipelines.session.records import Place, ReadRecord
from schemas.values import AudioChunk, ListenerLanguages


def run(job: BoundedJob) -> int:
    """0 when everything given was worked off; 2 when the input is not audio we can replay."""
    try:
        chunks = list(stored_chunks(job.source))
    except StoredAudioError as error:
        sys.stderr.write(f"pipelines.main: {error}\n")
        return 2
    options = PipelineOptions(["--runner=DirectRunner"])
    with held(job.graph.settings), beam.Pipeline(options=options) as pipeline:
        records = (
            pipeline
            | "Stored chunks" >> beam.Create(stored_records(chunks), reshuffle=False)
            | "At capture time"
            >> beam.Map(_at_capture_time).with_output_types(tuple[str, ReadRecord])
        )
        sessions = sorted({chunk.session_id for chunk in chunks})
        languages = pipeline | "Languages" >> beam.Create(
            [(session, ListenerLanguages(job.languages, 1)) for session in sessions]
        )
        bounded(records, languages, job.graph)
    return 0


def stored_records(chunks: Iterable[AudioChunk]) -> list[tuple[str, ReadRecord]]:
    """As if the poller had read them at their own time."""
    return [
        (
            chunk.session_id,
            ReadRecord(
                Place("input", str(number + 1), str(number)),
                chunk.received_at_ms,
                chunk.received_at_ms,
                chunk,
            ),
        )
        for number, chunk in enumerate(chunks)
    ]


def _at_capture_time(element: tuple[str, ReadRecord]) -> Any:
    chunk = element[1].chunk
    assert chunk is not None
    return TimestampedValue(element, chunk.captured_at_ms / 1000)
