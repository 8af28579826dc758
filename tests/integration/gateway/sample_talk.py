"""A short talk for tests: what the job says of it, and what it left in ledger and clip store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.memory.clip_store import MemoryClipStore
from schemas.names import clip_key
from schemas.values import EntryKind, LedgerEntry, Route

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

T0_MS = 1_790_000_000_000


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "translatedAudio",
        "sessionId": "s",
        "targetLanguage": "es",
        "sequenceNumber": number,
        "previousSequenceNumber": number - 1,
        "timestamp": T0_MS,
        "sourceDuration": 2.0,
        "duration": 1.5,
        "transcript": "así",
        "sourceTranscript": "so",
        "url": "http://127.0.0.1/clip.mp3",
        "contentType": "audio/mpeg",
        "stages": {},
        **more,
    }


def entry(number: int, kind: EntryKind = EntryKind.SPEECH, *languages: str) -> LedgerEntry:
    """Of the first edition: whatever has a clip counts as delivered."""
    return LedgerEntry(
        version=1,
        session_id="set-below",
        number=number,
        epoch=0,
        kind=kind,
        first_sample=number * 16_000,
        end_sample=(number + 1) * 16_000,
        text=f"sentence {number}" if kind is EntryKind.SPEECH else "",
        language="en",
        captured_at_ms=T0_MS + number * 1000,
        committed_at_ms=T0_MS + number * 1000 + 1500,
        writer="w",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=tuple(Route(language, number - 1 if number else None) for language in languages),
    )


async def tell_a_talk(host: RunningGateway, session_id: str) -> None:
    """Six sentences in es, one silence, one gap; the clip of sentence 4 is not there yet."""
    clips = host.needs.clips
    assert isinstance(clips, MemoryClipStore)
    for number in range(8):
        kind = {2: EntryKind.SILENCE, 5: EntryKind.GAP}.get(number, EntryKind.SPEECH)
        languages = () if kind is EntryKind.SILENCE else ("es",)
        one = replace(entry(number, kind, *languages), session_id=session_id)
        await host.needs.ledger.commit(one)
        if kind is EntryKind.SPEECH and number != 4:
            await clips.put(
                clip_key(session_id, "es", one.captured_at_ms),
                b"\xff\xfb" + bytes([number]) * 50,
                content_type="audio/mpeg",
                metadata={"transcript": f"frase%20{number}%20%C3%B1"},
            )
