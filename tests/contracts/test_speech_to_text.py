"""``contracts.speech_to_text``, kept by every recogniser here."""

from __future__ import annotations

import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.calls.line_speech_stream import LineStreamSettings
from connectors.interfaces.speech_to_text import SpeechToText
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.services.openai_speech import OpenAiSettings, OpenAiSpeechToText
from connectors.services.whisper_live import WhisperLiveSettings, WhisperLiveSpeechToText
from connectors.testing.contracts.speech_to_text import KnownSpeech, SpeechToTextContract
from connectors.testing.speech_to_text import (
    CombinedSpeechToText,
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_words
from local_stack.amazon_servers.transcribe import TranscribeServer
from tests.contracts.openai_server import OpenAiServer
from tests.contracts.whisper_live_server import WhisperLiveServer

pytestmark = pytest.mark.contract

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")


def read_speech(number: str) -> KnownSpeech:
    """One of the read sentences of Debian's pocketsphinx-testdata (``0870``...)."""
    name = f"sense_and_sensibility_01_austen_64kb-{number}"
    with wave.open(str(LIBRIVOX / f"{name}.wav")) as recording:
        pcm = recording.readframes(recording.getnframes())
    transcription = (LIBRIVOX / "transcription").read_text()
    line = re.search(rf"<s> (.*) </s> \({name}\)", transcription)
    assert line is not None
    return KnownSpeech(pcm, line[1], tolerated_wer=0.45)


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


class TestOpenAiSpeechToText(TestScriptedSpeechToText):
    """An endpoint that transcribes whole recordings, with the script behind it."""

    @pytest.fixture
    async def server(self) -> AsyncIterator[OpenAiServer]:
        server = OpenAiServer()
        await server.start()
        yield server
        await server.close()

    @pytest.fixture
    def recogniser(self, server: OpenAiServer) -> SpeechToText:
        return OpenAiSpeechToText(
            OpenAiSettings(server.url, server.key),
            ScriptedVoiceActivityFactory(),
            LineStreamSettings(report_every_s=0.5, most_steps=1),
        )


class TestWhisperLiveSpeechToText(TestScriptedSpeechToText):
    """A server that speaks whisper-live's protocol, with the script behind it."""

    @pytest.fixture
    async def server(self) -> AsyncIterator[WhisperLiveServer]:
        server = WhisperLiveServer()
        await server.start()
        yield server
        await server.close()

    @pytest.fixture
    def recogniser(self, server: WhisperLiveServer) -> SpeechToText:
        return WhisperLiveSpeechToText(WhisperLiveSettings(server.url))
