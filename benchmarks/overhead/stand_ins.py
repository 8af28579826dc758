"""The job's connectors in a load run: simulated services, and stores that are only noted in.

Everything lives inside the worker, so its CPU is counted as the job's; that makes the figures a
little worse than they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.overhead.talkers import Talkers, TalkersSource
from connectors.calls.policy import PATIENT, Policies
from connectors.interfaces.notifier import Audience, Delivery
from connectors.interfaces.voice_activity import VoiceActivityFactory, Voiced
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.ledger import MemoryLedger
from connectors.memory.positions import MemoryPositions
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from connectors.registry import Connectors
from connectors.testing.faults import Delay
from connectors.testing.speech_synthesis import ScriptedSynthesizer, ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import ScriptedSpeechToText, ScriptedSpeechToTextSettings
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages

RECOGNITION_S, TRANSLATION_S, SPEECH_S = 0.30, 0.15, 0.31
"""The profile ``current`` without its spread: what is simulated can then be taken off exactly."""
REPORT_EVERY_S = 0.128
"""Half a chunk: a result comes with every chunk's end."""
_ENTRIES_KEPT = 64
_FLUSH_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class StandIns:
    """A ``ConnectorFactory``. ``notes``: a line of JSON there for every notification."""

    talkers: Talkers
    notes: Path

    def build(self) -> Connectors:
        policies = Policies(
            voice_within_s=PATIENT.voice_within_s,
            stream_opens_per_s=1_000.0,
        )
        return Connectors(
            shard_source=TalkersSource(self.talkers),
            positions=MemoryPositions(),
            speech_to_text=ScriptedSpeechToText(
                ScriptedSpeechToTextSettings(delay_s=RECOGNITION_S, report_every_s=REPORT_EVERY_S)
            ),
            ledger=ShortLedger(),
            directory=OneLanguage(self.talkers.languages),
            translator=ScriptedTranslator(ScriptedTranslatorSettings(delay=Delay(TRANSLATION_S))),
            synthesizer=ScriptedSynthesizer(ScriptedSynthesizerSettings(delay=Delay(SPEECH_S))),
            clip_store=NoStore(),
            notifier=NotedNotifier(self.notes),
            dead_letters=MemoryDeadLetters(),
            voice_activity=PaidVoiceActivityFactory(),
            policies=policies,
        )


class ShortLedger(MemoryLedger):
    """``Ledger`` that remembers a session's last entries only: a run must not fill the memory."""

    def __init__(self) -> None:
        super().__init__(keep=_ENTRIES_KEPT)


class OneLanguage:
    """``SessionDirectory``: everybody speaks English."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self._languages = languages

    async def find(self, session_id: str) -> SessionInfo | None:
        return SessionInfo(session_id, "talker", "en", self._languages, "standard", "active", 0)

    async def listeners(self, session_id: str) -> ListenerLanguages:
        return ListenerLanguages(self._languages, 1)

    async def close(self) -> None:
        """Nothing is held open."""


class NoStore:
    """``ClipStore`` that keeps nothing."""

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Thrown away."""

    async def get(self, key: str) -> bytes | None:
        return None

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        return None

    async def presign(self, key: str, *, expires_s: int) -> str:
        return f"http://127.0.0.1/{key}"

    async def close(self) -> None:
        """Nothing is held open."""


class NotedNotifier:
    """``Notifier`` that writes down what it would tell, and when."""

    def __init__(self, notes: Path) -> None:
        self._file = notes.open("a")
        self._flushed_at_s = 0.0

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        if audience in (Audience.ALL, Audience.LINK) and message["type"] != "partialCaption":
            now_s = time.time()
            told = {name: message.get(name) for name in ("type", "sequenceNumber", "stages")}
            line = {"at_ms": now_s * 1000, "session": session_id, "language": language, **told}
            self._file.write(json.dumps(line) + "\n")
            if now_s - self._flushed_at_s > _FLUSH_EVERY_S:
                self._flushed_at_s = now_s
                self._file.flush()
        return Delivery(1, 1)

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        return Delivery(0, 0)

    def knows_nobody_inline(self, session_id: str, language: str) -> bool:
        return True

    async def close(self) -> None:
        self._file.close()


class PaidVoiceActivityFactory:
    """Hears words that are written into samples, and pays what the real detector takes."""

    def __init__(self) -> None:
        self._scripted = ScriptedVoiceActivityFactory(lag_samples=1_600)
        self._real = WebrtcVoiceActivityFactory()

    def detector(self) -> PaidVoiceActivity:
        return PaidVoiceActivity(self._scripted, self._real)


class PaidVoiceActivity:
    def __init__(self, scripted: VoiceActivityFactory, real: VoiceActivityFactory) -> None:
        self._scripted, self._real = scripted.detector(), real.detector()

    @property
    def through_sample(self) -> int:
        return self._scripted.through_sample

    def hear(self, pcm: bytes) -> tuple[Voiced, ...]:
        self._real.hear(pcm)
        return self._scripted.hear(pcm)
