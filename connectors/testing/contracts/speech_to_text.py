"""What every recogniser keeps."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise

import jiwer
import pytest

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import (
    DescribedSpeechToText,
    Recognition,
    SpeechStream,
    SpeechToText,
    Word,
    capabilities_of,
)
from connectors.testing.words import write_silence

RATE_HZ = 16_000
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


def word_error_rate(reference: str, recognised: str) -> float:
    """Substitutions, deletions and insertions per word of ``reference``; case is no error."""
    return float(jiwer.wer(_plain(reference), _plain(recognised)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


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
    """What is refused before a stream opens is told in the words of ``interfaces.stream_checks``,
    whose checks an engine may call."""

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
        with pytest.raises(PermanentError, match=r"^the \w+ recogniser does not know .* 'tlh'$"):
            await recogniser.open("tlh", sample_rate_hz=RATE_HZ)
        await recogniser.close()

    async def test_a_sample_rate_that_is_not_offered(self, recogniser: SpeechToText) -> None:
        with pytest.raises(PermanentError, match=r"^the \w+ recogniser takes .*, not 11025 Hz$"):
            await recogniser.open(self.LANGUAGE, sample_rate_hz=11_025)
        await recogniser.close()

    async def test_a_closed_recogniser_opens_nothing(self, recogniser: SpeechToText) -> None:
        await recogniser.close()
        await recogniser.close()
        with pytest.raises(PermanentError, match=r"^the \w+ recogniser is closed$"):
            await recogniser.open(self.LANGUAGE, sample_rate_hz=RATE_HZ)

    async def test_words_say_no_more_than_the_recogniser_claims(
        self, recogniser: SpeechToText, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        results = await recognise(stream, speech.pcm)
        claimed = capabilities_of(recogniser)
        given = [word.confidence for word in final_words(results)]
        assert all(each is None or 0.0 <= each <= 1.0 for each in given)
        assert claimed.gives_confidence or given == [None] * len(given)
        if not claimed.marks_stable:
            return
        stable: list[str] = []
        for result in results:
            assert [word.text for word in result.words[: len(stable)]] == stable
            stable = [word.text for word in result.words if word.is_stable and not result.is_final]

    async def test_words_that_are_settled_do_not_change(
        self, recogniser: SpeechToText, stream: SpeechStream, speech: KnownSpeech
    ) -> None:
        """Those that ``settles_after_s`` says so of: the job commits them at a pause."""
        if not isinstance(recogniser, DescribedSpeechToText):
            pytest.skip("it does not describe itself")
        after_s = recogniser.capabilities.settles_after_s
        settled: list[str] = []
        for result in await recognise(stream, speech.pcm + write_silence(0.5)):
            assert [word.text for word in result.words[: len(settled)]] == settled
            old = [word.text for word in result.words if word.end_s + after_s <= result.through_s]
            settled = [] if result.is_final else old
