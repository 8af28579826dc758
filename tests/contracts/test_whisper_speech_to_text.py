"""``contracts.speech_to_text``, kept by Whisper's adapter over a process that is played; and
engines that die or hang in the middle of a word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.calls.line_speech_stream import LineStreamSettings
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.speech_to_text import SpeechToText
from connectors.local.engine_process import EngineProcess
from connectors.local.model_store import Machine, Manifest, Model, ModelStore
from connectors.local.whisper_process import load
from connectors.local.whisper_speech_to_text import WhisperSettings, WhisperSpeechToText
from connectors.testing.contracts.speech_to_text import RATE_HZ, final_text, recognise
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_words
from tests.contracts.test_speech_to_text import TestScriptedSpeechToText as ScriptedWords

pytestmark = pytest.mark.contract

SETTINGS = WhisperSettings(
    LineStreamSettings(report_every_s=0.5, most_steps=1), max_streams=8, hangs_after_s=1.0
)


def opened(folder: Path, how: str, languages: tuple[str, ...] = ("en",)) -> WhisperSpeechToText:
    model = Model("tiny", "recognition", "whisper", languages, 1, path=folder)
    return WhisperSpeechToText(
        model,
        ModelStore(Manifest({}, {"tiny": model})),
        ScriptedVoiceActivityFactory(),
        SETTINGS,
        Machine(free_mb=1_000, has_avx2=True),
        EngineProcess("whisper", "tests.unit.connectors.local.played_whisper", how),
    )


class TestWhisperSpeechToText(ScriptedWords):
    @pytest.fixture
    def recogniser(self, tmp_path: Path) -> SpeechToText:
        return opened(tmp_path, "answers")


@pytest.mark.parametrize(("how", "says"), [("dies", "died"), ("hangs", "no answer in time")])
async def test_an_engine_that_dies_or_hangs_in_mid_word_ends_its_stream_and_another_is_started(
    tmp_path: Path, how: str, says: str
) -> None:
    recogniser = opened(tmp_path, how)
    pcm, _ = write_words(0, 10)
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    with pytest.raises(RetryableError, match=says):
        async with asyncio.timeout(60):
            await recognise(stream, pcm)
    await stream.close()
    few, words = write_words(0, 3)
    again = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert final_text(await recognise(again, few)) == " ".join(word.text for word in words)
    await recogniser.close()


async def test_a_model_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    recogniser = opened(tmp_path / "nothing", "answers")
    with pytest.raises(PermanentError, match=r"nothing is missing: mend its path"):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await recogniser.close()


def test_a_model_of_two_languages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="needs one language"):
        opened(tmp_path, "answers", ("en", "es"))


def test_the_package_or_the_model_that_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"is not installed|is no Whisper model"):
        load(tmp_path, "en", 1)
