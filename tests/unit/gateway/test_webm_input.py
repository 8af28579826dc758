"""A recorder's fragments, cut anywhere, become the samples that were recorded."""

from __future__ import annotations

import io
import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.audio_in.containers import ContainerError
from ingest_gateway.audio_in.recorder_input import PACKETS_AT_A_STRETCH, RecorderInput
from ingest_gateway.audio_in.webm_demuxer import MAX_ELEMENT_BYTES, WebmDemuxer
from ingest_gateway.protocol.connection_protocol import Audio, RecorderFragment, Refusal
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.gateway.opus_tones import (
    FRAME_MS,
    OPUS_HZ,
    decoded,
    heard,
    level,
    opus_packets,
    silent_ms,
    strongest_hz,
    tone,
)
from tests.unit.gateway.webm_files import UNKNOWN, block, clusters, element, fragments, header

pytestmark = pytest.mark.unit

SECONDS = 3.0
PACKETS = opus_packets(tone(330, SECONDS, OPUS_HZ))
FILE = header() + clusters(PACKETS)
BEFORE_TRACKS = header()[: header().index(0x1654AE6B.to_bytes(4))]


def payloads(demuxer: WebmDemuxer, pieces: list[bytes]) -> list[bytes]:
    return [one.payload for piece in pieces for one in demuxer.feed(piece)]


def fragment(data: bytes, at_ms: int = 70_000, sequence: int | None = None) -> RecorderFragment:
    return RecorderFragment("session-1", sequence, at_ms, data)


def take_all(taker: RecorderInput, pieces: list[bytes]) -> list[Audio]:
    every_ms = round(SECONDS * 1000 / len(pieces))
    return [
        audio
        for at, piece in enumerate(pieces)
        for audio in decoded(taker, fragment(piece, 70_000 + at * every_ms))
    ]


# Packets


@pytest.mark.parametrize("known_sizes", [False, True])
def test_fragments_of_a_byte_each_give_every_packet(known_sizes: bool) -> None:
    data = header() + clusters(PACKETS, known_sizes)
    demuxer = WebmDemuxer()
    assert payloads(demuxer, [data[at : at + 1] for at in range(len(data))]) == PACKETS


@given(st.lists(st.integers(0, len(FILE)), max_size=12))
def test_fragments_cut_anywhere_give_the_same_packets(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(FILE)]
    pieces = [FILE[first:end] for first, end in itertools.pairwise(edges)]
    assert payloads(WebmDemuxer(), pieces) == PACKETS


def test_blocks_carry_the_recorders_time() -> None:
    blocks = WebmDemuxer().feed(FILE)
    assert [one.at_ms for one in blocks] == [at * FRAME_MS for at in range(len(PACKETS))]


def test_a_recorder_started_anew_on_the_same_connection_is_followed() -> None:
    demuxer = WebmDemuxer()
    assert payloads(demuxer, [FILE, FILE]) == PACKETS * 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (clusters(PACKETS[:3]), "begins with its header"),
        (b"RIFF\x00\x00\x00\x00WAVE", "begins with its header"),
        (b"\x00" * 40, "not WebM"),
        (header(b"A_VORBIS"), "no Opus"),
        (header()[:50] + b"\x00" * 100, "not WebM"),
        (header() + block(0, b"laced", flags=0x02), "lacing"),
        (header() + element(0xA3, b""), "too short"),
        (header() + b"\xa3" + (1 << 28 | MAX_ELEMENT_BYTES + 1).to_bytes(4), "too large"),
        (header() + b"\xa3" + UNKNOWN, "unknown size"),
        (header()[:30] + block(0, b"early"), "before the tracks"),
        (BEFORE_TRACKS + element(0x1654AE6B, b"\xec\x80" * 32_000), "more tracks"),
        (header() + element(0x2AD7B1, b"\xff" * 130), "number of 130"),
        (header() + element(0x2AD7B1, b"\xff" * 8) + block(5, b"x"), "a time that no"),
        (header() + b"\xec\x80" * 60_000, "elements"),
    ],
)
def test_what_is_not_live_webm_is_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(ContainerError, match=says):
        WebmDemuxer().feed(data)


