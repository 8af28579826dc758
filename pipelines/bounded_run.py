"""The same graph over a recording or a folder of stored chunks, on DirectRunner.

It leaves clips, captions in every language and the transcript; nobody is notified.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.process_scope import held
from connectors.files.stored_chunks import StoredAudio, StoredAudioError, read_stored_audio
from connectors.files.talk_files import write_talk_files
from connectors.registry import Connectors
from pipelines.live_translation import bounded
from pipelines.options import BoundedJob
from pipelines.session.records import Place, ReadRecord
from schemas.languages import LANGUAGES
from schemas.values import AudioChunk, EntryKind, LedgerEntry, ListenerLanguages


def run(job: BoundedJob) -> int:
    """0 when everything given was worked off; 1 when no recogniser took any of it; 2 when the input
    is not audio we can replay, or a language is not to be had."""
    try:
        audio = read_stored_audio(job.source, sys.stdin.buffer)
    except StoredAudioError as error:
        sys.stderr.write(f"pipelines.main: {error}\n")
        return 2
    sys.stderr.write(f"pipelines.main: {audio.note}\n")
    with held(job.graph.settings) as worker:
        refusal = _refusal(job, worker.connectors)
        if refusal is not None:
            sys.stderr.write(f"pipelines.main: {refusal}\n")
            return 2
        _run_graph(job, audio)
        every: list[LedgerEntry] = []
        for session_id, started_at_ms in audio.started_at_ms.items():
            entries = asyncio.run(worker.connectors.ledger.after(session_id, -1))
            every += entries
            write_talk_files(
                job.output,
                session_id,
                entries,
                started_at_ms=started_at_ms,
                languages=job.languages,
            )
    return _report_failures(every)


def _report_failures(entries: Sequence[LedgerEntry]) -> int:
    """The status of a run; a sentence when audio was given up."""
    failed_s = sum(entry.duration_s for entry in entries if entry.kind is EntryKind.FAILED)
    if not failed_s:
        return 0
    is_all = not any(entry.text for entry in entries)
    of_what = "nothing was recognised" if is_all else "a part was not recognised"
    sys.stderr.write(
        f"pipelines.main: {of_what}: {failed_s:.1f} s of audio were given up, since the recogniser"
        " failed; the log above says how. Run it again when that is mended\n"
    )
    return 1 if is_all else 0


def _refusal(job: BoundedJob, connectors: Connectors) -> str | None:
    """Why the talk cannot be had in one of the languages, and in which it can."""

    def is_possible(language: str) -> bool:
        return connectors.translator.can_translate(
            job.source_language, language
        ) and connectors.synthesizer.can_speak(language)

    impossible = [language for language in job.languages if not is_possible(language)]
    if not impossible:
        return None
    possible = ", ".join(filter(is_possible, LANGUAGES)) or "none"
    return (
        f"--language={','.join(impossible)}: these engines have no translation from"
        f" {job.source_language}, or no voice; use some of: {possible}"
    )


def _run_graph(job: BoundedJob, audio: StoredAudio) -> None:
    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
        build_bounded(pipeline, job, audio)


def build_bounded(pipeline: beam.Pipeline, job: BoundedJob, audio: StoredAudio) -> None:
    """The graph of a bounded run, its input included."""
    records = (
        pipeline
        | "Stored chunks" >> beam.Create(stored_records(audio.chunks), reshuffle=False)
        | "At capture time" >> beam.Map(_at_capture_time).with_output_types(tuple[str, ReadRecord])
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
