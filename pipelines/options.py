"""The job's options, read once and checked with errors that say what to do."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_flink_kit.loops import TimeMode
from connectors.amazon.clients import AwsSettings
from connectors.calls.guided_translator import Guidance, read_glossary
from connectors.files.stored_chunks import PIPE
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.interfaces.traces import TraceSettings
from connectors.job_connectors import (
    FolderConnectors,
    LiveConnectors,
    NotifyChoice,
    SpeechChoice,
)
from connectors.local.engines import LocalSpeech
from connectors.plugins import plugin_names
from pipelines.amazon_options import add_amazon_arguments, read_amazon_speech
from pipelines.live_translation import GraphOptions, live, live_windows
from pipelines.log.reader import ReadOptions
from pipelines.runtime.worker import WorkerSettings
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.sentence_segmenter import SentenceSegmenter
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend
from pipelines.service_options import (
    add_openai_arguments,
    add_whisper_live_arguments,
    read_chat,
    read_openai_speech,
    read_whisper_live,
)
from pipelines.transforms.window_audio import WindowOptions
from schemas.values import SAMPLE_RATE_HZ

PANE_MS = 3_000
ENGINES = ("offline", "local", "amazon", "openai", "scripted")


HELP = """
The live job reads speech from Kinesis on Flink:
  python -m pipelines.main --job_endpoint=localhost:8099 --aws_endpoint=http://127.0.0.1:4566
A bounded run translates a recording here, and needs neither:
  python -m pipelines.main --input=talk.wav --language=es,ca --output=build/talk
  ffmpeg -i talk.mp4 -f s16le -ar 16000 -ac 1 - | \\
      python -m pipelines.main --input=- --language=es --output=build/talk
"""


class UsageError(ValueError):
    """The command line cannot be run as it is; the message says what to change."""


class JobOptions(PipelineOptions):
    """The options that are ours; Beam's own (``--parallelism``, ...) stand beside them."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        cls.add_arguments_to(parser)

    @staticmethod
    def add_arguments_to(parser: argparse.ArgumentParser) -> None:
        live = parser.add_argument_group("live job")
        live.add_argument("--expansion_service", default="localhost:8097")
        live.add_argument("--worker_pool", default="localhost:25000")
        live.add_argument("--aws_endpoint", default="", help="empty: the real AWS")
        live.add_argument("--aws_region", default="us-east-1")
        live.add_argument("--stage", default="dev", help="names of tables, stream and buckets")
        live.add_argument(
            "--start",
            default="latest",
            help="latest, trim_horizon, resume, or a time such as 2026-11-21T10:00:00Z",
        )
        live.add_argument("--record_format", default="avro", choices=("avro", "pcm"))
        live.add_argument(
            "--read",
            default="poll",
            choices=("poll", "fan_out"),
            help="fan_out: Kinesis pushes records; for a job with one worker process",
        )
        live.add_argument("--consumer", default="", help="of fan_out; empty: the job's name")
        live.add_argument("--readers", type=int, default=4)
        live.add_argument("--partitions", type=int, default=4)
        live.add_argument("--notifier", default="api_gateway", choices=("api_gateway", "gateway"))
        live.add_argument("--notify_endpoint", default="http://127.0.0.1:8080")
        live.add_argument("--notify_token", default="")
        live.add_argument(
            "--notify_token_file",
            default="",
            help="of the workers' machine: the jar that holds these options holds no token then",
        )
        live.add_argument(
            "--trace_endpoint", default="", help="a collector of OTLP over HTTP; empty: no traces"
        )
        live.add_argument("--trace_ratio", type=float, default=1.0, help="of the clips, 0 to 1")
        live.add_argument("--no_wait", action="store_true", help="return once it is submitted")

        window = parser.add_argument_group("windows and speech")
        window.add_argument(
            "--segmentation",
            default="pause",
            choices=("pause", "window"),
            help="where utterances end: at pauses and clause ends, or every 3 s of samples",
        )
        window.add_argument(
            "--pane_ms", type=int, default=PANE_MS, help="early panes of the window segmentation"
        )
        window.add_argument(
            "--release",
            default=ReleaseSettings().release.value,
            choices=[each.value for each in ReleaseName],
            help="what of a sentence's translation is told while it is spoken: what drafts agree"
            " on, what an engine continues (auto: where it can), whole sentences; append: each"
            " utterance alone, as the window segmentation does. A bounded run waits for nobody and"
            " translates whole sentences, or with append each utterance",
        )
        window.add_argument(
            "--spend",
            default="",
            choices=("", *(each.value for each in Spend)),
            help="how often a sentence is translated again: every two words, every four, or at the"
            " ends of clauses; empty: balanced with --translation=amazon, else swift",
        )
        window.add_argument("--pane_records", type=int, default=100)
        window.add_argument("--settle_ms", type=int, default=250)
        own = {"speech_to_text": ("combined", "whisper_live"), "translation": ("bedrock",)}
        for service in ("speech_to_text", "translation", "speech_synthesis"):
            names = (*ENGINES, *own.get(service, ()), *plugin_names(service))
            window.add_argument(f"--{service}", default="offline", choices=names)
            if service == "translation":
                window.add_argument(
                    "--translation_fallback",
                    default="",
                    choices=("", *names),
                    help="who translates what that one has no translation of; empty: nobody",
                )
        window.add_argument(
            "--glossary", default="", help='a TOML file: [es], then "term" = "translation"'
        )
        window.add_argument(
            "--formality",
            default="",
            choices=("", "formal", "informal"),
            help="how translations address people, by engines that can choose",
        )
        window.add_argument(
            "--voice_activity",
            default="",
            choices=("", "webrtc", "silero"),
            help="who tells voice from other sound; empty: silero where recognition is local",
        )
        add_amazon_arguments(parser)

        local = parser.add_argument_group("neural engines of this machine (local)")
        local.add_argument("--models", default="", help="a models.toml; empty: the project's")
        local.add_argument("--models_folder", default="", help="empty: .cache/models")
        local.add_argument(
            "--local_voices",
            default="all",
            help="languages that Kokoro speaks, such as pt,es; espeak-ng speaks the others",
        )

        add_openai_arguments(parser)
        add_whisper_live_arguments(parser)

        bounded = parser.add_argument_group(
            "bounded run", "a recording instead of the live stream; times count from its beginning"
        )
        bounded.add_argument(
            "--input",
            default="",
            help="a WAV file or other recording, a folder of stored chunks"
            " (sessions/ID/chunks/MS.pcm), or - for a pipe (WAV, or raw 16 kHz mono s16le)",
        )
        bounded.add_argument("--source_language", default="en", help="what is spoken")
        bounded.add_argument(
            "--language", default="es", help="what to translate into, such as es,ca,fr"
        )
        bounded.add_argument(
            "--output", default="", help="a folder for clips, captions (WebVTT) and transcript"
        )


