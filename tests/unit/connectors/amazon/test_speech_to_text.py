"""Who opens a recognition when, and how fast audio goes out: in virtual time, without a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.languages import AMAZON_LANGUAGES
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.amazon.transcribe_wire import StreamRequest
from connectors.amazon.transcript import TranscriptItem, TranscriptResult
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError
from connectors.interfaces.speech_to_text import SpeechStream, for_session
from connectors.testing.words import write_silence, write_word

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
RATE_HZ = 16_000


class SilentStream:
    """Takes audio and answers only what it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []
        self.answers: asyncio.Queue[tuple[TranscriptResult, ...] | None] = asyncio.Queue()

    async def send(self, pcm: bytes) -> None:
        self.sent.append((asyncio.get_running_loop().time(), len(pcm)))

    async def end(self) -> None:
        self.answers.put_nowait(None)

    def close(self) -> None:
        self.answers.put_nowait(None)

    async def results(self) -> AsyncIterator[tuple[TranscriptResult, ...]]:
        while (results := await self.answers.get()) is not None:
            yield results


class Wire:
    """Opens silent streams; an error in ``script`` is raised instead."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.opened_at_s: list[float] = []
        self.streams: list[SilentStream] = []

    async def open(self, request: StreamRequest) -> SilentStream:
        self.opened_at_s.append(asyncio.get_running_loop().time())
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        self.streams.append(SilentStream())
        return self.streams[-1]


def recogniser_over(wire: Wire, **settings: Any) -> AmazonSpeechToText:
    return AmazonSpeechToText(
        AwsSettings("test"), AmazonSpeechToTextSettings(**settings), wire=wire
    )


def test_streams_start_no_faster_than_the_quota(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, starts_per_s=4.0)
        await asyncio.gather(*(recogniser.open("en", sample_rate_hz=RATE_HZ) for _ in range(5)))
        assert wire.opened_at_s == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
        await recogniser.close()

    run_virtual(run())


def test_when_the_service_throttles_nobody_starts_for_a_while(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire(ThrottledError("too many", retry_after_s=3.0))
        recogniser = recogniser_over(wire)
        with pytest.raises(ThrottledError):
            await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
        assert wire.opened_at_s == pytest.approx([0.0, 3.0])
        await recogniser.close()

    run_virtual(run())


def test_turns_come_in_the_order_of_asking(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        recogniser = recogniser_over(Wire(), max_streams=1, turn_within_s=60.0)
        order: list[int] = []

        async def talk(number: int) -> None:
            stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
            order.append(number)
            await asyncio.sleep(1.0)
            await stream.close()

        await asyncio.gather(*(talk(number) for number in range(6)))
        assert order == list(range(6))
        await recogniser.close()

    run_virtual(run())


def test_a_session_has_one_stream_and_its_next_one_closes_the_one_before(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, max_streams=1, free_after_s=60.0)
        own = for_session(recogniser, "own")
        first = await own.open("en", sample_rate_hz=RATE_HZ)
        second = await own.open("en", sample_rate_hz=RATE_HZ)
        assert [each async for each in first] == []
        with pytest.raises(PermanentError):
            await first.send(write_silence(0.1))
        await second.send(write_silence(0.1))
        with pytest.raises(ThrottledError, match="1 streams are open"):
            await for_session(recogniser, "other").open("en", sample_rate_hz=RATE_HZ)
        assert recogniser.refusals == 1
        await recogniser.close()

    run_virtual(run())


def test_a_session_whose_stream_broke_comes_before_one_that_waits(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, max_streams=1, turn_within_s=60.0)
        own, other = (for_session(recogniser, name) for name in ("own", "other"))
        stream = await own.open("en", sample_rate_hz=RATE_HZ)
        waiting = asyncio.create_task(other.open("en", sample_rate_hz=RATE_HZ))
        await asyncio.sleep(0.1)
        assert recogniser.waiting == 1
        wire.streams[0].close()  # the service ends it
        with pytest.raises(RetryableError, match="by itself"):
            _ = [each async for each in stream]
        await stream.close()
        await asyncio.sleep(0.2)  # as a session does before it tries again
        again = await own.open("en", sample_rate_hz=RATE_HZ)
        assert not waiting.done()
        await again.close()  # in order, this time
        await waiting
        assert recogniser.waiting == 0
        await recogniser.close()

    run_virtual(run())


def test_a_stream_without_audio_makes_room_only_for_who_waits(run_virtual: RunVirtual) -> None:
    """Its audio is considered 2 s after it was sent, for it is quiet; then it is spare."""

    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, max_streams=2, turn_within_s=60.0, free_after_s=2.0)
        quiet, talks, late = (for_session(recogniser, name) for name in ("quiet", "talks", "late"))
        spare = await quiet.open("en", sample_rate_hz=RATE_HZ)
        busy = await talks.open("en", sample_rate_hz=RATE_HZ)
        await spare.send(write_silence(0.5))
        await asyncio.sleep(1.0)
        await spare.send(write_silence(0.5))
        speaking = asyncio.create_task(_go_on(busy))
        await asyncio.sleep(8.0)
        await spare.send(b"")  # both are open still
        waiting = asyncio.create_task(late.open("en", sample_rate_hz=RATE_HZ))
        async with asyncio.timeout(0.5):
            await waiting
        with pytest.raises(RetryableError, match="other sessions wait"):
            _ = [each async for each in spare]
        await spare.close()
        assert not speaking.done()
        speaking.cancel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await quiet.open("en", sample_rate_hz=RATE_HZ)
        await recogniser.close()

    run_virtual(run())


def test_a_stream_that_was_only_sent_what_it_had_missed_is_kept(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        recogniser = recogniser_over(Wire(), max_streams=1, turn_within_s=60.0)
        own, other = (for_session(recogniser, name) for name in ("own", "other"))
        stream = await own.open("en", sample_rate_hz=RATE_HZ)
        waiting = asyncio.create_task(other.open("en", sample_rate_hz=RATE_HZ))
        await stream.send(write_silence(4.0))
        await asyncio.sleep(30.0)
        assert not waiting.done()
        await stream.close()
        await waiting
        await recogniser.close()

    run_virtual(run())


async def _go_on(stream: SpeechStream) -> None:
    while True:
        await stream.send(write_word(1, 0.2))
        await asyncio.sleep(0.2)


def test_words_that_are_not_final_keep_their_stream(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, max_streams=1, turn_within_s=60.0)
        own, other = (for_session(recogniser, name) for name in ("own", "other"))
        stream = await own.open("en", sample_rate_hz=RATE_HZ)
        waiting = asyncio.create_task(other.open("en", sample_rate_hz=RATE_HZ))
        await asyncio.sleep(2.0)
        await stream.send(write_silence(0.2))
        words = (TranscriptItem("a", 0.0, 0.1),)
        wire.streams[0].answers.put_nowait((TranscriptResult(words, 0.2, is_partial=True),))
        await asyncio.sleep(20.0)
        assert not waiting.done()
        wire.streams[0].answers.put_nowait((TranscriptResult(words, 0.2, is_partial=False),))
        async with asyncio.timeout(1.0):
            await waiting
        await recogniser.close()

    run_virtual(run())


def test_a_backlog_goes_at_a_measured_speed(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, head_start_s=10.0, catch_up_speed=4.0)
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await stream.send(write_silence(50.0))
        assert asyncio.get_running_loop().time() == pytest.approx(10.0, abs=0.1)
        assert sum(length for _, length in wire.streams[0].sent) == 50 * 2 * RATE_HZ
        await recogniser.close()

    run_virtual(run())


def test_silence_is_sent_only_while_no_audio_comes(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, keep_alive_after_s=5.0, report_every_s=0.25)
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        for _ in range(20):
            await stream.send(write_silence(0.1))
            await asyncio.sleep(1.0)
        spoken = len(wire.streams[0].sent)
        await asyncio.sleep(60.0)
        gaps = [
            later - earlier
            for (earlier, _), (later, _) in zip(
                wire.streams[0].sent[19:], wire.streams[0].sent[20:], strict=False
            )
        ]
        assert spoken == 20
        assert len(gaps) >= 10
        assert max(gaps) < 15.0, "Transcribe closes a stream after that"
        await stream.finish()
        assert [result async for result in stream][-1].through_s == pytest.approx(2.0)
        await recogniser.close()

    run_virtual(run())


def test_words_that_nothing_follows_get_silence_to_end_in(run_virtual: RunVirtual) -> None:
    """Whoever sends keeps silence back, and Transcribe ends words when it hears some."""

    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(
            wire, report_every_s=0.25, end_words_after_s=0.5, end_words_within_s=2.0
        )
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await stream.send(write_silence(0.2))
        words = (TranscriptItem("a", 0.0, 0.1),)
        wire.streams[0].answers.put_nowait((TranscriptResult(words, 0.2, is_partial=True),))
        await asyncio.sleep(4.5)
        silences = wire.streams[0].sent[1:]
        assert [length for _, length in silences] == [RATE_HZ // 2] * 8  # 0.25 s each
        assert (silences[0][0], silences[-1][0]) == pytest.approx((0.5, 2.25))
        await stream.send(write_silence(0.2))
        wire.streams[0].answers.put_nowait((TranscriptResult(words, 0.2, is_partial=False),))
        sent = len(wire.streams[0].sent)
        await asyncio.sleep(4.5)
        assert len(wire.streams[0].sent) == sent, "final words need no silence"
        await recogniser.close()

    run_virtual(run())


def test_no_silence_behind_the_end(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire)
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        wire.streams[0].end = _never_answered  # the service takes its time
        await stream.finish()
        await asyncio.sleep(30.0)
        assert wire.streams[0].sent == []
        await recogniser.close()

    run_virtual(run())


async def _never_answered() -> None:
    """The end of the audio, without an end of the results."""


def test_a_service_that_is_late_is_waited_for_where_somebody_may_speak(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire, answer_within_s=2.0, answer_loud_within_s=8.0)
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await stream.send(write_silence(0.2) + write_word(1, 0.2))
        reports: list[tuple[float, float]] = []
        async with asyncio.timeout(20):
            while not reports or reports[-1][1] < 0.39:
                result = await anext(stream)
                reports.append((asyncio.get_running_loop().time(), result.through_s))
        assert reports == [pytest.approx((2.0, 0.2)), pytest.approx((8.0, 0.4))]
        await recogniser.close()

    run_virtual(run())


def test_what_is_unstable_is_said_to_be(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        wire = Wire()
        recogniser = recogniser_over(wire)
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await stream.send(write_silence(0.25))
        items = (TranscriptItem("a", 0.0, 0.1, is_stable=True), TranscriptItem("b", 0.1, 0.2))
        wire.streams[0].answers.put_nowait((TranscriptResult(items, 0.2, is_partial=True),))
        result = await anext(stream)
        assert [(word.text, word.is_stable) for word in result.words] == [("a", True), ("b", False)]
        await recogniser.close()

    run_virtual(run())


def test_languages_are_those_of_the_table() -> None:
    plain = recogniser_over(Wire())
    assert all(plain.can_recognise(language) for language in AMAZON_LANGUAGES)
    assert not plain.can_recognise("und")
    assert not recogniser_over(Wire(), identify_among=("en",)).can_recognise("und")
    assert recogniser_over(Wire(), identify_among=("en", "es")).can_recognise("und")


async def test_identification_without_languages_to_choose_from() -> None:
    with pytest.raises(PermanentError, match="und"):
        await recogniser_over(Wire()).open("und", sample_rate_hz=RATE_HZ)
