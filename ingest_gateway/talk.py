"""The talk so far, from the ledger and the clips: one MP3, or a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import unquote

from connectors.clip_store import ClipStore
from connectors.ledger import Ledger
from connectors.policy import Policies, call
from ingest_gateway.mp3_join import audio_frames
from schemas.names import clip_key
from schemas.values import EntryKind, LedgerEntry

_CLIPS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of the talk and what was said, in some language; times from the talk's start."""

    start_s: float
    end_s: float
    text: str


class Talk:
    def __init__(self, ledger: Ledger, clips: ClipStore, policies: Policies) -> None:
        self._ledger = ledger
        self._clips = clips
        self._policy = policies.directory

    async def audio(self, session_id: str, language: str) -> AsyncIterator[bytes]:
        """The clips in order, without their tags; a clip that has expired is left out."""
        entries = await self._spoken(session_id)
        for key in _keys(entries, language):
            clip = await call(self._policy, lambda key=key: self._clips.get(key))
            if clip is not None:
                yield audio_frames(clip)

    async def lines(self, session_id: str, language: str) -> tuple[Line, ...]:
        """What was recognised, if ``language`` is the speaker's; else what it was translated to."""
        entries = await self._spoken(session_id)
        if not entries:
            return ()
        started_at_ms = entries[0].captured_at_ms
        if entries[0].language == language:
            return tuple(_line(entry, entry.text, started_at_ms) for entry in entries)
        translated = [entry for entry in entries if _goes_to(entry, language)]
        turn = asyncio.Semaphore(_CLIPS_AT_ONCE)

        async def text(entry: LedgerEntry) -> str | None:
            key = clip_key(session_id, language, entry.captured_at_ms)
            async with turn:
                metadata = await call(self._policy, lambda: self._clips.metadata(key))
            return None if metadata is None else unquote(metadata.get("transcript", ""))

        texts = await asyncio.gather(*(text(entry) for entry in translated))
        return tuple(
            _line(entry, said, started_at_ms)
            for entry, said in zip(translated, texts, strict=True)
            if said
        )

    async def _spoken(self, session_id: str) -> tuple[LedgerEntry, ...]:
        entries = await call(self._policy, lambda: self._ledger.after(session_id, -1))
        return tuple(entry for entry in entries if entry.kind is EntryKind.SPEECH)


def web_vtt(lines: tuple[Line, ...]) -> str:
    cues = (
        f"{_clock(line.start_s)} --> {_clock(line.end_s)}\n{_cue_text(line.text)}\n"
        for line in lines
    )
    return "\n".join(("WEBVTT\n", *cues))


def plain_text(lines: tuple[Line, ...]) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def _line(entry: LedgerEntry, text: str, started_at_ms: int) -> Line:
    start_s = (entry.captured_at_ms - started_at_ms) / 1000
    return Line(start_s, start_s + entry.duration_s, text)


def _goes_to(entry: LedgerEntry, language: str) -> bool:
    return any(route.language == language for route in entry.routes or ())


def _keys(entries: tuple[LedgerEntry, ...], language: str) -> list[str]:
    return [
        clip_key(entry.session_id, language, entry.captured_at_ms)
        for entry in entries
        if _goes_to(entry, language)
    ]


def _clock(seconds: float) -> str:
    ms = max(0, round(seconds * 1000))
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _cue_text(text: str) -> str:
    """A cue is one paragraph: no empty line, no arrow, no markup."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.split()) or "\u00a0"