def help_text() -> str:
    """Our options; Beam's own help cannot name them."""
    parser = argparse.ArgumentParser(
        usage="python -m pipelines.main [options]",
        description=HELP,
        epilog="All options of Beam and of its Flink runner are taken as well.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    JobOptions.add_arguments_to(parser)
    return parser.format_help()


@dataclass(frozen=True, slots=True)
class LiveJob:
    graph: GraphOptions
    windows: bool
    expansion_service: str
    worker_pool: str
    no_wait: bool

    def build(self, ticks: beam.PCollection[int]) -> None:
        """Build the graph of the job's segmentation on the clock's ticks."""
        graph = live_windows if self.windows else live
        graph(ticks, self.graph)


@dataclass(frozen=True, slots=True)
class BoundedJob:
    """``source``: a recording, a folder of stored chunks, or ``stored_chunks.PIPE``."""

    graph: GraphOptions
    source: Path
    source_language: str
    languages: tuple[str, ...]
    output: Path


def read_options(options: PipelineOptions, job_name: str) -> LiveJob | BoundedJob:
    """Raises UsageError."""
    given: Any = options.view_as(JobOptions)
    if given.input:
        return _bounded(given, job_name)
    aws = (
        AwsSettings.local(given.aws_endpoint, given.stage)
        if given.aws_endpoint
        else AwsSettings(given.stage, region=given.aws_region)
    )
    notify = NotifyChoice(
        given.notifier,
        given.notify_endpoint,
        given.notify_token or None,
        Path(given.notify_token_file) if given.notify_token_file else None,
    )
    consumer = _consumer(given, job_name) if given.read == "fan_out" else ""
    factory = LiveConnectors(aws, _speech(given), notify, consumer=consumer, traces=_traces(given))
    return LiveJob(
        _graph(given, job_name, _worker(given, factory)),
        given.segmentation == "window",
        given.expansion_service,
        given.worker_pool,
        given.no_wait,
    )


def _worker(given: Any, factory: LiveConnectors) -> WorkerSettings:
    return WorkerSettings(factory, speculates=True, release=_release(given))


def _release(given: Any) -> ReleaseSettings | None:
    """None: each utterance is translated alone, as the window segmentation does."""
    release = ReleaseName(given.release)
    if release is ReleaseName.APPEND or given.segmentation == "window":
        return None
    return ReleaseSettings(release, Spend(given.spend or _usual_spend(given.translation)))


def _usual_spend(translation: str) -> Spend:
    """Amazon Translate bills characters, each time (docs/decisions/0019)."""
    return Spend.BALANCED if translation == "amazon" else ReleaseSettings().spend


def _traces(given: Any) -> TraceSettings:
    if given.trace_endpoint and not re.match(r"https?://", given.trace_endpoint):
        raise UsageError(f"--trace_endpoint={given.trace_endpoint}: use http://HOST:4318")
    if not 0.0 <= given.trace_ratio <= 1.0:
        raise UsageError(f"--trace_ratio={given.trace_ratio}: use 0 to 1")
    return TraceSettings(given.trace_endpoint, given.trace_ratio)


def _consumer(given: Any, job_name: str) -> str:
    """The name that Kinesis knows the job by, in its alphabet."""
    name = given.consumer or job_name or "live-translation"
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name):
        raise UsageError(f"--consumer={name}: use 1 to 128 letters, digits and _ . -")
    return name


