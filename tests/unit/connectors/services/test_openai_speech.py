"""What the endpoints' answers mean, and that neither key nor speech gets into an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from connectors.calls.line_speech_stream import LineStreamSettings, Transcription
from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.job_connectors import LiveConnectors
from connectors.services.openai_speech import (
    OpenAiSettings,
    OpenAiSpeechToText,
    OpenAiSynthesizer,
    read_transcription,
)
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_silence, write_words
from pipelines.options import LiveJob, UsageError, read_options
from tests.contracts.openai_server import OpenAiServer

pytestmark = pytest.mark.unit

SECRET = "a sentence that nobody may log"


@pytest.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.start()
    yield server
    await server.close()


@pytest.mark.parametrize(
    ("refusal", "kind", "retry_after_s"),
    [
        ((429, "7"), ThrottledError, 7.0),
        ((429, None), ThrottledError, None),
        ((500, None), RetryableError, None),
        ((503, None), RetryableError, None),
        ((400, None), PermanentError, None),
        ((404, None), PermanentError, None),
    ],
)
async def test_refusals_are_errors_of_their_kind(
    server: OpenAiServer,
    refusal: tuple[int, str | None],
    kind: type[ConnectorError],
    retry_after_s: float | None,
) -> None:
    voice = OpenAiSynthesizer(OpenAiSettings(server.url, server.key))
    server.refusals.append(refusal)
    with pytest.raises(ConnectorError) as refused:
        await voice.synthesize(SECRET, "en")
    assert type(refused.value) is kind
    assert getattr(refused.value, "retry_after_s", None) == retry_after_s
    assert SECRET not in str(refused.value)
    assert (await voice.synthesize(SECRET, "en")).duration_s > 0, "the next call may succeed"
    await voice.close()


async def test_a_wrong_key_is_permanent_and_stays_secret(server: OpenAiServer) -> None:
    settings = OpenAiSettings(server.url, "sk-wrong")
    voice = OpenAiSynthesizer(settings)
    with pytest.raises(PermanentError, match="401") as refused:
        await voice.synthesize(SECRET, "en")
    assert "sk-wrong" not in f"{refused.value}{settings!r}"
    await voice.close()


async def test_no_server_is_retryable() -> None:
    voice = OpenAiSynthesizer(OpenAiSettings("http://127.0.0.1:9/v1"))
    with pytest.raises(RetryableError):
        await voice.synthesize(SECRET, "en")
    await voice.close()


async def test_a_refused_line_ends_the_stream_with_its_error(server: OpenAiServer) -> None:
    recogniser = OpenAiSpeechToText(
        OpenAiSettings(server.url, server.key), ScriptedVoiceActivityFactory()
    )
    server.refusals.append((500, None))
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    pcm, _ = write_words(1, 8)
    await stream.send(pcm)
    await stream.finish()
    with pytest.raises(RetryableError, match="500"):
        async for _ in stream:
            pass
    await recogniser.close()


async def test_nothing_is_asked_in_silence_and_a_pause_asks_once_more(
    server: OpenAiServer,
) -> None:
    recogniser = OpenAiSpeechToText(
        OpenAiSettings(server.url, server.key, model="large"),
        ScriptedVoiceActivityFactory(),
        LineStreamSettings(report_every_s=1.0, most_steps=1),
    )
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    await stream.send(write_silence(10.0))
    async with asyncio.timeout(60):
        async for result in stream:
            if result.through_s >= 10.0:
                break
    assert server.asked == []
    pcm, words = write_words(1, 8)
    await stream.send(pcm + write_silence(3.0))
    await stream.finish()
    final = [result async for result in stream if result.is_final and result.words]
    assert [word.text for word in final[0].words] == [word.text for word in words]
    assert final[0].words[0].confidence == pytest.approx(0.8596, abs=1e-3)
    assert 2 <= len(server.asked) <= 5
    assert server.asked[0] == {
        "model": "large",
        "language": "en",
        "response_format": "verbose_json",
    }
    await recogniser.close()


def test_answers_without_segments_say_nothing_of_confidence() -> None:
    assert read_transcription(b'{"text": " yes "}') == Transcription("yes", None)


def test_the_least_sure_segment_counts() -> None:
    segments = [{"avg_logprob": 0.0}, {"avg_logprob": -0.7, "no_speech_prob": 0.5}]
    read = read_transcription(json.dumps({"text": "yes", "segments": segments}).encode())
    assert read.confidence == pytest.approx(0.248, abs=1e-3)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": 1}', b'{"text":1,"segments":[1]}']
)
def test_an_answer_of_something_else_is_retryable(body: bytes) -> None:
    with pytest.raises(RetryableError, match="something else"):
        read_transcription(body)


async def test_a_text_that_is_too_long_is_refused_before_it_is_sent(server: OpenAiServer) -> None:
    voice = OpenAiSynthesizer(OpenAiSettings(server.url, server.key))
    with pytest.raises(PermanentError, match="5000 characters; at most 4096"):
        await voice.synthesize("a" * 5_000, "en")
    assert server.asked == []
    await voice.close()


def factory_of(*arguments: str) -> LiveConnectors:
    job = read_options(PipelineOptions(list(arguments)), "test")
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    return factory


async def test_the_job_chooses_it_and_reads_its_key_from_a_file(
    server: OpenAiServer, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(f"{server.key}\n")
    speech = factory_of(
        "--speech_to_text=openai",
        "--speech_synthesis=openai",
        f"--openai_url={server.url}",
        f"--openai_key_file={key}",
        "--openai_languages=en, es",
        "--openai_voice=nova",
    ).speech
    recogniser, voice = speech.open_speech_to_text(), speech.open_synthesizer()
    assert [recogniser.can_recognise(each) for each in ("en", "es", "fr")] == [True, True, False]
    assert (await voice.synthesize("hello you", "es")).duration_s > 0
    assert server.asked[-1] == {
        "model": "tts-1",
        "voice": "nova",
        "input": "hello you",
        "response_format": "pcm",
    }
    await recogniser.close()
    await voice.close()


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("--openai_key_file=/nowhere/key", "openai_key_file=/nowhere/key: No such file"),
        ("--openai_url=localhost:8000", "use http://HOST"),
    ],
)
def test_what_cannot_be_is_told_at_the_start(argument: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        factory_of("--speech_to_text=openai", argument)
