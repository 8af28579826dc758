"""Speech to text without a network: pocketsphinx, one forked decoder process per stream."""

from __future__ import annotations

from connectors.offline.process_speech_to_text import (
    ProcessSpeechToText,
    ProcessSpeechToTextSettings,
    RecogniserProgram,
)

LANGUAGES = frozenset({"en"})
"""The model in pocketsphinx' wheel is US English."""

OfflineSpeechToTextSettings = ProcessSpeechToTextSettings
"""A decoder takes about 0.15 of a core while somebody speaks."""


class OfflineSpeechToText(ProcessSpeechToText):
    def __init__(self, settings: OfflineSpeechToTextSettings | None = None) -> None:
        super().__init__(
            RecogniserProgram("offline", "connectors.offline.decoder_process", LANGUAGES),
            settings or OfflineSpeechToTextSettings(),
        )
