"""``contracts.speech_synthesis``, kept by every voice here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_synthesis import AmazonSynthesizer, AmazonSynthesizerSettings
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.services.openai_speech import OpenAiSettings, OpenAiSynthesizer
from connectors.testing.contracts.speech_synthesis import TEXTS, SpeechSynthesisContract
from connectors.testing.faults import Delay
from connectors.testing.speech_synthesis import ScriptedSynthesizer, ScriptedSynthesizerSettings
from local_stack.amazon_servers.polly import PollyServer
from tests.contracts.openai_server import OpenAiServer

pytestmark = pytest.mark.contract


class TestOfflineSynthesizer(SpeechSynthesisContract):
    @pytest.fixture
    def opened(self) -> SpeechSynthesizer:
        return OfflineSynthesizer()


class TestScriptedSynthesizer(SpeechSynthesisContract):
    @pytest.fixture
    def opened(self) -> SpeechSynthesizer:
        return ScriptedSynthesizer(ScriptedSynthesizerSettings(delay=Delay(0.0, 0.005)))


class TestAmazonSynthesizer(SpeechSynthesisContract):
    """aiobotocore against a server that speaks Polly's protocol, with a script behind it."""

    WITHOUT_VOICE = frozenset({"gl"})

    @pytest.fixture
    async def opened(self) -> AsyncIterator[SpeechSynthesizer]:
        server = PollyServer(ScriptedSynthesizer())
        await server.start()
        yield AmazonSynthesizer(
            AwsSettings.local(server.url, "test"), AmazonSynthesizerSettings(requests_per_s=1_000)
        )
        await server.close()


class TestOpenAiSynthesizer(SpeechSynthesisContract):
    """An endpoint that answers with bare samples, with the script behind it."""

    @pytest.fixture
    async def opened(self) -> AsyncIterator[SpeechSynthesizer]:
        server = OpenAiServer()
        await server.start()
        yield OpenAiSynthesizer(OpenAiSettings(server.url, server.key, languages=tuple(TEXTS)))
        await server.close()
