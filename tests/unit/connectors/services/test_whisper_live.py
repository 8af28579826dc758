"""Messages of a whisper-live server as recognitions, its refusals by kind, and how streams end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.speech_to_text import Recognition
from connectors.job_connectors import LiveConnectors
from connectors.services.whisper_live import WhisperLiveSettings, WhisperLiveSpeechToText
from connectors.services.whisper_live_transcript import (
    READY,
    ServedSegment,
    WhisperLiveTranscript,
    read_message,
)
from connectors.testing.contracts.speech_to_text import final_text, recognise
from connectors.testing.words import write_silence, write_words
from pipelines.options import LiveJob, UsageError, read_options
from tests.contracts.whisper_live_server import WhisperLiveServer

pytestmark = pytest.mark.unit

SECRET = "a sentence that nobody may log"
LOUD = b"\xe8\x03"


def message(**fields: object) -> str:
    return json.dumps({"uid": "me", **fields})


def segment(text: str, start_s: float, end_s: float, *, done: bool = False) -> ServedSegment:
    return ServedSegment(text, start_s, end_s, done)


def words(results: list[Recognition]) -> list[tuple[str, bool]]:
    """Of the last result: each word, and whether it is stable or final."""
    last = results[-1]
    return [(word.text, word.is_stable or last.is_final) for word in last.words]


def transcript_of(loud_s: float, quiet_s: float = 0.0) -> WhisperLiveTranscript:
    transcript = WhisperLiveTranscript(report_every_s=0.5, answer_within_s=4.0)
    transcript.sent(LOUD * int(loud_s * 16_000) + write_silence(quiet_s), now_s=0.0)
    return transcript


def test_segments_are_read_whatever_kind_their_numbers_are() -> None:
    told = [
        {"start": "0.500", "end": "1.250", "text": " yes ", "completed": True, "speaker": "A"},
        {"start": 1.25, "end": 2, "text": "no"},
    ]
    assert read_message(message(segments=told), "me") == (
        segment("yes", 0.5, 1.25, done=True),
        segment("no", 1.25, 2.0),
    )


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (message(message=READY, backend="faster_whisper"), READY),
        (message(language="en", language_prob=0.9), None),
        (message(status="WARNING", message="TensorRT-LLM not supported"), None),
        (json.dumps({"uid": "another", "status": "ERROR", "message": "x"}), None),
    ],
)
def test_what_is_of_no_matter_is_passed_over(body: str, read: str | None) -> None:
    assert read_message(body, "me") == read


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (message(status="WAIT", message=2.5), ThrottledError),
        (message(status="ERROR", message=SECRET), PermanentError),
        (message(message="DISCONNECT"), RetryableError),
        (message(segments=[{"text": SECRET}]), RetryableError),
        (message(segments=[{"text": SECRET, "start": "NaN", "end": 1}]), RetryableError),
        (message(segments=7), RetryableError),
        (message(status="WAIT", message=SECRET), RetryableError),
        (f'["{SECRET}"]', RetryableError),
        (f"<html>{SECRET}", RetryableError),
    ],
)
def test_refusals_are_errors_of_their_kind_without_the_servers_words(
    body: str, kind: type[ConnectorError]
) -> None:
    with pytest.raises(ConnectorError) as refused:
        read_message(body, "me")
    assert type(refused.value) is kind
    assert SECRET not in str(refused.value)
    if kind is ThrottledError:
        assert getattr(refused.value, "retry_after_s") == 150.0  # noqa: B009 - of one kind only


def test_words_that_two_transcriptions_agree_on_are_stable_and_completed_ones_final() -> None:
    transcript = transcript_of(3.0)
    texts = ("he was", "he was not a", "he was not an ill")
    results: list[Recognition] = []
    for number, text in enumerate(texts):
        results = transcript.take([segment(text, 0.2, 2.1 + 0.2 * number)], 0.0)
    assert words(results) == [
        ("he", True),
        ("was", True),
        ("not", True),
        ("an", False),
        ("ill", False),
    ]
    done = segment("He was not an ill man.", 0.2, 2.9, done=True)
    results = transcript.take([done, segment("so", 2.9, 3.0)], 0.0)
    final = [result for result in results if result.is_final]
    assert " ".join(word.text for word in final[0].words) == "he was not an ill man."
    assert [word.text for word in results[-1].words] == ["so"]


def test_completed_segments_that_are_told_again_are_not_said_again() -> None:
    transcript = transcript_of(4.0)
    first, second = segment("one", 0.0, 1.0, done=True), segment("two", 1.5, 2.5, done=True)
    said: list[str] = []
    for told in ([first], [first], [first, second], [first, second, segment("three", 2.6, 3.9)]):
        for result in transcript.take(told, 0.0):
            said += [word.text for word in result.words if result.is_final]
    said += [word.text for result in transcript.end() for word in result.words]
    assert said == ["one", "two", "three"]


def test_audio_is_considered_up_to_what_may_be_speech_and_has_no_word_yet() -> None:
    transcript = WhisperLiveTranscript(report_every_s=0.5, answer_within_s=4.0)
    transcript.sent(write_silence(1.0) + LOUD * 32_000 + write_silence(1.0), now_s=10.0)
    assert transcript.quiet(10.0)[-1].through_s == pytest.approx(1.0)
    assert transcript.quiet(13.9) == []
    results = transcript.take([segment("one", 1.1, 1.9)], 13.9)
    assert results[-1].through_s == pytest.approx(2.4)
    results = transcript.quiet(14.0)
    assert 3.0 < results[-1].through_s < 4.0, "its words may still change"
    assert [word.text for word in results[-1].words] == ["one"]
    results = transcript.take([segment("one", 1.1, 1.9, done=True)], 14.0)
    assert (results[-1].is_final, results[-1].through_s) == (True, 4.0)


def test_results_go_on_while_a_pause_lasts_and_nothing_is_sent() -> None:
    transcript = transcript_of(1.0, quiet_s=0.5)
    told = [segment("one two", 0.0, 1.0)]
    assert words(transcript.take(told, 0.0)) == [("one", False), ("two", False)]
    before_s = transcript.through_s
    transcript.take(told, 0.3)
    results = transcript.take(told, 0.6)
    assert words(results)[0] == ("one", True)
    assert before_s < results[-1].through_s < 1.5
    for number in range(20):
        results = [*results, *transcript.take(told, 0.9 + number)]
    assert len(results) < 10, "what is no news is not told"
    assert all(one.through_s < two.through_s for one, two in pairwise(results))


def test_silence_of_the_adapters_own_takes_no_time() -> None:
    transcript = transcript_of(2.0)
    transcript.take([segment("one", 0.5, 1.9, done=True)], 0.0)
    transcript.clock.insert_silence(3.0)
    transcript.sent(LOUD * 32_000, now_s=5.0)
    results = transcript.take([segment("two", 5.5, 6.5, done=True)], 5.0)
    final = next(result for result in results if result.is_final)
    assert final.words[0].start_s == pytest.approx(2.5)
    assert final.words[0].end_s == pytest.approx(3.5)


def test_a_long_talk_keeps_no_more_than_a_short_one() -> None:
    transcript = WhisperLiveTranscript(report_every_s=0.5, answer_within_s=4.0)
    for number in range(2_000):
        transcript.sent(LOUD * 16_000 + write_silence(1.0), now_s=3.0 * number)
        begin_s = 3.0 * number
        transcript.take([segment("one", begin_s, begin_s + 0.9, done=True)], 3.0 * number)
        transcript.clock.insert_silence(1.0)
    assert transcript.clock.kept_silences <= 31
    assert transcript.through_s == pytest.approx(4_000.0)


@pytest.fixture
async def server() -> AsyncIterator[WhisperLiveServer]:
    server = WhisperLiveServer()
    await server.start()
    yield server
    await server.close()


async def test_the_server_is_told_what_is_wanted_and_when_a_stream_is_over(
    server: WhisperLiveServer,
) -> None:
    recogniser = WhisperLiveSpeechToText(
        WhisperLiveSettings(server.url, model="large-v3", languages=("es",))
    )
    pcm, spoken = write_words(1, 8)
    stream = await recogniser.open("es", sample_rate_hz=16_000)
    assert final_text(await recognise(stream, pcm)) == " ".join(word.text for word in spoken)
    (wanted,) = server.wanted
    assert len(wanted.pop("uid")) == 36
    assert wanted == {
        "language": "es",
        "task": "transcribe",
        "model": "large-v3",
        "use_vad": True,
        "same_output_threshold": 3,
    }
    await recogniser.close()
    await server.close()
    assert server.ended_well == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"uid": "UID", "status": "WAIT", "message": 1}', ThrottledError),
        ('{"uid": "UID", "status": "ERROR", "message": "no model"}', PermanentError),
        ("nonsense", RetryableError),
        ('{"uid": "another"}', RetryableError),
    ],
)
async def test_a_server_that_is_not_ready(
    server: WhisperLiveServer, answer: str, kind: type[ConnectorError]
) -> None:
    server.answers.append(answer)
    recogniser = WhisperLiveSpeechToText(WhisperLiveSettings(server.url))
    with pytest.raises(kind) as refused:
        await recogniser.open("en", sample_rate_hz=16_000)
    assert type(refused.value) is kind
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    await stream.close()
    await recogniser.close()


async def test_no_server_is_retryable() -> None:
    recogniser = WhisperLiveSpeechToText(WhisperLiveSettings("ws://127.0.0.1:9"))
    with pytest.raises(RetryableError, match="no recognition server"):
        await recogniser.open("en", sample_rate_hz=16_000)


async def test_a_server_that_ends_the_connection_is_told_to_the_job(
    server: WhisperLiveServer,
) -> None:
    server.ends_after_s = 1.0
    recogniser = WhisperLiveSpeechToText(WhisperLiveSettings(server.url))
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    pcm, _ = write_words(1, 8)
    await stream.send(pcm)
    with pytest.raises(RetryableError, match="after some time"):
        async for _ in stream:
            pass
    await recogniser.close()


async def test_a_server_that_hears_nothing_in_loud_audio_holds_nobody_up(
    server: WhisperLiveServer,
) -> None:
    server.is_silent = True
    recogniser = WhisperLiveSpeechToText(
        WhisperLiveSettings(server.url, report_every_s=0.05, answer_within_s=0.2, ahead_s=1.0)
    )
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    pcm, _ = write_words(1, 10)
    async with asyncio.timeout(60):
        results = await recognise(stream, pcm)
    assert final_text(results) == ""
    assert results[-1].through_s == pytest.approx(3.0)
    await recogniser.close()


async def test_the_last_words_before_a_pause_are_final_without_more_audio(
    server: WhisperLiveServer,
) -> None:
    """The job sends half a second of a pause and then nothing."""
    recogniser = WhisperLiveSpeechToText(
        WhisperLiveSettings(server.url, report_every_s=0.2, end_words_after_s=0.1)
    )
    stream = await recogniser.open("en", sample_rate_hz=16_000)
    pcm, spoken = write_words(1, 2, word_s=0.2)
    await stream.send(pcm + write_silence(0.3))
    last = Recognition((), is_final=False, through_s=0.0)
    async with asyncio.timeout(60):
        while not last.is_final:
            last = await anext(aiter(stream))
    assert [word.text for word in last.words] == [word.text for word in spoken]
    assert last.through_s <= 0.8
    await recogniser.close()


def factory_of(*arguments: str) -> LiveConnectors:
    job = read_options(PipelineOptions(list(arguments)), "test")
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    return factory


async def test_the_job_chooses_it(server: WhisperLiveServer) -> None:
    speech = factory_of(
        "--speech_to_text=whisper_live",
        f"--whisper_live_url={server.url}",
        "--whisper_live_model=large-v3",
        "--whisper_live_languages=en, es",
    ).speech
    recogniser = speech.open_speech_to_text()
    assert [recogniser.can_recognise(each) for each in ("en", "es", "fr")] == [True, True, False]
    stream = await recogniser.open("es", sample_rate_hz=16_000)
    await stream.close()
    assert server.wanted[0]["model"] == "large-v3"
    await recogniser.close()


def test_an_address_of_another_kind_is_told_at_the_start() -> None:
    with pytest.raises(UsageError, match="use ws://HOST:9090"):
        factory_of("--speech_to_text=whisper_live", "--whisper_live_url=http://gpu:9090")
