"""Amazon's speech services and Bedrock as one choice: where they are, and the settings of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.amazon.bedrock_translation import BedrockSettings, BedrockTranslator
from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_synthesis import AmazonSynthesizer, AmazonSynthesizerSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.amazon.translation import AmazonTranslator, AmazonTranslatorSettings


@dataclass(frozen=True, slots=True)
class AmazonSpeech:
    """Apart from the ``AwsSettings`` of stream, tables and buckets: a local stand-in for those
    has no speech. An endpoint of None: the real service of ``region``, with credentials that the
    SDKs find; one that is given is a stand-in on this machine, which takes the key ``test``."""

    region: str = "us-east-1"
    transcribe_endpoint_url: str | None = None
    translate_endpoint_url: str | None = None
    polly_endpoint_url: str | None = None
    bedrock_endpoint_url: str | None = None
    recognition: AmazonSpeechToTextSettings = field(default_factory=AmazonSpeechToTextSettings)
    translation: AmazonTranslatorSettings = field(default_factory=AmazonTranslatorSettings)
    synthesis: AmazonSynthesizerSettings = field(default_factory=AmazonSynthesizerSettings)
    bedrock: BedrockSettings = field(default_factory=BedrockSettings)

    def open_speech_to_text(self) -> AmazonSpeechToText:
        return AmazonSpeechToText(self._aws(self.transcribe_endpoint_url), self.recognition)

    def open_translator(self) -> AmazonTranslator:
        return AmazonTranslator(self._aws(self.translate_endpoint_url), self.translation)

    def open_bedrock_translator(self) -> BedrockTranslator:
        return BedrockTranslator(self._aws(self.bedrock_endpoint_url), self.bedrock)

    def open_synthesizer(self) -> AmazonSynthesizer:
        return AmazonSynthesizer(self._aws(self.polly_endpoint_url), self.synthesis)

    def _aws(self, endpoint_url: str | None) -> AwsSettings:
        if endpoint_url:
            return AwsSettings.local(endpoint_url, "speech")
        return AwsSettings("speech", region=self.region)
