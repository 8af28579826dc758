"""What every voice keeps."""

from __future__ import annotations

import asyncio
import io
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import av
import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, decode_clip
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from schemas.machine_made import maker_of

TEXTS = {
    "ca": "no era un home jove dolent",
    "de": "er war kein böser junger Mann",
    "en": "he was not an ill disposed young man",
    "es": "no era un joven malo, ¿verdad?",
    "fr": "ce n'était pas un jeune homme méchant",
    "gl": "non era un mozo malo",
    "it": "non era un giovane cattivo",
    "nl": "hij was geen slechte jongeman",
    "pl": "nie był złym młodym człowiekiem",
    "pt": "não era um jovem mau",
}
EDGE_S = 0.002
AUDIBLE = 0.001
"""Of full scale, -60 dB: an edge below it does not click."""


class SpeechSynthesisContract(ABC):
    WITHOUT_VOICE: frozenset[str] = frozenset()
    """Of the languages of ``TEXTS``, those that an implementation refuses."""

    @pytest.fixture
    @abstractmethod
    def opened(self) -> SpeechSynthesizer: ...

    @pytest.fixture
    async def voice(self, opened: SpeechSynthesizer) -> AsyncIterator[SpeechSynthesizer]:
        yield opened
        await opened.close()

    @pytest.mark.parametrize("language", sorted(TEXTS))
    async def test_a_clip_is_speech_of_the_length_it_says(
        self, voice: SpeechSynthesizer, language: str
    ) -> None:
        assert voice.can_speak(language) == (language not in self.WITHOUT_VOICE)
        if language in self.WITHOUT_VOICE:
            with pytest.raises(PermanentError, match=language):
                await voice.synthesize(TEXTS[language], language)
            return
        clip = await voice.synthesize(TEXTS[language], language)
        samples = decode_clip(clip.body)
        edge = int(EDGE_S * RATE_HZ)
        assert clip.content_type == "audio/mpeg"
        assert maker_of(clip.body), "it is marked as machine-made, with its engine"
        assert len(samples) == pytest.approx(clip.duration_s * RATE_HZ, abs=0.5)
        assert np.sqrt(np.mean(samples**2)) > 0.01, "it can be heard"
        assert np.max(np.abs(samples)) <= 1.0
        assert np.max(np.abs(samples[:edge])) < AUDIBLE
        assert np.max(np.abs(samples[-edge:])) < AUDIBLE

    async def test_a_clip_is_mp3_mono_at_24_khz(self, voice: SpeechSynthesizer) -> None:
        clip = await voice.synthesize("buenos días", "es")
        with av.open(io.BytesIO(clip.body)) as container:
            stream = container.streams.audio[0]
            found = (stream.codec_context.name, stream.rate, stream.channels)
        assert found[0].startswith("mp3")
        assert found[1:] == (RATE_HZ, 1)

    async def test_more_words_take_longer(self, voice: SpeechSynthesizer) -> None:
        short = await voice.synthesize("buenos días", "es")
        long = await voice.synthesize("buenos días a todos los que nos escuchan hoy", "es")
        assert long.duration_s > 2 * short.duration_s

    async def test_many_at_once_are_not_mixed_up(self, voice: SpeechSynthesizer) -> None:
        texts = ["uno", "uno dos tres cuatro", "uno dos tres cuatro cinco seis siete ocho"] * 4
        alone = [(await voice.synthesize(text, "es")).duration_s for text in texts[:3]]
        together = await asyncio.gather(*(voice.synthesize(text, "es") for text in texts))
        assert [clip.duration_s for clip in together] == alone * 4

    @pytest.mark.parametrize("text", ["", " \n", "...", "?!", "😀", "\0"])
    async def test_nothing_to_voice(self, voice: SpeechSynthesizer, text: str) -> None:
        with pytest.raises(PermanentError, match="voiced"):
            await voice.synthesize(text, "es")

    @pytest.mark.parametrize(
        "text",
        [
            "uno\0dos",
            "<break time='5s'/> uno",
            "[[hello]] uno",
            "-v uno",
            "uno \ud800",
            "uno 👩‍👩‍👧‍👦 😀",
            "uno два 一",
            "https://example.org/a?b=c uno",
        ],
    )
    async def test_awkward_text_is_voiced(self, voice: SpeechSynthesizer, text: str) -> None:
        clip = await voice.synthesize(text, "es")
        assert 0.05 < clip.duration_s < 10

    async def test_5000_characters_are_voiced_or_refused_at_once(
        self, voice: SpeechSynthesizer
    ) -> None:
        try:
            clip = await voice.synthesize("uno " * 1_250, "es")
        except PermanentError as error:
            assert re.search("characters; at most [1-9]", str(error))  # noqa: PT017 - of two ways
        else:
            assert clip.duration_s > 10
        assert (await voice.synthesize("uno", "es")).duration_s > 0.05

    async def test_no_voice(self, voice: SpeechSynthesizer) -> None:
        assert not voice.can_speak("tlh")
        with pytest.raises(PermanentError, match="tlh"):
            await voice.synthesize("uno", "tlh")

    async def test_a_closed_voice_refuses(self, voice: SpeechSynthesizer) -> None:
        await voice.close()
        await voice.close()
        with pytest.raises(PermanentError, match="closed"):
            await voice.synthesize("uno", "es")
