"""Transcribe's SDK and our adapter against a server of HTTP/2, TLS and the event stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.speech_to_text import Recognition, SpeechStream
from connectors.testing.speech_to_text import ScriptedSpeechToText
from connectors.testing.words import write_silence, write_words
from local_stack.amazon_servers.transcribe import Refusal, TranscribeScript, TranscribeServer
from local_stack.amazon_servers.transcribe_stream import Ending

pytestmark = pytest.mark.integration

HANGS_S = 60.0
Serve = Callable[[TranscribeScript], Awaitable[TranscribeServer]]
RATE_HZ = 16_000


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    servers: list[TranscribeServer] = []

    async def start(script: TranscribeScript) -> TranscribeServer:
        server = TranscribeServer(ScriptedSpeechToText(), script)
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        await server.start(folder)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.close()
        assert [stream.error for stream in server.streams] == [""] * len(server.streams)


def recogniser_of(
    server: TranscribeServer, settings: AmazonSpeechToTextSettings | None = None
) -> AmazonSpeechToText:
    settings = replace(settings or AmazonSpeechToTextSettings(), ca_file=server.ca_file)
    return AmazonSpeechToText(AwsSettings.local(server.url, "test"), settings)


async def heard_until_it_breaks(stream: SpeechStream) -> tuple[list[Recognition], ConnectorError]:
    results: list[Recognition] = []
    async with asyncio.timeout(HANGS_S):
        while True:  # StopAsyncIteration: it ended as if all were well, and the test fails
            try:
                results.append(await anext(aiter(stream)))
            except ConnectorError as error:
                return results, error


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("LimitExceededException", 429, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("BadRequestException", 400, PermanentError),
        ("InternalFailureException", 500, RetryableError),
        ("ServiceUnavailableException", 503, RetryableError),
        ("ConflictException", 409, RetryableError),
        ("ExpiredTokenException", 403, RetryableError),
        ("AccessDeniedException", 403, PermanentError),
    ],
)
async def test_each_refusal_has_one_meaning(
    serve: Serve, code: str, status: int, meaning: type[ConnectorError]
) -> None:
    server = await serve(TranscribeScript(refusals=(Refusal(1, code, status),)))
    settings = AmazonSpeechToTextSettings(max_streams=1, hold_starts_s=0.01)
    recogniser = recogniser_of(server, settings)
    with pytest.raises(ConnectorError, match=code) as raised:
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert type(raised.value) is meaning
    assert "scripted" not in str(raised.value), "the service's own text may repeat speech"
    # The only slot is free again.
    await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await recogniser.close()


@pytest.mark.parametrize(
    ("how", "meaning"),
    [
        ("InternalFailureException", RetryableError),
        ("ServiceUnavailableException", RetryableError),
        ("LimitExceededException", ThrottledError),  # 4 hours of audio
        ("BadRequestException", PermanentError),
        ("break", RetryableError),
        ("end", RetryableError),
    ],
)
async def test_a_stream_that_ends_in_a_word_says_what_it_heard_and_why(
    serve: Serve, how: str, meaning: type[ConnectorError]
) -> None:
    server = await serve(TranscribeScript(endings=(Ending(1, 1.0, how),)))
    recogniser = recogniser_of(server)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    pcm, words = write_words(0, 10)
    await stream.send(pcm)
    results, error = await heard_until_it_breaks(stream)
    assert type(error) is meaning
    said = [word.text for word in results[-1].words]
    assert said == [word.text for word in words[: len(said)]]
    assert len(said) >= 3
    again, same = await heard_until_it_breaks(stream)
    assert (again, same) == ([], error)
    await stream.send(pcm)  # nobody hears it, and nobody waits
    await recogniser.close()


async def test_a_connection_that_breaks_at_the_end_is_no_end(serve: Serve) -> None:
    server = await serve(TranscribeScript(endings=(Ending(1, None, "break"),)))
    recogniser = recogniser_of(server)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(write_words(0, 3)[0])
    await stream.finish()
    results, error = await heard_until_it_breaks(stream)
    assert type(error) is RetryableError
    assert not any(result.is_final for result in results)
    await recogniser.close()


async def test_a_talk_over_a_broken_stream_is_said_once(serve: Serve) -> None:
    """What the job does: open again where the last stable word ended."""
    server = await serve(TranscribeScript(endings=(Ending(1, 1.4, "break"),)))
    recogniser = recogniser_of(server)
    pcm, words = write_words(0, 12)
    first = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await first.send(pcm)
    results, _ = await heard_until_it_breaks(first)
    said = [word for word in results[-1].words if word.is_stable]
    resume = 2 * round(said[-1].end_s * RATE_HZ)
    second = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await second.send(pcm[resume:])
    await second.finish()
    rest = [word async for result in second if result.is_final for word in result.words]
    assert [word.text for word in (*said, *rest)] == [word.text for word in words]
    await recogniser.close()


async def test_without_audio_the_service_ends_a_stream(serve: Serve) -> None:
    server = await serve(TranscribeScript(idle_close_s=0.3))
    recogniser = recogniser_of(server)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    _, error = await heard_until_it_breaks(stream)
    assert type(error) is RetryableError
    assert "BadRequestException" in str(error)
    await recogniser.close()


async def test_silence_keeps_a_stream_alive_and_moves_no_word(serve: Serve) -> None:
    server = await serve(TranscribeScript(idle_close_s=0.6))
    settings = AmazonSpeechToTextSettings(keep_alive_after_s=0.2, report_every_s=0.05)
    recogniser = recogniser_of(server, settings)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    before, first = write_words(0, 3)
    after, then = write_words(3, 3)
    await stream.send(before)
    five_silences = 5 * 3_200
    await asyncio.wait_for(server.streams[0].hear(len(before) + five_silences), HANGS_S)
    await stream.send(after)
    await stream.finish()
    said = [word async for result in stream if result.is_final for word in result.words]
    before_s = len(before) / 2 / RATE_HZ
    assert [word.text for word in said] == [word.text for word in (*first, *then)]
    assert [word.start_s for word in said[3:]] == pytest.approx(
        [before_s + word.start_s for word in then], abs=0.002
    )
    await recogniser.close()


async def test_silence_is_reported_while_the_stream_is_open(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    settings = AmazonSpeechToTextSettings(answer_within_s=0.1, report_every_s=0.05)
    recogniser = recogniser_of(server, settings)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(write_silence(0.4))
    async with asyncio.timeout(HANGS_S):
        async for result in stream:
            assert result.words == ()
            if result.through_s == pytest.approx(0.4):
                break
    await recogniser.close()


async def test_what_a_stream_asks_for(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    settings = AmazonSpeechToTextSettings(
        identify_among=("es", "en"),
        vocabularies=(("en", "terms-en"), ("es", "terms-es")),
        vocabulary_filters=(("en", "rude-en"),),
        stability="medium",
    )
    recogniser = recogniser_of(server, settings)
    named = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    identified = await recogniser.open("und", sample_rate_hz=RATE_HZ)
    asked = [
        {
            name.removeprefix("x-amzn-transcribe-"): value
            for name, value in stream.request.items()
            if name.startswith("x-amzn-transcribe-")
        }
        for stream in server.streams
    ]
    common = {
        "sample-rate": "16000",
        "media-encoding": "pcm",
        "enable-partial-results-stabilization": "True",
        "partial-results-stability": "medium",
    }
    assert asked[0] == common | {
        "language-code": "en-US",
        "vocabulary-name": "terms-en",
        "vocabulary-filter-name": "rude-en",
        "vocabulary-filter-method": "mask",
    }
    assert asked[1] == common | {
        "identify-language": "True",
        "language-options": "es-ES,en-US",
        "preferred-language": "es-ES",
        "vocabulary-names": "terms-es,terms-en",
        "vocabulary-filter-names": "rude-en",
        "vocabulary-filter-method": "mask",
    }
    await identified.send(write_words(0, 2)[0])
    await identified.finish()
    assert [result async for result in identified][-1].is_final
    assert (named.locale, identified.locale) == (None, "es-ES")
    await recogniser.close()


async def test_punctuation_comes_with_its_word(serve: Serve) -> None:
    server = await serve(TranscribeScript(punctuation=","))
    recogniser = recogniser_of(server)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(write_words(0, 3)[0])
    await stream.finish()
    results = [result async for result in stream]
    assert [word.text for word in results[-1].words] == ["w0,", "w1,", "w2,"]
    await recogniser.close()


async def test_audio_goes_in_events_of_a_fifth_of_a_second(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    recogniser = recogniser_of(server)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(write_silence(1.05))
    await stream.finish()
    assert [result async for result in stream][-1].through_s == pytest.approx(1.05)
    assert server.streams[0].event_bytes == [6_400] * 5 + [1_600]
    assert server.streams[0].was_finished
    await recogniser.close()


async def test_more_streams_than_allowed_wait_for_their_turn(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    settings = AmazonSpeechToTextSettings(max_streams=2, turn_within_s=5.0)
    recogniser = recogniser_of(server, settings)
    first, _ = [await recogniser.open("en", sample_rate_hz=RATE_HZ) for _ in range(2)]
    third = asyncio.create_task(recogniser.open("en", sample_rate_hz=RATE_HZ))
    await asyncio.sleep(0.1)
    assert not third.done()
    await first.close()
    await asyncio.wait_for(third, HANGS_S)
    assert len(server.streams) == 3
    assert server.most_open_streams <= 3  # the server may hear of a close after the next start
    await recogniser.close()


async def test_nobody_waits_for_ever_for_a_turn(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    settings = AmazonSpeechToTextSettings(max_streams=1, turn_within_s=0.05)
    recogniser = recogniser_of(server, settings)
    await recogniser.open("en", sample_rate_hz=RATE_HZ)
    with pytest.raises(ThrottledError, match="1 streams are open"):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await recogniser.close()


async def test_an_authority_that_is_not_known_is_not_trusted(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    # awscrt keeps a failed handshake to itself for 10 s or more: in time there is only silence.
    settings = AmazonSpeechToTextSettings(open_timeout_s=1.0)
    recogniser = AmazonSpeechToText(AwsSettings.local(server.url, "test"), settings)
    with pytest.raises(RetryableError):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert server.requests == 0


async def test_no_connection_is_left_behind(serve: Serve) -> None:
    """By a refusal, by an answer that never came, and by a stream that was closed."""
    refused = await serve(TranscribeScript(refusals=(Refusal(1, "BadRequestException", 400),)))
    silent = await serve(TranscribeScript(is_silent=True))
    kept = recogniser_of(refused)
    with pytest.raises(PermanentError, match="BadRequestException"):
        await kept.open("en", sample_rate_hz=RATE_HZ)
    await (await kept.open("en", sample_rate_hz=RATE_HZ)).close()
    impatient = recogniser_of(silent, AmazonSpeechToTextSettings(open_timeout_s=1.0))
    with pytest.raises(RetryableError, match="in time"):
        await impatient.open("en", sample_rate_hz=RATE_HZ)
    await asyncio.wait_for(refused.left_by_all(), HANGS_S)
    await asyncio.wait_for(silent.left_by_all(), HANGS_S)
    assert (refused.requests, silent.requests) == (2, 1)


async def test_a_wrong_key_is_refused(serve: Serve) -> None:
    server = await serve(TranscribeScript())
    aws = replace(AwsSettings.local(server.url, "test"), secret_access_key="another")
    recogniser = AmazonSpeechToText(aws, AmazonSpeechToTextSettings(ca_file=server.ca_file))
    with pytest.raises(PermanentError, match="InvalidSignatureException"):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)


async def test_a_service_that_does_not_answer_is_given_up(serve: Serve) -> None:
    server = await serve(TranscribeScript(is_silent=True))
    recogniser = recogniser_of(server, AmazonSpeechToTextSettings(open_timeout_s=0.3))
    with pytest.raises(RetryableError, match="in time"):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert server.requests == 1


async def test_nobody_there() -> None:
    aws = AwsSettings.local("https://localhost:1", "test")
    with pytest.raises(RetryableError, match="REFUSED"):
        await AmazonSpeechToText(aws).open("en", sample_rate_hz=RATE_HZ)


async def test_an_open_stream_without_audio_does_not_take_a_core(serve: Serve) -> None:
    """The SDK alone spins; half a core is far from both (0.03 and whatever is free)."""
    server = await serve(TranscribeScript())
    recogniser = recogniser_of(server)
    await recogniser.open("en", sample_rate_hz=RATE_HZ)
    began_s, used_s = time.monotonic(), time.process_time()
    await asyncio.sleep(1.0)
    share = (time.process_time() - used_s) / (time.monotonic() - began_s)
    assert share < 0.2
    await recogniser.close()
