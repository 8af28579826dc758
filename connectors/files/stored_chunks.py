"""Stored audio as the chunks that a live stream would have carried, for bounded replays.

A recording (a WAV file, or what else can be decoded), a pipe, or a folder in which
``sessions/{sessionId}/chunks/{timestamp}.pcm`` lies (the whole trail, one session of it, or its
``chunks`` alone). Blocks while it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.audio.recorded_audio import (
    Recording,
    RecordingError,
    decode_recording,
    raw_recording,
    read_recording,
)
from connectors.audio.riff_wave import is_wav
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioChunk

CHUNK_SAMPLES = SAMPLE_RATE_HZ // 4
LONGEST_CHUNK_BYTES = 32 * 1024
"""A frame of the protocol; a longer file is cut, so that replays meet what a live job meets."""
PIPE = Path("-")
"""The input that stands for what is piped in."""
_PIPE_SESSION = "stdin"
_DECODED = (b"ID3", b"OggS", b"fLaC", b"FORM", b"caff", b"\x1aE\xdf\xa3")
"""How files begin that are no raw samples: anything else without a RIFF header may be."""


class StoredAudioError(ValueError):
    """The audio cannot be replayed; the message names the file and says what it should be."""


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """``chunks`` are session by session, in order; everything is epoch 0, numbered from 0.

    ``note`` says in one line what was read and what was wrong with it.
    """

    chunks: tuple[AudioChunk, ...]
    note: str

    @property
    def started_at_ms(self) -> dict[str, int]:
        """When the talk of each session begins: 0 of a recording, else its first chunk's time."""
        starts: dict[str, int] = {}
        for chunk in self.chunks:
            starts.setdefault(chunk.session_id, chunk.captured_at_ms)
        return starts


def read_stored_audio(source: Path, pipe: BinaryIO | None = None) -> StoredAudio:
    """All audio of ``source``; ``PIPE``: of ``pipe``. Raises StoredAudioError.

    A recording's talk begins at 0 of its own time and its session is named after the file; stored
    chunks carry their time in their names.
    """
    try:
        if source == PIPE:
            return _whole(_PIPE_SESSION, _piped(pipe))
        if source.is_dir():
            return _folder(source)
        if not source.exists():
            raise StoredAudioError(f"{source}: no such file or folder")
        return _whole(session_name(source), read_recording(source))
    except RecordingError as error:
        raise StoredAudioError(str(error)) from error


def session_name(recording: Path) -> str:
    """The file's name without its suffix, in letters that may stand in a key."""
    return re.sub(r"[^\w.-]+", "-", recording.stem).strip("-.") or "talk"


def _whole(session_id: str, recording: Recording) -> StoredAudio:
    """Chunks of 250 ms; the last may be shorter."""
    size = CHUNK_SAMPLES * BYTES_PER_SAMPLE
    chunks: list[AudioChunk] = []
    for sequence, start in enumerate(range(0, len(recording.pcm), size)):
        at_ms = sequence * CHUNK_SAMPLES * 1000 // SAMPLE_RATE_HZ
        pcm = recording.pcm[start : start + size]
        chunks.append(AudioChunk(session_id, 0, sequence, at_ms, at_ms, pcm))
    return StoredAudio(tuple(chunks), recording.note)


def _piped(pipe: BinaryIO | None) -> Recording:
    if pipe is None or pipe.isatty():
        raise StoredAudioError(
            f"--input=-: pipe a WAV file or raw samples ({SAMPLE_RATE_HZ} Hz, mono, s16le) into it"
        )
    content = pipe.read()
    if is_wav(content) or content.startswith(_DECODED):
        return decode_recording(content, "stdin")
    return raw_recording(content, "stdin")


def _folder(folder: Path) -> StoredAudio:
    sessions: dict[str, list[Path]] = {}
    for path in folder.rglob("*.pcm"):
        sessions.setdefault(_session_id(path.absolute()), []).append(path)
    if not sessions:
        raise StoredAudioError(
            f"{folder}: no sessions/{{sessionId}}/chunks/{{timestamp}}.pcm in it"
        )
    chunks = tuple(
        chunk
        for session_id in sorted(sessions)
        for chunk in _session_chunks(session_id, sessions[session_id])
    )
    if not chunks:
        raise StoredAudioError(f"{folder}: its chunks hold no audio")
    seconds = sum(chunk.samples for chunk in chunks) / SAMPLE_RATE_HZ
    note = f"{folder}: {seconds:.1f} s in {len(chunks)} chunks of {_count(len(sessions))}"
    return StoredAudio(chunks, note)


def _count(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions} sessions"


def _session_id(path: Path) -> str:
    """``.../{sessionId}/chunks/{timestamp}.pcm``."""
    if path.parent.name != "chunks":
        raise StoredAudioError(f"{path}: stored chunks lie in sessions/{{sessionId}}/chunks/")
    return path.parent.parent.name


def _session_chunks(session_id: str, paths: list[Path]) -> Iterator[AudioChunk]:
    sequence = 0
    for at_ms, path in sorted((_timestamp_ms(path), path) for path in paths):
        pcm = path.read_bytes()
        if len(pcm) % BYTES_PER_SAMPLE:
            raise StoredAudioError(f"{path}: odd number of bytes; needs 16-bit samples")
        for start in range(0, len(pcm), LONGEST_CHUNK_BYTES):
            piece_at_ms = at_ms + start // BYTES_PER_SAMPLE * 1000 // SAMPLE_RATE_HZ
            piece = pcm[start : start + LONGEST_CHUNK_BYTES]
            yield AudioChunk(session_id, 0, sequence, piece_at_ms, piece_at_ms, piece)
            sequence += 1


def _timestamp_ms(path: Path) -> int:
    if not path.stem.isdecimal():
        raise StoredAudioError(f"{path}: the name must be a time in milliseconds")
    return int(path.stem)
