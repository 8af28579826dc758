"""Recordings of every kind sound the same once they are read, and what is missing is told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.audio.recorded_audio import (
    RecordingError,
    decode_recording,
    raw_recording,
    read_recording,
)
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.connectors.audio.wav_files import EXTENSIBLE, FLOAT, fmt, stored, wav

pytestmark = pytest.mark.unit

BEEP_S = (0.8, 1.0)


def talk(rate_hz: int, seconds: float = 2.0) -> NDArray[np.float64]:
    """Silence, then a beep of 440 Hz from 0.8 to 1.0 s."""
    at_s = np.arange(round(rate_hz * seconds)) / rate_hz
    sounds = (at_s >= BEEP_S[0]) & (at_s < BEEP_S[1])
    return np.where(sounds, 0.5 * np.sin(2 * np.pi * 440 * at_s), 0.0)


def assert_is_the_talk(pcm: bytes) -> None:
    samples = np.frombuffer(pcm, dtype="<i2") / 32_768
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.002)
    loud = np.flatnonzero(np.abs(samples) > 0.1) / SAMPLE_RATE_HZ
    assert (loud[0], loud[-1]) == (
        pytest.approx(BEEP_S[0], abs=0.003),
        pytest.approx(BEEP_S[1], abs=0.003),
    )
    beep = samples[round(0.85 * SAMPLE_RATE_HZ) : round(0.95 * SAMPLE_RATE_HZ)]
    assert np.max(np.abs(beep)) == pytest.approx(0.5, abs=0.02)
    crossings = np.count_nonzero(np.diff(np.signbit(beep)))
    assert crossings / 2 / 0.1 == pytest.approx(440, abs=10)


@pytest.mark.parametrize(
    ("tag", "inner", "bits"),
    [
        (1, 1, 8),
        (1, 1, 16),
        (1, 1, 24),
        (1, 1, 32),
        (FLOAT, FLOAT, 32),
        (FLOAT, FLOAT, 64),
        (EXTENSIBLE, 1, 16),
        (EXTENSIBLE, 1, 24),
        (EXTENSIBLE, FLOAT, 32),
    ],
)
@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (48_000, 6), (8_000, 1)]
)
def test_every_wav_sounds_the_same(
    tag: int, inner: int, bits: int, rate_hz: int, channels: int
) -> None:
    every = np.repeat(talk(rate_hz), channels)
    data = stored(every, bits, is_float=inner == FLOAT)
    content = wav(data, fmt(tag=tag, inner=inner, bits=bits, rate_hz=rate_hz, channels=channels))
    recording = decode_recording(content, "talk.wav")
    assert_is_the_talk(recording.pcm)
    assert recording.note.startswith("talk.wav: 2.0 s")
    assert ("converted" in recording.note) == ((bits, rate_hz, channels) != (16, 16_000, 1))


def test_the_right_format_is_not_touched() -> None:
    data = np.random.default_rng(1).integers(-32_768, 32_767, 5_000).astype("<i2").tobytes()
    recording = decode_recording(wav(data), "talk.wav")
    assert (recording.pcm, recording.note) == (data, "talk.wav: 0.3 s")


def test_a_converted_file_says_from_what() -> None:
    data = stored(np.repeat(talk(44_100), 2), 24)
    recording = decode_recording(wav(data, fmt(bits=24, rate_hz=44_100, channels=2)), "talk.wav")
    assert recording.note == ("talk.wav: 2.0 s; converted from 24-bit PCM, 2 channels, 44100 Hz")


def test_floats_out_of_range_are_cut_and_no_numbers_are_silence() -> None:
    data = struct.pack("<5f", 2.0, -2.0, float("nan"), float("inf"), 0.5)
    recording = decode_recording(wav(data, fmt(tag=FLOAT, bits=32)), "talk.wav")
    assert struct.unpack("<5h", recording.pcm) == (32_767, -32_768, 0, 32_767, 16_384)


@pytest.mark.parametrize(("riff_size", "data_size"), [(36, 0), (0, 0), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_crashed_recorders_file_is_read_to_its_end(riff_size: int, data_size: int) -> None:
    content = wav(stored(talk(16_000), 16), riff_size=riff_size, data_size=data_size)
    recording = decode_recording(content, "talk.wav")
    assert_is_the_talk(recording.pcm)
    assert recording.note == (
        "talk.wav: 2.0 s, read to the file's end: its header was never finished"
    )


def test_a_file_that_is_cut_short_says_how_much_is_there(tmp_path: Path) -> None:
    data = stored(talk(16_000), 16)
    path = tmp_path / "talk.wav"
    path.write_bytes(wav(data)[: 44 + 19_201])  # in the middle of a sample
    recording = read_recording(path)
    assert recording.pcm == data[:19_200]
    assert recording.note == f"{path}: 0.6 of 2.0 s: the file is cut short"


def test_what_follows_the_audio_is_told() -> None:
    note = decode_recording(wav(stored(talk(16_000), 16)) + b"x" * 30, "talk.wav").note
    assert note == "talk.wav: 2.0 s; 30 bytes after its audio are not read"


def encoded(container: str, codec: str, rate_hz: int = 48_000, layout: str = "stereo") -> bytes:
    body = io.BytesIO()
    samples = talk(rate_hz).astype(np.float32).reshape(1, -1)
    with av.open(body, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        to_stream = av.AudioResampler(stream.format, layout, rate_hz)
        size = stream.codec_context.frame_size or 1_024
        fifo = av.AudioFifo()
        for each in to_stream.resample(frame):
            fifo.write(each)
        while (part := fifo.read(size, partial=True)) is not None:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return body.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [("flac", "flac", 48_000), ("ogg", "flac", 48_000), ("wav", "pcm_mulaw", 8_000)],
)
def test_other_audio_is_decoded(container: str, codec: str, rate_hz: int) -> None:
    recording = decode_recording(encoded(container, codec, rate_hz), "talk")
    assert_is_the_talk(recording.pcm)
    assert recording.note == f"talk: 2.0 s; decoded from {codec}"


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("webm", "libopus")])
def test_lossy_audio_is_decoded(container: str, codec: str) -> None:
    recording = decode_recording(encoded(container, codec), "talk")
    samples = np.frombuffer(recording.pcm, dtype="<i2") / 32_768
    loud = np.flatnonzero(np.abs(samples) > 0.2) / SAMPLE_RATE_HZ
    assert (loud[0], loud[-1]) == (pytest.approx(0.8, abs=0.06), pytest.approx(1.0, abs=0.06))


@pytest.mark.parametrize(
    ("container", "codec", "said"),
    [
        ("flac", "flac", "0.9 of 2.0 s: the file is cut short; decoded from flac; the rest"),
        ("webm", "libopus", "of 2.0 s: the file is cut short; decoded from opus"),
    ],
)
def test_a_cut_file_of_another_kind_is_told(container: str, codec: str, said: str) -> None:
    assert said in decode_recording(encoded(container, codec)[:-1_500], "talk").note


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no audio at all, only words", "neither a WAV file nor other audio.*ffmpeg -i IN"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n", "neither a WAV file"),
        (wav(b""), "holds no audio"),
        (b"RIFF\x04\0\0\0WAVE", "without samples.*ffmpeg"),
        (encoded("wav", "pcm_mulaw", 8_000)[:60], "talk.wav"),
    ],
)
def test_what_is_no_audio_says_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(RecordingError, match=f"talk.wav: .*{said}" if "talk" not in said else said):
        decode_recording(content, "talk.wav")


def test_raw_samples_are_taken_as_they_are() -> None:
    data = stored(talk(16_000), 16)
    assert raw_recording(data, "stdin").pcm == data
    cut = raw_recording(data + b"\1", "stdin")
    assert (cut.pcm, "left out" in cut.note) == (data, True)
    with pytest.raises(RecordingError, match="holds no audio"):
        raw_recording(b"\1", "stdin")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(tmp_path / "missing.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(RecordingError, match="holds no audio"):
        read_recording(tmp_path / "empty.wav")
