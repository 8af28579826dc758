"""Stored audio comes back sample for sample; what cannot is refused with a reason."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import pytest

from connectors.files.stored_chunks import (
    CHUNK_SAMPLES,
    PIPE,
    StoredAudioError,
    read_stored_audio,
    session_name,
)
from schemas.values import AudioChunk

pytestmark = pytest.mark.unit

AT_MS = 1_790_000_000_000


def pcm(samples: int) -> bytes:
    """Every sample differs from its neighbours."""
    return b"".join((index * 7 % 65_536).to_bytes(2, "little") for index in range(samples))


def write_wav(path: Path, data: bytes, *, rate_hz: int = 16_000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(data)
    return path


def store(folder: Path, session_id: str, chunks: dict[int, bytes]) -> Path:
    lies_in = folder / "sessions" / session_id / "chunks"
    lies_in.mkdir(parents=True)
    for at_ms, data in chunks.items():
        (lies_in / f"{at_ms}.pcm").write_bytes(data)
    return lies_in


def test_a_wav_is_cut_into_numbered_quarters_of_a_second(tmp_path: Path) -> None:
    talk = write_wav(tmp_path / "talk.wav", pcm(2 * CHUNK_SAMPLES + 100))
    audio = read_stored_audio(talk)
    assert b"".join(chunk.pcm for chunk in audio.chunks) == pcm(2 * CHUNK_SAMPLES + 100)
    assert [(c.session_id, c.epoch, c.sequence, c.samples) for c in audio.chunks] == [
        ("talk", 0, 0, CHUNK_SAMPLES),
        ("talk", 0, 1, CHUNK_SAMPLES),
        ("talk", 0, 2, 100),
    ]
    assert audio.note == f"{talk}: 0.5 s"


def test_a_wav_begins_at_0_of_its_own_time(tmp_path: Path) -> None:
    audio = read_stored_audio(write_wav(tmp_path / "talk.wav", pcm(9 * CHUNK_SAMPLES)))
    assert [chunk.captured_at_ms for chunk in audio.chunks] == [n * 250 for n in range(9)]
    assert audio.started_at_ms == {"talk": 0}


@pytest.mark.parametrize(
    ("name", "session_id"),
    [
        ("talk.wav", "talk"),
        ("My talk (2).final.wav", "My-talk-2-.final"),
        ("über-uns.wav", "über-uns"),
        ("...wav", "talk"),
        ("!!!.wav", "talk"),
    ],
)
def test_a_session_is_named_after_its_file(name: str, session_id: str) -> None:
    assert session_name(Path("/somewhere") / name) == session_id


def test_samples_come_through_a_pipe(tmp_path: Path) -> None:
    raw = read_stored_audio(PIPE, io.BytesIO(pcm(5_000)))
    assert b"".join(chunk.pcm for chunk in raw.chunks) == pcm(5_000)
    assert (raw.started_at_ms, raw.note) == ({"stdin": 0}, "stdin: 0.3 s of raw samples")


def test_a_wav_comes_through_a_pipe(tmp_path: Path) -> None:
    content = write_wav(tmp_path / "talk.wav", pcm(5_000)).read_bytes()
    never_finished = content[:40] + struct.pack("<I", 0xFFFFFFFF) + content[44:]
    audio = read_stored_audio(PIPE, io.BytesIO(never_finished))
    assert b"".join(chunk.pcm for chunk in audio.chunks) == pcm(5_000)
    assert "never finished" in audio.note


@pytest.mark.parametrize(
    ("piped", "said"),
    [(b"", "stdin: holds no audio"), (b"ID3 but no more", "stdin: neither a WAV file nor")],
)
def test_a_pipe_without_audio_is_refused(piped: bytes, said: str) -> None:
    with pytest.raises(StoredAudioError, match=said):
        read_stored_audio(PIPE, io.BytesIO(piped))


def test_a_terminal_is_no_pipe() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(StoredAudioError, match="--input=-: pipe a WAV file or raw samples"):
        read_stored_audio(PIPE, Terminal())


def test_a_trail_comes_session_by_session_in_the_order_of_time(tmp_path: Path) -> None:
    store(tmp_path, "second-2", {AT_MS: b"\x05\x00"})
    # 999 comes before 1000 as a number, not as text
    store(tmp_path, "first-1", {1000: b"\x02\x00", 999: b"\x01\x00", 1250: b"\x03\x00\x04\x00"})
    assert read_stored_audio(tmp_path).chunks == (
        AudioChunk("first-1", 0, 0, 999, 999, b"\x01\x00"),
        AudioChunk("first-1", 0, 1, 1000, 1000, b"\x02\x00"),
        AudioChunk("first-1", 0, 2, 1250, 1250, b"\x03\x00\x04\x00"),
        AudioChunk("second-2", 0, 0, AT_MS, AT_MS, b"\x05\x00"),
    )


@pytest.mark.parametrize("upwards", [0, 1, 2])
def test_a_session_can_be_named_by_any_of_its_folders(tmp_path: Path, upwards: int) -> None:
    folder = store(tmp_path, "first-1", {AT_MS: b"\x01\x00"})
    for _ in range(upwards):
        folder = folder.parent
    assert [chunk.session_id for chunk in read_stored_audio(folder).chunks] == ["first-1"]


def test_a_long_stored_chunk_is_cut_to_frames(tmp_path: Path) -> None:
    store(tmp_path, "first-1", {AT_MS: pcm(20_000)})
    chunks = read_stored_audio(tmp_path).chunks
    assert b"".join(chunk.pcm for chunk in chunks) == pcm(20_000)
    assert [(chunk.sequence, chunk.samples, chunk.captured_at_ms) for chunk in chunks] == [
        (0, 16_384, AT_MS),
        (1, 3_616, AT_MS + 1_024),
    ]


def test_another_format_is_converted_and_told(tmp_path: Path) -> None:
    talk = write_wav(tmp_path / "talk.wav", bytes(4 * 44_100), rate_hz=44_100, channels=2)
    audio = read_stored_audio(talk)
    assert sum(chunk.samples for chunk in audio.chunks) == pytest.approx(16_000, abs=40)
    assert audio.note == f"{talk}: 1.0 s; converted from 16-bit PCM, 2 channels, 44100 Hz"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no audio"),
        (b"RIFF", "neither a WAV file nor other audio"),
        (b"ID3 not a wav file at all", "neither a WAV file nor other audio"),
    ],
)
def test_what_is_no_audio_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    talk = tmp_path / "talk.wav"
    talk.write_bytes(content)
    with pytest.raises(StoredAudioError, match=rf"talk\.wav: {said}"):
        read_stored_audio(talk)


def test_a_folder_keeps_its_times_and_says_what_is_in_it(tmp_path: Path) -> None:
    store(tmp_path, "second-2", {AT_MS: pcm(8_000), AT_MS + 9_000: pcm(8_000)})
    store(tmp_path, "first-1", {1_000: pcm(16_000)})
    audio = read_stored_audio(tmp_path)
    assert audio.started_at_ms == {"first-1": 1_000, "second-2": AT_MS}
    assert audio.note == f"{tmp_path}: 2.0 s in 3 chunks of 2 sessions"


def test_a_folder_of_empty_chunks_is_refused(tmp_path: Path) -> None:
    store(tmp_path, "first-1", {AT_MS: b""})
    with pytest.raises(StoredAudioError, match="hold no audio"):
        read_stored_audio(tmp_path)


def test_an_odd_number_of_bytes_is_refused(tmp_path: Path) -> None:
    store(tmp_path, "first-1", {AT_MS: b"\x01\x00\x02"})
    with pytest.raises(StoredAudioError, match=rf"{AT_MS}\.pcm: odd number of bytes"):
        read_stored_audio(tmp_path)


def test_a_chunk_without_a_time_is_refused(tmp_path: Path) -> None:
    lies_in = store(tmp_path, "first-1", {})
    (lies_in / "first.pcm").write_bytes(b"\x01\x00")
    with pytest.raises(StoredAudioError, match=r"first\.pcm: the name must be a time"):
        read_stored_audio(tmp_path)


def test_a_chunk_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1000.pcm").write_bytes(b"\x01\x00")
    with pytest.raises(StoredAudioError, match="stored chunks lie in"):
        read_stored_audio(tmp_path)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoredAudioError, match="no such file or folder"):
        read_stored_audio(tmp_path / "missing")
    with pytest.raises(StoredAudioError, match="no sessions"):
        read_stored_audio(tmp_path)
    (tmp_path / "talk.ogg").write_bytes(b"OggS")
    with pytest.raises(StoredAudioError, match="neither a WAV file nor other audio"):
        read_stored_audio(tmp_path / "talk.ogg")
