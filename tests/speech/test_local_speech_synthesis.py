"""The voice's contract by Kokoro with espeak-ng beside it, and what listeners are promised."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, decode_clip
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.local.loudness import TARGET_LUFS, loudness_lufs
from connectors.local.speech_synthesis import LocalSynthesizer, LocalSynthesizerSettings
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from local_stack.talk import word_error_rate
from tests.contracts.test_speech_synthesis import TEXTS, SpeechSynthesisContract
from tests.contracts.test_speech_to_text import RATE_HZ as SPOKEN_HZ
from tests.contracts.test_speech_to_text import final_text, recognise

pytestmark = pytest.mark.speech

HOWEVER_LATE = LocalSynthesizerSettings(deadline_s=math.inf)
SENTENCES = (
    "Thank you all for being here so early on a Saturday.",
    "What do you say to somebody who is afraid and who does not want to hear the answer?",
    "The market in our town opens at six, closes at two, and has never once been late.",
    "Before you clap, let me tell you what did not work.",
    "He might have been made still more respectable than he was.",
)


class TestLocalSynthesizer(SpeechSynthesisContract):
    @pytest.fixture
    def opened(self) -> SpeechSynthesizer:
        return LocalSynthesizer(HOWEVER_LATE)


async def test_clips_of_all_voices_are_equally_loud_and_below_the_peak() -> None:
    voice = LocalSynthesizer(HOWEVER_LATE)
    clips = {language: await voice.synthesize(text, language) for language, text in TEXTS.items()}
    await voice.close()
    for language, clip in clips.items():
        samples = decode_clip(clip.body)
        assert loudness_lufs(samples, RATE_HZ) == pytest.approx(TARGET_LUFS, abs=1.0), language
        assert np.max(np.abs(samples)) <= 10 ** (-1 / 20), language
    assert voice.spoken == 5


async def test_a_phrase_that_would_be_late_is_spoken_by_espeak_and_counted() -> None:
    voice = LocalSynthesizer(LocalSynthesizerSettings(deadline_s=1e-4))
    clip = await voice.synthesize(TEXTS["es"], "es")
    assert (voice.late, voice.spoken) == (1, 0)
    assert clip.duration_s > 0.5
    await voice.close()


async def test_english_read_back_by_the_recogniser_is_what_was_written() -> None:
    voice = LocalSynthesizer(HOWEVER_LATE)
    clips = await asyncio.gather(*(voice.synthesize(text, "en") for text in SENTENCES))
    await voice.close()
    samples = np.concatenate([np.pad(decode_clip(each.body), (0, RATE_HZ)) for each in clips])
    count = len(samples) * SPOKEN_HZ // RATE_HZ
    at = np.arange(count) * (RATE_HZ / SPOKEN_HZ)
    pcm = (np.interp(at, np.arange(len(samples)), samples) * 32_767).astype("<i2").tobytes()
    recogniser = LocalSpeechToText(LocalSpeechToTextSettings(most_steps=1))
    stream = await recogniser.open("en", sample_rate_hz=SPOKEN_HZ)
    text = final_text(await recognise(stream, pcm))
    await recogniser.close()
    assert word_error_rate(" ".join(SENTENCES), text) <= 0.03, text
