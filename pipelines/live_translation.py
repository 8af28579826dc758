"""The graph: it reads like the README's picture.

``live`` recognises beside the bundles and ends utterances at pauses. ``live_windows`` is the same
from the transcription on, after session windows of 3 s. ``bounded`` works recorded audio off, with
the languages as a side input.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam

from beam_flink_kit.async_calls import CallPolicy
from beam_flink_kit.async_dofn import DEAD_LETTERS, AsyncDoFn, CallAsync
from beam_flink_kit.ticks import Tick
from connectors.interfaces.errors import ConnectorError
from pipelines.log.reader import ReadOptions
from pipelines.runtime.worker import WorkerSettings
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.records import ReadRecord
from pipelines.transforms.active_languages import ActiveLanguages
from pipelines.transforms.bounded_languages import JoinLanguages
from pipelines.transforms.dead_letter import SendDeadLetter, lost_letter
from pipelines.transforms.publish import PublishClip
from pipelines.transforms.read_audio import ReadAudio
from pipelines.transforms.reader_step import TickHold
from pipelines.transforms.report import ReportOutcome
from pipelines.transforms.synthesize import SynthesizeTranslation
from pipelines.transforms.transcribe import Transcribe
from pipelines.transforms.transcribe_panes import TranscribePanes
from pipelines.transforms.translate import TranslateUtterance
from pipelines.transforms.window_audio import WindowAudio, WindowOptions
from schemas.values import (
    DeadLetter,
    ListenerLanguages,
    Outcome,
    RoutedUtterance,
    Translation,
    VoicedTranslation,
)

MOST_CALLS = 4_000
"""Of a step in a process; the elements after these wait in their order."""
SERVICE = CallPolicy(MOST_CALLS, deadline_s=120.0, expected=(ConnectorError,))
OUTBOX = CallPolicy(MOST_CALLS, deadline_s=1_800.0, expected=(ConnectorError,))
"""Publishing waits for the ledger, for as long as an outage lasts."""


@dataclass(frozen=True, slots=True)
class GraphOptions:
    read: ReadOptions
    segmenter: Segmenter
    settings: WorkerSettings
    window: WindowOptions = field(default_factory=WindowOptions)
    hold: TickHold = field(default_factory=TickHold)


def live(ticks: beam.PCollection[int], options: GraphOptions) -> beam.PCollection[Outcome]:
    """From the clock's ticks to outcomes: reads the stream itself, ends never."""
    heard: Any = ticks | "1 transcribe" >> Transcribe(
        options.read, options.segmenter, options.settings, options.hold
    )
    routed = heard.main | "2 active_languages" >> ActiveLanguages()
    return _delivered(routed, 3, options, [heard.dead_letters], heard.ticks)


def live_windows(ticks: beam.PCollection[int], options: GraphOptions) -> beam.PCollection[Outcome]:
    """The same with session windows in front of the transcription."""
    read: Any = ticks | "1 read_audio" >> ReadAudio(options.read, options.settings, options.hold)
    panes = read.main | "2 window_audio" >> WindowAudio(options.window, options.settings)
    heard: Any = panes | "3 transcribe" >> _transcribe_panes(options, ticks)
    routed = heard.main | "4 active_languages" >> ActiveLanguages()
    return _delivered(routed, 5, options, [read.dead_letters, heard.dead_letters], heard.ticks)


def bounded(
    records: beam.PCollection[tuple[str, ReadRecord]],
    languages: beam.PCollection[tuple[str, ListenerLanguages]],
    options: GraphOptions,
) -> beam.PCollection[Outcome]:
    """The same steps over records that are there already, for the given languages."""
    panes = records | "2 window_audio" >> WindowAudio(options.window, options.settings)
    heard: Any = panes | "3 transcribe" >> _transcribe_panes(options, None)
    routed = heard.main | "4 active_languages" >> JoinLanguages(languages)
    return _delivered(routed, 5, options, [heard.dead_letters], None)


def _transcribe_panes(
    options: GraphOptions, ticks: beam.PCollection[int] | None
) -> TranscribePanes:
    return TranscribePanes(
        options.read.job_name,
        options.segmenter,
        options.settings,
        options.hold,
        options.window,
        ticks,
        raw=options.read.record_format == "pcm",
    )


def _delivered(
    routed: beam.PCollection[RoutedUtterance],
    number: int,
    options: GraphOptions,
    letters: Iterable[beam.PCollection[DeadLetter]],
    ticks: beam.PCollection[Tick] | None,
) -> beam.PCollection[Outcome]:
    """From the utterances with their languages to outcomes; all of it is one stage on Flink.
    ``number``: of the first of these steps."""

    def step(handler: Any, policy: CallPolicy, output: Any) -> CallAsync:
        tagged = {DEAD_LETTERS: DeadLetter}
        dofn = AsyncDoFn(
            handler, options.settings, policy=policy, tagged=tagged, dead_letter=lost_letter
        )
        return CallAsync(dofn, output, ticks)

    # Where sentences are released, what a translation comes to is fixed before it is handed on.
    translating = SERVICE if options.settings.release is None else OUTBOX
    translated: Any = routed | f"{number} translate" >> step(
        TranslateUtterance(), translating, Translation
    )
    voiced: Any = translated.main | f"{number + 1} synthesize" >> step(
        SynthesizeTranslation(), SERVICE, VoicedTranslation
    )
    published: Any = voiced.main | f"{number + 2} publish" >> step(PublishClip(), OUTBOX, Outcome)
    failures = (*letters, translated.dead_letters, voiced.dead_letters, published.dead_letters)
    _ = (
        failures
        | "x failures" >> beam.Flatten()
        | "x dead_letter" >> step(SendDeadLetter(), SERVICE, str)
    )
    return published.main | f"{number + 3} report" >> beam.ParDo(ReportOutcome()).with_output_types(
        Outcome
    )
