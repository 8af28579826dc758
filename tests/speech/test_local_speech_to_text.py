"""The recogniser's contract by Moonshine, and what it promises beyond it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from connectors.interfaces.errors import RetryableError, ThrottledError
from connectors.interfaces.speech_to_text import Recognition, SpeechToText, capabilities_of
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from connectors.testing.contracts.speech_to_text import (
    RATE_HZ,
    KnownSpeech,
    SpeechToTextContract,
    final_text,
    recognise,
)
from local_stack.talk import word_error_rate
from tests.contracts.test_speech_to_text import read_speech

pytestmark = pytest.mark.speech

ONE_DECODING_A_STEP = LocalSpeechToTextSettings(most_steps=1)
"""Audio comes faster than in life in these tests: without it, how much is decoded at once, and so
now and then a word, would depend on the machine's speed."""


class TestLocalSpeechToText(SpeechToTextContract):
    @pytest.fixture
    def recogniser(self) -> SpeechToText:
        return LocalSpeechToText(ONE_DECODING_A_STEP)

    @pytest.fixture
    def speech(self) -> KnownSpeech:
        return read_speech("0880")

    @pytest.fixture
    def other_speech(self) -> KnownSpeech:
        return read_speech("0930")

    async def test_it_says_what_it_knows(self, recogniser: SpeechToText) -> None:
        said = capabilities_of(recogniser)
        assert (said.punctuates, said.marks_stable, said.times_are_estimated) == (True, True, True)

    async def test_punctuation_and_case_are_kept(self) -> None:
        recogniser = LocalSpeechToText(ONE_DECODING_A_STEP)
        speech = read_speech("0870")
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        text = final_text(await recognise(stream, speech.pcm))
        await recogniser.close()
        assert text.startswith("And Mr. John Dashwood")
        assert text.endswith(".")
        assert word_error_rate(speech.text, text.replace("Mr.", "mister")) < 0.1

    async def test_stable_words_never_change(self, recogniser: SpeechToText) -> None:
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        results = await recognise(stream, read_speech("0870").pcm)
        await recogniser.close()
        early = 0
        stable: tuple[str, ...] = ()
        for result in results:
            assert tuple(word.text for word in result.words[: len(stable)]) == stable
            if result.is_final:
                stable = ()
                continue
            flags = [word.is_stable for word in result.words]
            assert flags == sorted(flags, reverse=True), "stable words come first"
            stable = tuple(word.text for word in result.words if word.is_stable)
            early = max(early, len(stable))
        assert early >= 10


async def test_a_killed_process_is_a_retryable_error_and_the_next_stream_has_another() -> None:
    recogniser = LocalSpeechToText()
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(read_speech("0880").pcm[: RATE_HZ * 2])
    process = recogniser.model_process_id
    assert process is not None
    os.kill(process, signal.SIGKILL)
    with pytest.raises(RetryableError, match="died"):
        async for _ in stream:
            pass
    again = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert recogniser.model_process_id not in (None, process)
    await again.close()
    await recogniser.close()


async def test_one_speaker_more_than_allowed_is_refused_until_another_has_ended() -> None:
    recogniser = LocalSpeechToText(LocalSpeechToTextSettings(max_streams=2))
    streams = [await recogniser.open("en", sample_rate_hz=RATE_HZ) for _ in range(2)]
    with pytest.raises(ThrottledError):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await streams[0].close()
    await (await recogniser.open("en", sample_rate_hz=RATE_HZ)).close()
    await recogniser.close()


async def test_more_speakers_than_the_machine_holds_share_it_and_all_are_answered() -> None:
    """Six at once, faster than in life: each turn takes more audio, no stream is left behind."""
    recogniser = LocalSpeechToText()
    speech = read_speech("0880")
    streams = [await recogniser.open("en", sample_rate_hz=RATE_HZ) for _ in range(6)]
    finished: list[int] = []

    async def one(number: int) -> list[Recognition]:
        results = await recognise(streams[number], speech.pcm)
        finished.append(number)
        return results

    texts = [final_text(each) for each in await asyncio.gather(*(one(n) for n in range(6)))]
    await recogniser.close()
    assert sorted(finished) == list(range(6))
    assert max(word_error_rate(speech.text, text) for text in texts) <= speech.tolerated_wer
