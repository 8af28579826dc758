"""A text in one language, as the flow being replaced does it: translate, speak, store, notify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.calls.policy import Policies, call
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.notifier import Notifier
from connectors.interfaces.session_tables import SessionDirectory
from connectors.interfaces.shard_source import ShardSource
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.interfaces.speech_to_text import SpeechToText
from connectors.interfaces.translation import Translator
from schemas.names import clip_key
from schemas.values import Clip, Timeline

URL_EXPIRES_S = 600


@dataclass(frozen=True, slots=True)
class FlowConnectors:
    source: ShardSource
    directory: SessionDirectory
    speech_to_text: SpeechToText
    translator: Translator
    synthesizer: SpeechSynthesizer
    clip_store: ClipStore
    notifier: Notifier
    policies: Policies = field(default_factory=Policies)


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What was recognised in a session's part of a batch, and how long that has taken."""

    session_id: str
    number: int
    source_language: str
    text: str
    captured_at_ms: int
    duration_s: float
    timeline: Timeline


class TextDelivery:
    def __init__(self, connectors: FlowConnectors, now_ms: Callable[[], int]) -> None:
        self._connectors = connectors
        self._now_ms = now_ms

    async def say(self, spoken: SpokenText, language: str) -> bool:
        """Whether its listeners were told; one language's failure is nobody else's."""
        try:
            await self._say(spoken, language)
        except ConnectorError:
            return False
        return True

    async def _say(self, spoken: SpokenText, language: str) -> None:
        connectors, policies = self._connectors, self._connectors.policies
        translation = await call(
            policies.translate,
            lambda: connectors.translator.translate(spoken.text, spoken.source_language, language),
        )
        timeline = spoken.timeline.mark("translate", self._now_ms())
        clip = await call(
            policies.synthesize, lambda: connectors.synthesizer.synthesize(translation, language)
        )
        timeline = timeline.mark("synthesize", self._now_ms())
        key = clip_key(spoken.session_id, language, spoken.captured_at_ms)
        await call(
            policies.store_clip,
            lambda: connectors.clip_store.put(
                key, clip.body, content_type=clip.content_type, metadata={}
            ),
        )
        url = await connectors.clip_store.presign(key, expires_s=URL_EXPIRES_S)
        message = _message(
            spoken, language, translation, clip, url, timeline.mark("publish", self._now_ms())
        )
        await call(
            policies.notify,
            lambda: connectors.notifier.notify(spoken.session_id, language, message),
        )


def _message(
    spoken: SpokenText,
    language: str,
    translation: str,
    clip: Clip,
    url: str,
    timeline: Timeline,
) -> dict[str, object]:
    """``translatedAudio``, with the fields that the lag is measured by."""
    return {
        "type": "translatedAudio",
        "sessionId": spoken.session_id,
        "targetLanguage": language,
        "url": url,
        "timestamp": spoken.captured_at_ms,
        "duration": round(clip.duration_s, 3),
        "transcript": translation,
        "sequenceNumber": spoken.number,
        "sourceTranscript": spoken.text,
        "sourceDuration": round(spoken.duration_s, 3),
        "contentType": clip.content_type,
        "stages": timeline.as_dict(),
    }
