"""A recorder's Ogg, cut anywhere, becomes the samples that were recorded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.audio_in.containers import ContainerError
from ingest_gateway.audio_in.ogg_demuxer import MOST_PAGES, OggDemuxer, packet_samples
from ingest_gateway.audio_in.recorder_input import RecorderInput
from ingest_gateway.protocol.connection_protocol import RecorderFragment, Refusal
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.gateway.opus_tones import (
    OPUS_HZ,
    decoded,
    heard,
    level,
    opus_packets,
    strongest_hz,
    tone,
)
from tests.unit.gateway.webm_files import fragments

pytestmark = pytest.mark.unit

SECONDS = 3.0
PACKETS = opus_packets(tone(330, SECONDS, OPUS_HZ))
FRAME = 960
HEAD = b"OpusHead" + bytes([1, 1]) + (0).to_bytes(2, "little") + bytes(7)
TAGS = b"OpusTags" + bytes(8)


def page(
    packets: Sequence[bytes], granule: int, flags: int = 0, serial: int = 7, *, ends: bool = True
) -> bytes:
    """``ends``: whether the last packet does on this page."""
    segments = b""
    for packet in packets:
        segments += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    segments = segments if ends else segments[:-1]
    return b"".join(
        (
            b"OggS\0",
            bytes([flags]),
            (granule % 2**64).to_bytes(8, "little"),
            serial.to_bytes(4, "little"),
            bytes(8),
            bytes([len(segments)]),
            segments,
            *packets,
        )
    )


def ogg(packets: Sequence[bytes], per_page: int = 10) -> bytes:
    pages = page([HEAD], 0, flags=2) + page([TAGS], 0)
    for first in range(0, len(packets), per_page):
        some = packets[first : first + per_page]
        pages += page(some, (first + len(some)) * FRAME)
    return pages


FILE = ogg(PACKETS)
MANY = page([b"\xe0"] * 255, -1)
"""As many packets as a page holds, in as few bytes; it does not say when they are."""


def taken(pieces: list[bytes]) -> list[bytes]:
    recorder = RecorderInput()
    return [
        audio.pcm
        for piece in pieces
        for audio in decoded(recorder, RecorderFragment("session-1", None, 70_000, piece))
    ]


def test_fragments_of_a_byte_each_give_every_packet_at_its_time() -> None:
    demuxer = OggDemuxer()
    blocks = [one for at in range(len(FILE)) for one in demuxer.feed(FILE[at : at + 1])]
    assert [one.payload for one in blocks] == list(PACKETS)
    assert [one.at_ms for one in blocks] == [20.0 * at for at in range(len(PACKETS))]


@pytest.mark.parametrize("pieces", [1, 12, 40])
def test_what_was_recorded_is_heard(pieces: int) -> None:
    first = FILE.index(b"OggS", 4)  # a recorder's first piece has its header
    samples = heard(taken([FILE[:first], *fragments(FILE[first:], pieces)]))
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(SECONDS, abs=0.1)
    assert strongest_hz(samples, SAMPLE_RATE_HZ) == pytest.approx(330, abs=2)
    assert level(samples) > 0.1


def test_ffmpegs_ogg_is_heard() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as output:
        stream = output.add_stream("libopus", rate=OPUS_HZ, layout="mono")
        samples = (tone(330, SECONDS, OPUS_HZ) * 32767).astype(np.int16)
        for at in range(0, len(samples) - FRAME + 1, FRAME):
            frame = av.AudioFrame.from_ndarray(
                samples[None, at : at + FRAME], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = OPUS_HZ, at, Fraction(1, OPUS_HZ)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    found = heard(taken(fragments(file.getvalue(), 8)))
    assert len(found) / SAMPLE_RATE_HZ == pytest.approx(SECONDS, abs=0.1)
    assert strongest_hz(found, SAMPLE_RATE_HZ) == pytest.approx(330, abs=2)


def test_a_packet_may_go_over_two_pages() -> None:
    long = bytes([0x08]) + bytes(509)
    begun = page([HEAD], 0, flags=2) + page([TAGS], 0)
    halves = page([long[:255]], -1, ends=False) + page([long[255:]], FRAME, flags=1)
    assert [one.payload for one in OggDemuxer().feed(begun + halves)] == [long]


def test_other_streams_and_a_recorder_begun_anew() -> None:
    beside = page([b"a picture"], 5, serial=9)
    demuxer = OggDemuxer()
    blocks = demuxer.feed(ogg(PACKETS[:20]) + beside + ogg(PACKETS[:10]))
    assert [one.at_ms for one in blocks] == [20.0 * at for at in (*range(20), *range(10))]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"OggX", "not Ogg"),
        (page([b"\x7fvorbis"], 0, flags=2), "no Opus"),
        (page([HEAD], 0, flags=2) + page([TAGS], 0) + page([b"\x03"], 960), "not Opus"),
        (page([HEAD], 0, flags=2) + page([TAGS], 0) + page([PACKETS[0]], 2**63), "at a time"),
        (page([HEAD], 0, flags=2) * (MOST_PAGES + 1), "at most"),
        (page([HEAD], 0, flags=2) + page([TAGS], 0) + MANY * 4, "packets of Ogg a message"),
    ],
)
def test_what_is_no_recording_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ContainerError, match=says):
        OggDemuxer().feed(data)


def test_after_a_refusal_another_recorder_is_taken() -> None:
    recorder = RecorderInput()
    with pytest.raises(Refusal):
        decoded(recorder, RecorderFragment("session-1", None, 70_000, b"OggS\1"))
    assert decoded(recorder, RecorderFragment("session-1", None, 71_000, FILE))


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_or_waited_for(data: bytes) -> None:
    for begun in (b"", page([HEAD], 0, flags=2)):
        try:
            OggDemuxer().feed(begun + data)
        except ContainerError:
            continue


@pytest.mark.parametrize(
    ("toc", "samples"),
    [(b"\x00", 480), (b"\x08", 960), (b"\x19", 5760), (b"\x78", 960), (b"\xfc", 960)],
)
def test_a_packet_says_how_long_it_is(toc: bytes, samples: int) -> None:
    assert packet_samples(toc) == samples
    assert packet_samples(b"\xfb\x03") == 3 * 960
