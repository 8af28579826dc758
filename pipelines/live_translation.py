"""The graph: it reads like the README's picture.

The live form is driven by ticks; the bounded form (a file, a folder of chunks) has none, waits for
its own calls, and takes the languages as a side input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.records import ReadRecord
from pipelines.transforms.active_languages import LookUpLanguages
from pipelines.transforms.calls import CallOptions
from pipelines.transforms.dead_letter import SendDeadLetters
from pipelines.transforms.deliver import Deliver
from pipelines.transforms.publish import Report
from pipelines.transforms.read_audio import ReadAudio, ReadOptions
from pipelines.transforms.serve_sessions import ServeSessions
from pipelines.transforms.transcribe import Transcribe
from pipelines.transforms.window_audio import WindowAudio, WindowOptions
from pipelines.worker.process import WorkerSettings
from schemas.values import ListenerLanguages, Outcome


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """``serve_every_ticks``: how often steps 3 to 7 are asked for what was done beside them."""

    read: ReadOptions
    window: WindowOptions
    cutter: Segmenter
    settings: WorkerSettings
    serve_every_ticks: int = 1

    @property
    def calls(self) -> CallOptions:
        return CallOptions(self.settings, self.window.partitions)


def live(ticks: beam.PCollection[int], options: GraphOptions) -> beam.PCollection[Outcome]:
    """From the clock's ticks to outcomes: reads the stream itself, ends never."""
    settings, calls = options.settings, options.calls
    read: Any = ticks | "1 read_audio" >> ReadAudio(options.read, settings)
    panes = read.records | "2 window_audio" >> WindowAudio(options.window, settings)
    served: Any = panes | "3 transcribe to 7 publish" >> ServeSessions(
        options.cutter, options.window, settings, ticks, options.serve_every_ticks
    )
    failures = [each.dead_letters for each in (read, served)]
    _ = failures | "Failures" >> beam.Flatten() | "x dead_letter" >> SendDeadLetters(calls, ticks)
    return _reported(served)


def bounded(
    records: beam.PCollection[tuple[str, ReadRecord]],
    languages: beam.PCollection[tuple[str, ListenerLanguages]],
    options: GraphOptions,
) -> beam.PCollection[Outcome]:
    """The same steps over records that are there already, for the given languages."""
    settings, calls = options.settings, options.calls
    panes = records | "2 window_audio" >> WindowAudio(options.window, settings)
    transcribe = Transcribe(options.cutter, options.window, settings)
    utterances = panes | "3 transcribe" >> transcribe
    routed = utterances | "4 active_languages" >> LookUpLanguages(languages, settings)
    delivered: Any = routed | "5 translate, 6 synthesize, 7 publish" >> Deliver(calls)
    _ = delivered.dead_letters | "x dead_letter" >> SendDeadLetters(calls)
    return _reported(delivered)


def _reported(delivered: Any) -> beam.PCollection[Outcome]:
    return delivered.main | "Report outcomes" >> beam.ParDo(Report()).with_output_types(Outcome)
