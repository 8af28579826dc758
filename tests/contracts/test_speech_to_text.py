"""The suite every recogniser passes."""

from __future__ import annotations

import asyncio
import re
import wave
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream, SpeechToText, Word
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.testing.speech_to_text import (
    CombinedSpeechToText,
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.words import write_silence, write_words
from local_stack.amazon_servers.transcribe import TranscribeServer
from local_stack.talk import word_error_rate

pytestmark = pytest.mark.contract

RATE_HZ = 16_000
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
ONE_FRAME_S = 0.04
"""Recognisers look at audio in frames; the longest here is 30 ms."""


@dataclass(frozen=True, slots=True)
class KnownSpeech:
    """Audio whose words are known, and how many of them an implementation may get wrong."""

    pcm: bytes
    text: str
    tolerated_wer: float

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / RATE_HZ


def read_speech(number: str) -> KnownSpeech:
    """One of the read sentences of Debian's pocketsphinx-testdata (``0870``...)."""
    name = f"sense_and_sensibility_01_austen_64kb-{number}"
    with wave.open(str(LIBRIVOX / f"{name}.wav")) as recording:
        pcm = recording.readframes(recording.getnframes())
    transcription = (LIBRIVOX / "transcription").read_text()
    line = re.search(rf"<s> (.*) </s> \({name}\)", transcription)
    assert line is not None
    return KnownSpeech(pcm, line[1], tolerated_wer=0.45)


async def recognise(
    stream: SpeechStream, pcm: bytes, *, chunk_samples: int = 1_600
) -> list[Recognition]:
    async def speak() -> None:
        for at in range(0, len(pcm), 2 * chunk_samples):
            await stream.send(pcm[at : at + 2 * chunk_samples])
        await stream.finish()

    speaking = asyncio.create_task(speak())
    results = [result async for result in stream]
    await speaking
    await stream.close()
    return results


def final_words(results: list[Recognition]) -> tuple[Word, ...]:
    return tuple(word for result in results if result.is_final for word in result.words)


def final_text(results: list[Recognition]) -> str:
    return " ".join(word.text for word in final_words(results))


class SpeechToTextContract(ABC):
    LANGUAGE = "en"

    @pytest.fixture
    @abstractmethod
    def recogniser(self) -> SpeechToText: ...

    @pytest.fixture
    @abstractmethod
    def speech(self) -> KnownSpeech:
        """A few seconds with at least five words."""

    @pytest.fixture
    @abstractmethod
    def other_speech(self) -> KnownSpeech:
        """Other words, beginning with voice."""

    @pytest.fixture
    async def stream(self, recogniser: SpeechToText) -> AsyncIterator[SpeechStream]:
        stream = await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)
        yield stream
        await stream.close()
        await recogniser.close()

    async def test_the_words_are_recognised(
        self, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        text = final_text(await recognise(stream, speech.pcm))
        assert word_error_rate(speech.text, text) <= speech.tolerated_wer

    async def test_words_stand_in_order_inside_the_audio(
        self, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        words = final_words(await recognise(stream, speech.pcm))
        assert words[0].start_s >= 0
        assert words[-1].end_s <= speech.duration_s
        assert all(word.start_s < word.end_s for word in words)
        assert all(one.end_s <= two.start_s + 1e-6 for one, two in pairwise(words))

    async def test_times_count_from_the_first_sample_of_the_stream(
        self, recogniser: SpeechToText, speech: KnownSpeech
    ) -> None:
        at_once = await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)
        later = await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)
        first = final_words(await recognise(at_once, speech.pcm))
        shifted = final_words(await recognise(later, write_silence(3.0) + speech.pcm))
        assert shifted[0].text == first[0].text
        assert shifted[0].start_s - first[0].start_s == pytest.approx(3.0, abs=0.15)
        assert shifted[-1].end_s - first[-1].end_s == pytest.approx(3.0, abs=0.15)
        await recogniser.close()

    async def test_through_follows_the_audio_and_ends_with_it(
        self, recogniser: SpeechToText, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        pcm = write_silence(1.0) + speech.pcm + write_silence(1.3) + b"\1\0" * 7
        through = [0.0, *(result.through_s for result in await recognise(stream, pcm))]
        steps = [later - earlier for earlier, later in pairwise(through)]
        assert min(steps[:-1]) > 0
        assert max(steps) <= recogniser.report_every_s + ONE_FRAME_S
        assert through[-1] == pytest.approx(len(pcm) / 2 / RATE_HZ, abs=1e-6)

    async def test_the_last_result_is_final(
        self, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        results = await recognise(stream, speech.pcm)
        assert results[-1].is_final

    async def test_behind_a_final_result_words_start_behind_it(
        self, stream: SpeechStream, speech: KnownSpeech, other_speech: KnownSpeech
    ) -> None:
        pcm = speech.pcm + write_silence(1.0) + other_speech.pcm
        results = await recognise(stream, pcm)
        said_until_s = 0.0
        finals_with_words = 0
        for result in results:
            assert all(word.start_s >= said_until_s - 1e-6 for word in result.words)
            assert all(word.end_s <= result.through_s + 1e-6 for word in result.words)
            if result.is_final and result.words:
                said_until_s = result.words[-1].end_s
                finals_with_words += 1
        assert finals_with_words >= 2, "a pause of a second makes words final"

    async def test_there_are_words_before_the_end(
        self, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        results = await recognise(stream, speech.pcm)
        half = [result for result in results if result.through_s < 0.6 * speech.duration_s]
        assert any(result.words for result in half)

    async def test_silence_is_reported_and_holds_no_words(self, stream: SpeechStream) -> None:
        results = await recognise(stream, write_silence(3.0))
        assert results[-1].through_s == pytest.approx(3.0)
        assert [result.words for result in results] == [()] * len(results)

    async def test_no_audio_at_all(self, stream: SpeechStream) -> None:
        assert await recognise(stream, b"") == [Recognition((), is_final=True, through_s=0.0)]

    async def test_how_audio_is_cut_into_chunks_does_not_matter(
        self, recogniser: SpeechToText, speech: KnownSpeech
    ) -> None:
        texts: set[str] = set()
        for chunk_samples in (333, 1_600, 40_000):
            stream = await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)
            results = await recognise(stream, speech.pcm, chunk_samples=chunk_samples)
            texts.add(final_text(results))
        assert len(texts) == 1
        await recogniser.close()

    async def test_streams_at_the_same_time_do_not_mix(
        self, recogniser: SpeechToText, speech: KnownSpeech, other_speech: KnownSpeech
    ) -> None:
        streams = [await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ) for _ in range(3)]
        spoken = [speech, other_speech, speech]
        heard = await asyncio.gather(
            *(recognise(stream, each.pcm) for stream, each in zip(streams, spoken, strict=True))
        )
        one, other, same = (final_text(results) for results in heard)
        assert one == same != other
        await recogniser.close()

    async def test_a_wait_that_is_given_up_loses_no_result(
        self, recogniser: SpeechToText, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        await stream.send(speech.pcm[: 2 * RATE_HZ])
        await stream.finish()
        results: list[Recognition] = []
        iterator = aiter(stream)
        while True:
            waiting = asyncio.ensure_future(anext(iterator))
            done, _ = await asyncio.wait([waiting], timeout=0.002)
            if not done and waiting.cancel():
                await asyncio.wait([waiting])
            if waiting.cancelled():
                continue
            try:
                results.append(waiting.result())
            except StopAsyncIteration:
                break
        through = [0.0, *(result.through_s for result in results)]
        steps = [later - earlier for earlier, later in pairwise(through)]
        assert min(steps) >= 0
        assert max(steps) <= recogniser.report_every_s + ONE_FRAME_S
        assert through[-1] == pytest.approx(1.0)
        assert results[-1].is_final

    async def test_a_closed_stream_ends_and_takes_nothing_more(
        self, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        await stream.send(speech.pcm[: RATE_HZ // 2])
        await stream.close()
        await stream.close()
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
        with pytest.raises(PermanentError):
            await stream.send(b"\0\0")

    async def test_audio_behind_the_end_is_refused(self, stream: SpeechStream) -> None:
        await stream.finish()
        with pytest.raises(PermanentError):
            await stream.send(b"\0\0")

    async def test_half_a_sample_is_refused(self, stream: SpeechStream) -> None:
        with pytest.raises(PermanentError, match="odd"):
            await stream.send(b"\0\0\0")

    async def test_a_language_that_is_not_offered(self, recogniser: SpeechToText) -> None:
        assert recogniser.can_recognise(self.LANGUAGE)
        assert not recogniser.can_recognise("tlh")
        with pytest.raises(PermanentError, match="tlh"):
            await recogniser.open("tlh", sample_rate_hz=RATE_HZ)
        await recogniser.close()

    async def test_a_sample_rate_that_is_not_offered(self, recogniser: SpeechToText) -> None:
        with pytest.raises(PermanentError, match="11025"):
            await recogniser.open(self.LANGUAGE, sample_rate_hz=11_025)
        await recogniser.close()

    async def test_a_closed_recogniser_opens_nothing(self, recogniser: SpeechToText) -> None:
        await recogniser.close()
        await recogniser.close()
        with pytest.raises(PermanentError, match="closed"):
            await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)


class TestOfflineSpeechToText(SpeechToTextContract):
    @pytest.fixture
    def recogniser(self) -> SpeechToText:
        return OfflineSpeechToText()

    @pytest.fixture
    def speech(self) -> KnownSpeech:
        return read_speech("0880")

    @pytest.fixture
    def other_speech(self) -> KnownSpeech:
        return read_speech("0930")


class TestScriptedSpeechToText(SpeechToTextContract):
    @pytest.fixture
    def recogniser(self) -> SpeechToText:
        return ScriptedSpeechToText()

    @pytest.fixture
    def speech(self) -> KnownSpeech:
        pcm, words = write_words(0, 10)
        return KnownSpeech(pcm, " ".join(word.text for word in words), tolerated_wer=0.0)

    @pytest.fixture
    def other_speech(self) -> KnownSpeech:
        pcm, words = write_words(500, 8, word_s=0.4, gap_s=0.0)
        return KnownSpeech(pcm, " ".join(word.text for word in words), tolerated_wer=0.0)


class TestScriptedSpeechToTextThatHesitates(TestScriptedSpeechToText):
    """Late results, and last words that are first heard wrongly."""

    @pytest.fixture
    def recogniser(self) -> SpeechToText:
        return ScriptedSpeechToText(ScriptedSpeechToTextSettings(delay_s=0.01, unsure_s=0.3))


class TestCombinedSpeechToText(TestScriptedSpeechToText):
    """English goes to the second, the first that offers it."""

    @pytest.fixture
    def recogniser(self) -> SpeechToText:
        return CombinedSpeechToText(
            ScriptedSpeechToText(ScriptedSpeechToTextSettings(languages=("ca",))),
            ScriptedSpeechToText(),
        )


class TestAmazonSpeechToText(TestScriptedSpeechToText):
    """Transcribe's SDK against a server that speaks its protocol, with the script behind that."""

    @pytest.fixture
    async def server(self, tmp_path: Path) -> AsyncIterator[TranscribeServer]:
        server = TranscribeServer(ScriptedSpeechToText())
        await server.start(tmp_path)
        yield server
        await server.close()
        assert [stream.error for stream in server.streams] == [""] * len(server.streams)

    @pytest.fixture
    def recogniser(self, server: TranscribeServer) -> SpeechToText:
        return AmazonSpeechToText(
            AwsSettings.local(server.url, "test"),
            AmazonSpeechToTextSettings(ca_file=server.ca_file),
        )
