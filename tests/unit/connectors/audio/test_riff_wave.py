"""Where the samples of a WAV file lie, whatever its header says."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.audio.riff_wave import SampleFormat, WavError, read_layout
from tests.unit.connectors.audio.wav_files import EXTENSIBLE, FLOAT, chunk, fmt, wav

pytestmark = pytest.mark.unit

SAMPLES = bytes(range(200)) * 2


def samples_of(content: bytes) -> bytes:
    layout = read_layout(content)
    return content[layout.start : layout.end]


@pytest.mark.parametrize(
    ("format_chunk", "found"),
    [
        (fmt(bits=8), (SampleFormat.PCM, 16_000, 1, 8)),
        (fmt(rate_hz=44_100, channels=2), (SampleFormat.PCM, 44_100, 2, 16)),
        (fmt(tag=EXTENSIBLE, bits=24), (SampleFormat.PCM, 16_000, 1, 24)),
        (fmt(tag=EXTENSIBLE, bits=32, inner=FLOAT), (SampleFormat.FLOAT, 16_000, 1, 32)),
        (fmt(tag=FLOAT, bits=64), (SampleFormat.FLOAT, 16_000, 1, 64)),
        (fmt(tag=7, bits=8), (SampleFormat.OTHER, 16_000, 1, 8)),
        (fmt(tag=EXTENSIBLE, bits=16, inner=7), (SampleFormat.OTHER, 16_000, 1, 16)),
        # 20 bits used of 24 stored
        (
            chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8_000, 24_000, 3, 20)),
            (SampleFormat.PCM, 8_000, 1, 24),
        ),
    ],
)
def test_a_format_is_found(format_chunk: bytes, found: tuple[SampleFormat, int, int, int]) -> None:
    layout = read_layout(wav(SAMPLES, format_chunk))
    assert (layout.format, layout.rate_hz, layout.channels, layout.bits) == found
    assert layout.after_bytes == 0


def test_other_chunks_are_passed() -> None:
    content = wav(SAMPLES, before=chunk(b"LIST", b"odd"), after=chunk(b"cue ", b"\0" * 4))
    assert samples_of(content) == SAMPLES
    assert read_layout(content).after_bytes == 0


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [
        (36, 0),
        (0, 0),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0),
        (0, 0xFFFFFFFF),
        (0x7FFFF024, 0x7FFFF000),  # espeak-ng to a pipe
        (0xFFFFFFFF, 0xFFFFFFDB),
    ],
)
def test_a_header_that_was_never_finished_is_read_to_the_end(
    riff_size: int, data_size: int
) -> None:
    content = wav(SAMPLES, riff_size=riff_size, data_size=data_size)
    assert samples_of(content) == SAMPLES
    assert read_layout(content).promised_frames is None


def test_an_empty_file_is_empty_also_with_chunks_after_it() -> None:
    assert read_layout(wav(b"")).frames == 0
    assert samples_of(wav(b"", after=chunk(b"LIST", b"made by nobody"))) == b""


def test_a_file_that_is_cut_short_says_what_it_was_to_hold() -> None:
    layout = read_layout(wav(SAMPLES)[:-101])
    assert (layout.frames, layout.promised_frames) == (149, 200)
    assert layout.end - layout.start == 299


def test_what_follows_the_file_is_counted() -> None:
    assert read_layout(wav(SAMPLES) + b"TAG" * 7).after_bytes == 21


@pytest.mark.parametrize("riff_id", [b"RF64", b"BW64"])
def test_long_files_have_their_length_in_a_chunk_of_its_own(riff_id: bytes) -> None:
    long = chunk(b"ds64", struct.pack("<QQQI", 2_000, len(SAMPLES), 0, 0))
    content = wav(
        SAMPLES,
        before=long,
        riff_size=0xFFFFFFFF,
        data_size=0xFFFFFFFF,
        after=chunk(b"LIST", b"not sound"),
        riff_id=riff_id,
    )
    assert samples_of(content) == SAMPLES
    assert read_layout(content).promised_frames == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a WAV file"),
        (b"RIFF", "not a WAV file"),
        (b"RIFF\x04\0\0\0AVI ", "not a WAV file"),
        (b"RIFF\x04\0\0\0WAVE", "without samples"),
        (wav(SAMPLES)[:40], "without samples"),
        (b"RIFF\x0c\0\0\0WAVE" + chunk(b"data", SAMPLES), "without a format"),
        (wav(SAMPLES, fmt(channels=0)), "0 channels"),
        (wav(SAMPLES, chunk(b"fmt ", b"\1\0\1\0")), "cut short"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, said: str) -> None:
    with pytest.raises(WavError, match=said):
        read_layout(content)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_bytes_break_it(noise: bytes, kept: int) -> None:
    content = wav(SAMPLES)[:kept] + noise
    try:
        layout = read_layout(content)
    except WavError:
        return
    assert 12 < layout.start <= layout.end <= len(content)
    assert layout.frames >= 0
