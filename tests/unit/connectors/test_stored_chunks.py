"""Stored audio comes back sample for sample; what cannot is refused with a reason."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from connectors.stored_chunks import CHUNK_SAMPLES, StoredAudioError, stored_chunks
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
    chunks = list(stored_chunks(talk, started_at_ms=AT_MS))
    assert b"".join(chunk.pcm for chunk in chunks) == pcm(2 * CHUNK_SAMPLES + 100)
    assert [(c.session_id, c.epoch, c.sequence, c.samples) for c in chunks] == [
        ("talk", 0, 0, CHUNK_SAMPLES),
        ("talk", 0, 1, CHUNK_SAMPLES),
        ("talk", 0, 2, 100),
    ]
    assert [chunk.captured_at_ms for chunk in chunks] == [AT_MS, AT_MS + 250, AT_MS + 500]


def test_a_trail_comes_session_by_session_in_the_order_of_time(tmp_path: Path) -> None:
    store(tmp_path, "second-2", {AT_MS: b"\x05\x00"})
    # 999 comes before 1000 as a number, not as text
    store(tmp_path, "first-1", {1000: b"\x02\x00", 999: b"\x01\x00", 1250: b"\x03\x00\x04\x00"})
    assert list(stored_chunks(tmp_path)) == [
        AudioChunk("first-1", 0, 0, 999, 999, b"\x01\x00"),
        AudioChunk("first-1", 0, 1, 1000, 1000, b"\x02\x00"),
        AudioChunk("first-1", 0, 2, 1250, 1250, b"\x03\x00\x04\x00"),
        AudioChunk("second-2", 0, 0, AT_MS, AT_MS, b"\x05\x00"),
    ]


@pytest.mark.parametrize("upwards", [0, 1, 2])
def test_a_session_can_be_named_by_any_of_its_folders(tmp_path: Path, upwards: int) -> None:
    folder = store(tmp_path, "first-1", {AT_MS: b"\x01\x00"})
    for _ in range(upwards):
        folder = folder.parent
    assert [chunk.session_id for chunk in stored_chunks(folder)] == ["first-1"]


def test_a_long_stored_chunk_is_cut_to_frames(tmp_path: Path) -> None:
    store(tmp_path, "first-1", {AT_MS: pcm(20_000)})
    chunks = list(stored_chunks(tmp_path))
    assert b"".join(chunk.pcm for chunk in chunks) == pcm(20_000)
    assert [(chunk.sequence, chunk.samples, chunk.captured_at_ms) for chunk in chunks] == [
        (0, 16_384, AT_MS),
        (1, 3_616, AT_MS + 1_024),
    ]


@pytest.mark.parametrize(
    ("rate_hz", "channels", "said"), [(44_100, 1, "44100 Hz"), (16_000, 2, "2 channels")]
)
def test_another_format_is_named(tmp_path: Path, rate_hz: int, channels: int, said: str) -> None:
    talk = write_wav(tmp_path / "talk.wav", pcm(100), rate_hz=rate_hz, channels=channels)
    with pytest.raises(StoredAudioError, match=rf"talk\.wav: .*{said}.*needs 16000 Hz, 1 channel"):
        list(stored_chunks(talk))


def test_an_empty_wav_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoredAudioError, match="holds no audio"):
        list(stored_chunks(write_wav(tmp_path / "talk.wav", b"")))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3 not a wav file at all"])
def test_what_is_no_wav_is_refused(tmp_path: Path, content: bytes) -> None:
    talk = tmp_path / "talk.wav"
    talk.write_bytes(content)
    with pytest.raises(StoredAudioError, match=r"talk\.wav: not a PCM WAV file"):
        list(stored_chunks(talk))


def test_a_wav_cut_in_a_sample_is_refused(tmp_path: Path) -> None:
    talk = write_wav(tmp_path / "talk.wav", pcm(100))
    talk.write_bytes(talk.read_bytes()[:-1])
    with pytest.raises(StoredAudioError, match=r"talk\.wav"):
        list(stored_chunks(talk))


def test_an_odd_number_of_bytes_is_refused(tmp_path: Path) -> None:
    store(tmp_path, "first-1", {AT_MS: b"\x01\x00\x02"})
    with pytest.raises(StoredAudioError, match=rf"{AT_MS}\.pcm: odd number of bytes"):
        list(stored_chunks(tmp_path))


def test_a_chunk_without_a_time_is_refused(tmp_path: Path) -> None:
    lies_in = store(tmp_path, "first-1", {})
    (lies_in / "first.pcm").write_bytes(b"\x01\x00")
    with pytest.raises(StoredAudioError, match=r"first\.pcm: the name must be a time"):
        list(stored_chunks(tmp_path))


def test_a_chunk_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1000.pcm").write_bytes(b"\x01\x00")
    with pytest.raises(StoredAudioError, match="stored chunks lie in"):
        list(stored_chunks(tmp_path))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoredAudioError, match="no such file or folder"):
        list(stored_chunks(tmp_path / "missing"))
    with pytest.raises(StoredAudioError, match="no sessions"):
        list(stored_chunks(tmp_path))
    (tmp_path / "talk.ogg").write_bytes(b"OggS")
    with pytest.raises(StoredAudioError, match="neither a WAV file nor a folder"):
        list(stored_chunks(tmp_path / "talk.ogg"))
