"""The command line is checked once, with errors that say what to do."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from beam_flink_kit.loops import TimeMode
from connectors.amazon.clients import AwsSettings
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.shard_source import ShardSource, StartAt, StartKind
from connectors.interfaces.traces import NoTraces, Traces
from connectors.job_connectors import FolderConnectors, LiveConnectors, NotifyChoice, SpeechChoice
from connectors.memory.notifier import MemoryNotifier
from connectors.services.otlp_traces import OtlpTraces
from connectors.testing.speech_to_text import ScriptedSpeechToText
from pipelines.options import BoundedJob, JobOptions, LiveJob, UsageError, read_options, start_at
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend

pytestmark = pytest.mark.unit

NOW_MS = 1_800_000_000_123
SCRIPTED = SpeechChoice("scripted", "scripted", "scripted")


@pytest.mark.parametrize(
    ("text", "start", "resume"),
    [
        ("trim_horizon", StartAt(StartKind.TRIM_HORIZON), False),
        ("latest", StartAt(StartKind.AT_TIMESTAMP, str(NOW_MS)), False),
        ("resume", StartAt(StartKind.AT_TIMESTAMP, str(NOW_MS)), True),
        ("2026-11-21T10:00:00Z", StartAt(StartKind.AT_TIMESTAMP, "1795255200000"), False),
        ("2026-11-21T10:00:00", StartAt(StartKind.AT_TIMESTAMP, "1795255200000"), False),
        ("2026-11-21T12:00:00+02:00", StartAt(StartKind.AT_TIMESTAMP, "1795255200000"), False),
    ],
)
def test_where_to_start(text: str, start: StartAt, resume: bool) -> None:
    assert start_at(text, NOW_MS) == (start, resume)


@pytest.mark.parametrize("text", ["", "now", "21/11/2026", "2026-13-01"])
def test_a_start_that_is_none_says_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="use latest, trim_horizon, resume or a time"):
        start_at(text, NOW_MS)


def read(*arguments: str) -> LiveJob | BoundedJob:
    return read_options(JobOptions(list(arguments)), "job")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--readers=0"], "at least 1"),
        (["--pane_ms=-1"], "at least 0"),
        (["--partitions=-1"], "at least 1"),
        (["--start=yesterday"], "use latest"),
        (["--trace_endpoint=collector:4318"], "use http://HOST:4318"),
        (["--trace_ratio=2"], "use 0 to 1"),
        (["--input=/no/such.wav", "--output=x"], "no such file"),
        (["--input=/", "--output="], "needs --output"),
        (["--input=/", "--output=x", "--language=,"], "at least one language"),
        (["--read=fan_out", "--consumer=two words"], "letters, digits"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(*arguments)


def test_a_live_job_as_it_is_asked_for() -> None:
    job = read("--start=trim_horizon", "--readers=2", "--record_format=pcm", "--settle_ms=500")
    assert isinstance(job, LiveJob)
    assert job.graph.read.start == StartAt(StartKind.TRIM_HORIZON)
    assert (job.graph.read.readers, job.graph.read.record_format) == (2, "pcm")
    assert job.graph.segmenter == StepSegmenter(settle_samples=8_000)
    assert not job.windows


@pytest.mark.parametrize(
    ("arguments", "source", "every_s"),
    [
        ([], AmazonShardSource, 0.2),
        (["--consumer=unused"], AmazonShardSource, 0.2),
        (["--read=fan_out"], AmazonFanOutSource, 0.0),
    ],
)
async def test_how_the_stream_is_read(
    arguments: list[str], source: type[ShardSource], every_s: float
) -> None:
    job = read("--speech_to_text=scripted", "--translation=scripted", *arguments)
    assert isinstance(job, LiveJob)
    connectors = job.graph.settings.connectors.build()
    assert type(connectors.shard_source) is source
    assert connectors.shard_source.read_every_s == every_s
    await connectors.close()


@pytest.mark.parametrize(
    ("arguments", "consumer"),
    [([], ""), (["--read=fan_out"], "job"), (["--read=fan_out", "--consumer=a.b"], "a.b")],
)
def test_the_consumer_is_named_after_the_job(arguments: list[str], consumer: str) -> None:
    job = read(*arguments)
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    assert factory.consumer == consumer


def test_a_bounded_run_waits_for_its_calls_and_for_no_pane(tmp_path: Path) -> None:
    job = read(f"--input={tmp_path}", f"--output={tmp_path}", "--language=es, ca,")
    assert isinstance(job, BoundedJob)
    assert job.languages == ("es", "ca")
    assert job.graph.settings.time is TimeMode.INLINE
    assert (job.graph.window.pane_ms, job.graph.window.pane_records) == (0, 0)


async def test_connectors_travel_to_workers_and_open_there(tmp_path: Path) -> None:
    settings = FolderConnectors(tmp_path, SCRIPTED)
    there: FolderConnectors = pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own bytes
    assert there == settings
    assert hash(there) == hash(settings)
    connectors = there.build()
    assert isinstance(connectors.speech_to_text, ScriptedSpeechToText)
    assert isinstance(connectors.notifier, MemoryNotifier)
    await connectors.close()


async def test_traces_go_where_a_collector_is_named() -> None:
    assert await opened_traces("--trace_ratio=0.5") is NoTraces
    assert await opened_traces("--trace_endpoint=http://127.0.0.1:9") is OtlpTraces


async def opened_traces(option: str) -> type[Traces]:
    job = read("--aws_endpoint=http://127.0.0.1:9", option)
    connectors = job.graph.settings.connectors.build()
    await connectors.close()
    return type(connectors.traces)


async def test_an_unknown_notifier_is_refused() -> None:
    aws = AwsSettings.local("http://127.0.0.1:1", "test")
    settings = LiveConnectors(aws, SCRIPTED, NotifyChoice("pigeon"))
    with pytest.raises(PermanentError, match="pigeon"):
        settings.build()


def live_job(*arguments: str) -> LiveJob:
    job = read_options(JobOptions(list(arguments)), "talks")
    assert isinstance(job, LiveJob)
    return job


def test_sentences_are_released_as_they_grow() -> None:
    job = live_job()
    assert job.graph.settings.release == ReleaseSettings(ReleaseName.AUTO, Spend.SWIFT)
    assert job.graph.segmenter == StepSegmenter(settle_samples=4_000)


@pytest.mark.parametrize(
    ("how", "spend"),
    [
        (("--translation=local",), Spend.SWIFT),
        (("--translation=bedrock",), Spend.SWIFT),
        (("--translation=amazon",), Spend.BALANCED),
        (("--translation=amazon", "--spend=thrifty"), Spend.THRIFTY),
    ],
)
def test_a_service_that_bills_characters_translates_less_often(
    how: tuple[str, ...], spend: Spend
) -> None:
    release = live_job(*how).graph.settings.release
    assert release is not None
    assert release.spend is spend


def test_how_translations_are_released() -> None:
    job = live_job("--release=agreement", "--spend=balanced")
    assert job.graph.settings.release == ReleaseSettings(ReleaseName.AGREEMENT, Spend.BALANCED)
    assert job.graph.segmenter == StepSegmenter(settle_samples=4_000)
    assert pickle.loads(pickle.dumps(job.graph.settings)) == job.graph.settings  # noqa: S301


@pytest.mark.parametrize("how", [("--release=append",), ("--segmentation=window",)])
def test_or_each_utterance_alone(how: tuple[str, ...]) -> None:
    graph = live_job(*how).graph
    assert graph.settings.release is None
    assert not isinstance(graph.segmenter, StepSegmenter)
