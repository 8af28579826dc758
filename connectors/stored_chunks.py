"""Stored audio as the chunks that a live stream would have carried, for bounded replays.

Either one WAV file, or a folder in which ``sessions/{sessionId}/chunks/{timestamp}.pcm`` lies
(the whole trail, one session of it, or its ``chunks`` alone). Blocks while it reads.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioChunk

CHUNK_SAMPLES = SAMPLE_RATE_HZ // 4
LONGEST_CHUNK_BYTES = 32 * 1024
"""A frame of the protocol; a longer file is cut, so that replays meet what a live job meets."""


class StoredAudioError(ValueError):
    """The audio cannot be replayed; the message names the file and says what it should be."""


def stored_chunks(path: Path, *, started_at_ms: int = 0) -> Iterator[AudioChunk]:
    """All chunks below ``path``, session by session, in order.

    ``started_at_ms`` is when a WAV's first sample was spoken; its session is the file's stem.
    Stored chunks carry their time in their name. Everything is epoch 0, numbered from 0.
    Raises StoredAudioError.
    """
    if path.is_dir():
        yield from _folder_chunks(path)
    elif path.suffix.lower() == ".wav":
        yield from wav_chunks(path, path.stem, started_at_ms=started_at_ms)
    elif path.exists():
        raise StoredAudioError(f"{path}: neither a WAV file nor a folder of stored chunks")
    else:
        raise StoredAudioError(f"{path}: no such file or folder")


def wav_chunks(path: Path, session_id: str, *, started_at_ms: int) -> Iterator[AudioChunk]:
    """Chunks of 250 ms (the last is shorter). Raises StoredAudioError."""
    try:
        with wave.open(str(path), "rb") as wav:
            _check_format(path, wav)
            sequence = 0
            while pcm := wav.readframes(CHUNK_SAMPLES):
                if len(pcm) % BYTES_PER_SAMPLE:
                    raise StoredAudioError(f"{path}: ends in the middle of a sample; cut short?")
                at_ms = started_at_ms + sequence * CHUNK_SAMPLES * 1000 // SAMPLE_RATE_HZ
                yield AudioChunk(session_id, 0, sequence, at_ms, at_ms, pcm)
                sequence += 1
    except (wave.Error, EOFError) as error:
        raise StoredAudioError(f"{path}: not a PCM WAV file ({error})") from error


def _check_format(path: Path, wav: wave.Wave_read) -> None:
    rate_hz, channels, bytes_per_sample = wav.getframerate(), wav.getnchannels(), wav.getsampwidth()
    if (rate_hz, channels, bytes_per_sample) != (SAMPLE_RATE_HZ, 1, BYTES_PER_SAMPLE):
        raise StoredAudioError(
            f"{path}: {rate_hz} Hz, {channels} channels, {8 * bytes_per_sample} bits; needs"
            f" {SAMPLE_RATE_HZ} Hz, 1 channel, 16 bits"
            f" (ffmpeg -i IN -ar {SAMPLE_RATE_HZ} -ac 1 -c:a pcm_s16le OUT.wav)"
        )
    if wav.getnframes() == 0:
        raise StoredAudioError(f"{path}: holds no audio")


def _folder_chunks(folder: Path) -> Iterator[AudioChunk]:
    sessions: dict[str, list[Path]] = {}
    for path in folder.rglob("*.pcm"):
        sessions.setdefault(_session_id(path.absolute()), []).append(path)
    if not sessions:
        raise StoredAudioError(
            f"{folder}: no sessions/{{sessionId}}/chunks/{{timestamp}}.pcm in it"
        )
    for session_id in sorted(sessions):
        yield from _session_chunks(session_id, sessions[session_id])


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