def _bounded(given: Any, job_name: str) -> BoundedJob:
    source = Path(given.input)
    if source != PIPE and not source.exists():
        raise UsageError(
            f"--input={source}: there is no such file or folder; give a WAV file, a folder of"
            " stored chunks, or - for a pipe"
        )
    if not given.output:
        raise UsageError("--input needs --output=DIR, a folder for clips, captions and transcript")
    if Path(given.output).is_file():
        raise UsageError(f"--output={given.output}: this is a file; give a folder")
    languages = tuple(each.strip() for each in given.language.split(",") if each.strip())
    if not languages:
        raise UsageError("--language needs at least one language, such as es,ca")
    output = Path(given.output).absolute()
    connectors = FolderConnectors(
        output, _speech(given), source_language=given.source_language, languages=languages
    )
    settings = WorkerSettings(connectors, TimeMode.INLINE)
    graph = _graph(given, job_name, settings)
    return BoundedJob(graph, source, given.source_language, languages, output)


def _graph(given: Any, job_name: str, settings: WorkerSettings) -> GraphOptions:
    if given.readers < 1 or given.partitions < 1 or given.pane_ms < 0:
        raise UsageError("--readers and --partitions are at least 1, --pane_ms at least 0")
    bounded = settings.time is TimeMode.INLINE
    start, resume = start_at(given.start, time.time_ns() // 1_000_000)
    return GraphOptions(
        ReadOptions(job_name, start, resume, given.record_format, given.readers),
        _segmenter(given),
        settings,
        WindowOptions(
            pane_ms=0 if bounded else given.pane_ms,
            pane_records=0 if bounded else given.pane_records,
            partitions=given.partitions,
        ),
    )


def _segmenter(given: Any) -> Segmenter:
    settle_samples = given.settle_ms * SAMPLE_RATE_HZ // 1000
    if given.segmentation == "window":
        return WindowSegmenter(settle_samples=settle_samples)
    if ReleaseName(given.release) is ReleaseName.APPEND:
        return PauseSegmenter(settle_samples=settle_samples)
    if given.input:
        return SentenceSegmenter(settle_samples=settle_samples, language=given.source_language)
    return StepSegmenter(settle_samples=settle_samples)


def _speech(given: Any) -> SpeechChoice:
    try:
        amazon = read_amazon_speech(given)
        openai, chat = read_openai_speech(given), read_chat(given)
        whisper_live = read_whisper_live(given)
        glossary = read_glossary(Path(given.glossary)) if given.glossary else ()
    except (ValueError, PermanentError) as error:
        raise UsageError(str(error)) from None
    return SpeechChoice(
        given.speech_to_text,
        given.translation,
        given.speech_synthesis,
        given.voice_activity,
        amazon=amazon,
        local=_local_speech(given),
        openai=openai,
        whisper_live=whisper_live,
        chat=chat,
        guidance=Guidance(glossary, given.formality),
        translation_fallback=given.translation_fallback,
    )


def _local_speech(given: Any) -> LocalSpeech:
    voices = [name.strip() for name in given.local_voices.split(",") if name.strip()]
    return LocalSpeech(
        Path(given.models) if given.models else None,
        Path(given.models_folder) if given.models_folder else None,
        None if voices == ["all"] else tuple(voices),
    )


def start_at(text: str, now_ms: int) -> tuple[StartAt, bool]:
    """(where to begin, whether saved positions come first). LATEST is the time of submission, so
    that a restart before the first checkpoint begins at the same place."""
    if text == "trim_horizon":
        return StartAt(StartKind.TRIM_HORIZON), False
    if text in ("latest", "resume"):
        return StartAt(StartKind.AT_TIMESTAMP, str(now_ms)), text == "resume"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--start={text}: use latest, trim_horizon, resume or a time "
            "such as 2026-11-21T10:00:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return StartAt(StartKind.AT_TIMESTAMP, str(int(moment.timestamp() * 1000))), False
