"""The job's choice of connectors, as settings that travel to the workers and open there."""

from __future__ import annotations

import importlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.dead_letters import AmazonDeadLetters
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.notifier import AmazonNotifier, AmazonNotifierSettings
from connectors.amazon.positions import AmazonPositions
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.amazon.shard_source import AmazonShardSource
from connectors.amazon.speech import AmazonSpeech
from connectors.calls.as_spoken import AsSpoken
from connectors.calls.fallback_translator import FallbackTranslator
from connectors.calls.guided_translator import Guidance, GuidedTranslator
from connectors.calls.policy import PATIENT, Policies
from connectors.files.clip_store import LocalClipStore
from connectors.files.dead_letters import FolderDeadLetters
from connectors.files.recorded_sessions import RecordedSessions
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.listener_connections import TableListenerConnections
from connectors.interfaces.notifier import Notifier
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.interfaces.speech_to_text import SpeechToText
from connectors.interfaces.traces import NoTraces, Traces, TraceSettings
from connectors.interfaces.translation import Translator
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.local.engines import LocalSpeech
from connectors.local.loudness import level
from connectors.local.speech_synthesis import LocalSynthesizer
from connectors.memory.ledger import MemoryLedger
from connectors.memory.notifier import MemoryNotifier
from connectors.memory.positions import MemoryPositions
from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.offline.translation import OfflineTranslator
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from connectors.plugins import open_plugin
from connectors.registry import Connectors
from connectors.services.chat_translation import ChatSettings, ChatTranslator
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from connectors.services.openai_speech import (
    OpenAiSettings,
    OpenAiSpeechToText,
    OpenAiSynthesizer,
)
from connectors.services.whisper_live import WhisperLiveSettings, WhisperLiveSpeechToText
from connectors.testing.shard_source import ScriptedShardSource
from connectors.testing.speech_synthesis import (
    ScriptedSynthesizer,
    ScriptedSynthesizerSettings,
)
from connectors.testing.speech_to_text import (
    CombinedSpeechToText,
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SpeechChoice:
    """Which engine does what: ``offline``, ``local``, ``amazon``, ``openai`` (an endpoint of that
    kind) or ``scripted`` each; of recognition ``whisper_live`` too (a server of that kind), of
    translation ``bedrock``.

    ``local`` are the neural models of `make models`; any other name is an engine of another package
    (``plugins``).

    ``scripted`` is for tests and benchmarks; it recognises only words written into the audio.
    ``combined`` recognises English offline and takes other languages to be scripted.

    ``translation_fallback``: translates what the first engine has no translation of; "": none.

    ``voice_activity``: ``silero``, ``webrtc``, or "": Silero's where recognition is ``local``.
    """

    speech_to_text: str = "offline"
    translation: str = "offline"
    speech_synthesis: str = "offline"
    voice_activity: str = ""
    scripted_stt: ScriptedSpeechToTextSettings = field(default_factory=ScriptedSpeechToTextSettings)
    scripted_translation: ScriptedTranslatorSettings = field(
        default_factory=ScriptedTranslatorSettings
    )
    scripted_synthesis: ScriptedSynthesizerSettings = field(
        default_factory=ScriptedSynthesizerSettings
    )
    amazon: AmazonSpeech = field(default_factory=AmazonSpeech)
    local: LocalSpeech = field(default_factory=LocalSpeech)
    openai: OpenAiSettings = field(default_factory=OpenAiSettings)
    whisper_live: WhisperLiveSettings = field(default_factory=WhisperLiveSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    guidance: Guidance = field(default_factory=Guidance)
    translation_fallback: str = ""

    def open_speech_to_text(self) -> SpeechToText:
        own: dict[str, Callable[[], SpeechToText]] = {
            "offline": lambda: OfflineSpeechToText(),
            "local": self.local.open_speech_to_text,
            "amazon": self.amazon.open_speech_to_text,
            "openai": lambda: OpenAiSpeechToText(self.openai, self.open_voice_activity()),
            "whisper_live": lambda: WhisperLiveSpeechToText(self.whisper_live),
            "scripted": lambda: ScriptedSpeechToText(self.scripted_stt),
            "combined": lambda: CombinedSpeechToText(
                OfflineSpeechToText(), ScriptedSpeechToText(self.scripted_stt)
            ),
        }
        name = self.speech_to_text
        return own[name]() if name in own else open_plugin("speech_to_text", name)

    def open_voice_activity(self) -> VoiceActivityFactory:
        """Real detectors rightly hear no voice in scripted words."""
        if self.speech_to_text in ("scripted", "combined"):
            return ScriptedVoiceActivityFactory()
        if (self.voice_activity or self.speech_to_text) in ("silero", "local"):
            return self.local.open_voice_activity()
        return WebrtcVoiceActivityFactory()

    def open_translator(self) -> Translator:
        translator = self._open_translator(self.translation)
        if self.translation_fallback:
            fallback = self._open_translator(self.translation_fallback)
            translator = FallbackTranslator(translator, fallback)
        if self.guidance != Guidance():
            translator = GuidedTranslator(translator, self.guidance)
        return AsSpoken(translator)

    def _open_translator(self, name: str) -> Translator:
        own: dict[str, Callable[[], Translator]] = {
            "offline": lambda: OfflineTranslator(),
            "local": self.local.open_translator,
            "amazon": self.amazon.open_translator,
            "bedrock": self.amazon.open_bedrock_translator,
            "openai": lambda: ChatTranslator(self.chat),
            "scripted": lambda: ScriptedTranslator(self.scripted_translation),
        }
        return own[name]() if name in own else open_plugin("translation", name)

    def open_synthesizer(self) -> SpeechSynthesizer:
        own: dict[str, Callable[[], SpeechSynthesizer]] = {
            "offline": lambda: OfflineSynthesizer(),
            "local": self.local.open_synthesizer,
            "amazon": self.amazon.open_synthesizer,
            "openai": lambda: OpenAiSynthesizer(self.openai, finish=level),
            "scripted": lambda: ScriptedSynthesizer(self.scripted_synthesis),
        }
        name = self.speech_synthesis
        return own[name]() if name in own else open_plugin("speech_synthesis", name)


@dataclass(frozen=True, slots=True)
class NotifyChoice:
    """``api_gateway``: a post per connection; ``gateway``: one call to our own gateway.
    ``token_file``: on the worker's machine, so that the job's jar holds no token."""

    kind: str = "api_gateway"
    endpoint_url: str = "http://127.0.0.1:8080"
    token: str | None = None
    token_file: Path | None = None

    def read_token(self) -> str | None:
        """Raises PermanentError: the file cannot be read."""
        if self.token_file is None:
            return self.token
        try:
            return self.token_file.read_text().strip()
        except OSError as error:
            raise PermanentError(f"--notify_token_file: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class LiveConnectors:
    """Of the live job: everything on AWS, or on its local stand-in.

    ``consumer``: the name under which Kinesis pushes records; empty: they are polled.
    """

    aws: AwsSettings
    speech: SpeechChoice
    notify: NotifyChoice
    policies: Policies = field(default_factory=Policies)
    consumer: str = ""
    traces: TraceSettings = field(default_factory=TraceSettings)

    def build(self) -> Connectors:
        clients = AwsClients(self.aws)
        tables = AmazonSessionTables(clients, _wall_clock_ms)
        speech_to_text = self.speech.open_speech_to_text()
        synthesizer = self.speech.open_synthesizer()
        return Connectors(
            shard_source=AmazonFanOutSource(clients, self.consumer)
            if self.consumer
            else AmazonShardSource(clients),
            positions=AmazonPositions(clients),
            speech_to_text=speech_to_text,
            ledger=AmazonLedger(clients),
            directory=tables,
            translator=self.speech.open_translator(),
            synthesizer=synthesizer,
            clip_store=AmazonClipStore(clients),
            notifier=self._notifier(tables),
            dead_letters=AmazonDeadLetters(clients),
            voice_activity=self.speech.open_voice_activity(),
            traces=self._open_traces(),
            policies=self.policies,
            on_open=self._loading(speech_to_text, synthesizer),
            on_close=(clients.close,),
        )

    def _loading(
        self, speech_to_text: SpeechToText, synthesizer: SpeechSynthesizer
    ) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What takes long to load, ahead of the first words."""
        loading: list[Callable[[], Awaitable[None]]] = []
        # A stream of Amazon's has nothing to load, and is paid for.
        if self.speech.speech_to_text != "amazon":
            loading.append(partial(_load_models, speech_to_text))
        if isinstance(synthesizer, LocalSynthesizer):
            loading.append(synthesizer.warm)
        return tuple(loading)

    def _open_traces(self) -> Traces:
        if not self.traces.endpoint_url:
            return NoTraces()
        # OpenTelemetry is a third of a second to import, which a worker without traces is spared.
        module = importlib.import_module("connectors.services.otlp_traces")
        traces: Traces = module.OtlpTraces(self.traces, self.aws.stage)
        return traces

    def _notifier(self, tables: AmazonSessionTables) -> Notifier:
        if self.notify.kind == "gateway":
            return GatewayNotifier(
                GatewayNotifierSettings(self.notify.endpoint_url, self.notify.read_token())
            )
        if self.notify.kind == "api_gateway":
            return AmazonNotifier(
                AmazonNotifierSettings(endpoint_url=self.notify.endpoint_url),
                self.aws,
                TableListenerConnections(tables, _wall_clock_ms),
            )
        raise PermanentError(f"no such notifier: {self.notify.kind}")


@dataclass(frozen=True, slots=True)
class FolderConnectors:
    """Of a bounded run: real engines, results in a folder, nobody to notify."""

    folder: Path
    speech: SpeechChoice
    policies: Policies = PATIENT
    source_language: str = "en"
    languages: tuple[str, ...] = ()

    def build(self) -> Connectors:
        return Connectors(
            shard_source=ScriptedShardSource(),
            positions=MemoryPositions(),
            speech_to_text=self.speech.open_speech_to_text(),
            ledger=MemoryLedger(),
            directory=RecordedSessions(self.source_language, self.languages),
            translator=self.speech.open_translator(),
            synthesizer=self.speech.open_synthesizer(),
            clip_store=LocalClipStore(self.folder),
            notifier=MemoryNotifier(),
            dead_letters=FolderDeadLetters(self.folder),
            voice_activity=self.speech.open_voice_activity(),
            policies=self.policies,
        )


async def _load_models(speech_to_text: SpeechToText) -> None:
    """A recogniser loads its models with its first stream."""
    stream = await speech_to_text.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
    await stream.close()


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000