@given(st.binary(max_size=300), st.integers(0, len(FILE)))
def test_broken_bytes_are_refused_or_read_never_more(noise: bytes, at: int) -> None:
    demuxer = WebmDemuxer()
    try:
        for piece in fragments(FILE[:at] + noise + FILE[at:], 5):
            demuxer.feed(piece)
    except ContainerError:
        return
    assert len(demuxer._buffer) <= MAX_ELEMENT_BYTES + 16


def test_a_large_element_that_is_not_needed_is_skipped_and_not_kept() -> None:
    demuxer = WebmDemuxer()
    demuxer.feed(header() + b"\xec" + (1 << 28 | 50_000_000).to_bytes(4))
    for _ in range(50):
        assert demuxer.feed(bytes(1_000_000)) == []
        assert len(demuxer._buffer) == 0
    assert payloads(demuxer, [clusters(PACKETS[:4])]) == PACKETS[:4]


# Samples


def test_fragments_of_a_quarter_second_become_what_was_recorded() -> None:
    taken = take_all(RecorderInput(), fragments(FILE, 12))
    whole = heard([audio.pcm for audio in taken])
    assert len(whole) == pytest.approx(SECONDS * SAMPLE_RATE_HZ, abs=32)
    assert strongest_hz(whole, SAMPLE_RATE_HZ) == pytest.approx(330, abs=1)
    assert level(whole) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert silent_ms(whole[800:], SAMPLE_RATE_HZ) == 0
    assert {audio.sequence for audio in taken} == {None}
    ends = np.cumsum([len(audio.pcm) // 2 for audio in taken]) * 1000 / SAMPLE_RATE_HZ
    starts = [70_000, *(70_000 + ends[:-1])]
    assert [audio.timestamp_ms for audio in taken] == pytest.approx(starts, abs=1)


def test_a_files_writer_that_is_not_ours_is_understood() -> None:
    """FFmpeg's muxer, in the mode for live streams."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with av.open(pipe, "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=OPUS_HZ)
        stream.layout = "mono"
        samples = (tone(330, SECONDS, OPUS_HZ) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = OPUS_HZ
        frame.pts, frame.time_base = 0, Fraction(1, OPUS_HZ)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    whole = heard([one.pcm for one in take_all(RecorderInput(), fragments(pipe.data, 12))])
    assert len(whole) == pytest.approx(SECONDS * SAMPLE_RATE_HZ, abs=640)
    assert strongest_hz(whole, SAMPLE_RATE_HZ) == pytest.approx(330, abs=1)


def test_times_rounded_to_milliseconds_make_no_holes() -> None:
    jittered = header() + b"".join(
        clusters([payload], began_ms=at * FRAME_MS + (0, 3, -4)[at % 3] + 5)
        for at, payload in enumerate(PACKETS)
    )
    whole = heard([one.pcm for one in take_all(RecorderInput(), fragments(jittered, 12))])
    assert len(whole) == pytest.approx(SECONDS * SAMPLE_RATE_HZ, abs=32)
    assert silent_ms(whole[800:], SAMPLE_RATE_HZ) == 0


def test_a_bad_fragment_is_refused_with_its_number_and_a_new_recorder_is_taken() -> None:
    taker = RecorderInput()
    first, *rest = fragments(FILE, 12)
    assert decoded(taker, fragment(first, sequence=0))
    with pytest.raises(Refusal) as refused:
        decoded(taker, fragment(b"\x00" * 400, sequence=1))
    assert (refused.value.code, refused.value.sequence) == ("BAD_AUDIO", 1)
    with pytest.raises(Refusal, match="start the recorder anew"):
        decoded(taker, fragment(clusters(PACKETS[:5]), sequence=2))
    assert take_all(taker, [first, *rest])


def test_a_long_message_is_decoded_in_stretches() -> None:
    """Its caller lets others have their turn in between; the whole would hold them up."""
    recorder = RecorderInput()
    message = fragment(header() + clusters((PACKETS * 4)[:490]))
    packets = recorder.demux(message)
    stretches = list(recorder.decode(message, packets))
    assert len(stretches) == -(-len(packets) // PACKETS_AT_A_STRETCH)
    assert max(map(len, stretches)) <= 5
    assert len(heard([one.pcm for some in stretches for one in some])) == pytest.approx(
        9.8 * SAMPLE_RATE_HZ, abs=32
    )


def test_more_audio_than_a_message_may_hold_is_refused() -> None:
    with pytest.raises(Refusal, match="at most 10 s"):
        decoded(RecorderInput(), fragment(header() + clusters(PACKETS * 4)))
