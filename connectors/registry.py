"""All connectors of a job, opened together and closed together (``job_connectors`` chooses)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.calls.policy import Policies
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.dead_letters import DeadLetters
from connectors.interfaces.ledger import Ledger
from connectors.interfaces.notifier import Notifier
from connectors.interfaces.positions import Positions
from connectors.interfaces.session_tables import SessionDirectory
from connectors.interfaces.shard_source import ShardSource
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.interfaces.speech_to_text import SpeechToText
from connectors.interfaces.traces import NoTraces, Traces
from connectors.interfaces.translation import MeteredTranslator, Translator
from connectors.interfaces.voice_activity import VoiceActivityFactory

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Connectors:
    """What a worker process holds open: one object of each kind."""

    shard_source: ShardSource
    positions: Positions
    speech_to_text: SpeechToText
    ledger: Ledger
    directory: SessionDirectory
    translator: Translator
    synthesizer: SpeechSynthesizer
    clip_store: ClipStore
    notifier: Notifier
    dead_letters: DeadLetters
    voice_activity: VoiceActivityFactory | None = None
    """For segmentations that ask where there is voice."""
    traces: Traces = field(default_factory=NoTraces)
    policies: Policies = field(default_factory=Policies)
    on_open: tuple[Callable[[], Awaitable[None]], ...] = ()
    """What a live worker does at once, so that the first words need not wait for it."""
    on_close: tuple[Callable[[], Awaitable[None]], ...] = ()
    """What they share, closed after them."""

    async def close(self) -> None:
        if isinstance(self.translator, MeteredTranslator):
            _log.info("translation has used %s", self.translator.usage)
        await asyncio.gather(
            self.shard_source.close(),
            self.positions.close(),
            self.speech_to_text.close(),
            self.ledger.close(),
            self.directory.close(),
            self.translator.close(),
            self.synthesizer.close(),
            self.clip_store.close(),
            self.notifier.close(),
            self.dead_letters.close(),
            self.traces.close(),
            return_exceptions=True,
        )
        for close in self.on_close:
            await close()
