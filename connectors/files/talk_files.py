"""What a bounded run leaves beside its clips: captions in every language, and the transcript.

All of it is a function of the ledger, so that a second run leaves the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.files.clip_store import write_whole
from schemas.captions import (
    plain_text,
    source_cues,
    spoken_entries,
    translated_cues,
    web_vtt,
)
from schemas.values import LedgerEntry


def write_talk_files(
    folder: Path,
    session_id: str,
    entries: Sequence[LedgerEntry],
    *,
    started_at_ms: int = 0,
    languages: Iterable[str] = (),
) -> tuple[Path, ...]:
    """Write a session's files below ``folder``; return their paths, sorted.

    They are ``sessions/{id}/captions/{language}.vtt`` for the speaker's language, for each that the
    entries name and for each of ``languages`` (where it may hold no cue), and
    ``sessions/{id}/transcript.txt`` with a line for each utterance. The talk began at
    ``started_at_ms``.
    """
    home = folder / "sessions" / session_id
    cues = {
        language: translated_cues(entries, language, started_at_ms)
        for language in {*languages, *_routed(entries)}
    }
    spoken = spoken_entries(entries)
    for language in {entry.language for entry in spoken}:
        said = [entry for entry in spoken if entry.language == language]
        cues[language] = source_cues(said, started_at_ms)
    files = {
        home / "captions" / f"{language}.vtt": web_vtt(cues[language]) for language in sorted(cues)
    }
    files[home / "transcript.txt"] = plain_text(source_cues(spoken, started_at_ms))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    return tuple(sorted(files))


def _routed(entries: Sequence[LedgerEntry]) -> set[str]:
    return {
        *(route.language for entry in entries for route in entry.routes or ()),
        *(outcome.language for entry in entries for outcome in entry.outcomes),
    }
