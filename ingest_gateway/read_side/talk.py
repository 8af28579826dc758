"""The talk so far, from the ledger and the clips: one MP3, or a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

from connectors.calls.policy import Policies, call
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.ledger import Ledger
from ingest_gateway.read_side.captions import is_open
from ingest_gateway.read_side.ledger_reads import LedgerReads
from ingest_gateway.read_side.mp3_join import JoinedMp3
from schemas.captions import Cue, entry_cue, source_cues, spoken_entries, translated_cues
from schemas.names import clip_key
from schemas.values import LedgerEntry

_CLIPS_AT_ONCE = 8


class Talk:
    """Both forms count from the talk's first words, so that captions go with the audio."""

    def __init__(self, ledger: Ledger, clips: ClipStore, policies: Policies) -> None:
        self._reads = LedgerReads(ledger, policies)
        self._clips = clips
        self._policy = policies.directory

    async def audio(self, session_id: str, language: str) -> AsyncIterator[bytes]:
        """The clips at their times in the talk, with silence between them.

        A clip that has expired is left out.
        """
        everything = await self._entries(session_id)
        entries = spoken_entries(everything)
        joined = JoinedMp3()
        for entry in everything:
            outcome = entry.outcome(language)
            if not _goes_to(entry, language) or (outcome is not None and not outcome.is_voiced):
                continue
            at_ms = entry.clip_at_ms(language)
            key = clip_key(session_id, language, at_ms)
            clip = await call(self._policy, lambda key=key: self._clips.get(key))
            if clip is None:
                continue
            at_s = (at_ms - entries[0].captured_at_ms) / 1000
            for part in joined.add(clip, at_s):
                yield part

    async def cues(self, session_id: str, language: str) -> tuple[Cue, ...]:
        """What was recognised, if ``language`` is the speaker's; else what it was translated to."""
        everything = await self._entries(session_id)
        entries = spoken_entries(everything)
        if not entries:
            return ()
        started_at_ms = entries[0].captured_at_ms
        if entries[0].language == language:
            return source_cues(entries, started_at_ms)
        if any(entry.sentence is not None for entry in entries):
            return translated_cues(everything, language, started_at_ms)
        translated = [entry for entry in entries if _goes_to(entry, language)]
        turn = asyncio.Semaphore(_CLIPS_AT_ONCE)

        async def text(entry: LedgerEntry) -> str:
            outcome = entry.outcome(language)
            if outcome is not None:
                return outcome.text
            # A row of before there were outcomes: its clip has the text.
            key = clip_key(session_id, language, entry.captured_at_ms)
            async with turn:
                metadata = await call(self._policy, lambda: self._clips.metadata(key))
            return "" if metadata is None else unquote(metadata.get("transcript", ""))

        texts = await asyncio.gather(*(text(entry) for entry in translated))
        return tuple(
            entry_cue(entry, released, started_at_ms)
            for entry, released in zip(translated, texts, strict=True)
            if released
        )

    async def _entries(self, session_id: str) -> tuple[LedgerEntry, ...]:
        return await self._reads.whole(session_id)


def _goes_to(entry: LedgerEntry, language: str) -> bool:
    """Not before it is fixed what it comes to there."""
    routed = any(route.language == language for route in entry.routes or ())
    return routed and not is_open(entry, language)
