"""Connectors that need nothing outside of the process: for tests, and to measure one part."""

from __future__ import annotations

from collections.abc import Callable

from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.ledger import MemoryLedger
from connectors.memory.notifier import MemoryNotifier
from connectors.memory.positions import MemoryPositions
from connectors.memory.session_tables import MemorySessionTables
from connectors.registry import Connectors
from connectors.testing.shard_source import ScriptedShardSource
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from connectors.testing.speech_to_text import ScriptedSpeechToText
from connectors.testing.translation import ScriptedTranslator
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory


def scripted_connectors(now_ms: Callable[[], int]) -> Connectors:
    """Scripted engines over stores in memory; put others in their place with ``replace``.

    Voice is found 50 ms late, as a detector of the field finds it.
    """
    return Connectors(
        shard_source=ScriptedShardSource(),
        positions=MemoryPositions(),
        speech_to_text=ScriptedSpeechToText(),
        ledger=MemoryLedger(),
        directory=MemorySessionTables(now_ms),
        translator=ScriptedTranslator(),
        synthesizer=ScriptedSynthesizer(),
        clip_store=MemoryClipStore(),
        notifier=MemoryNotifier(),
        dead_letters=MemoryDeadLetters(),
        voice_activity=ScriptedVoiceActivityFactory(lag_samples=800),
    )
