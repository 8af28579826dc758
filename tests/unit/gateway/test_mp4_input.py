"""A recorder's MP4, cut anywhere, becomes the samples that were recorded."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.audio_in.containers import MOST_PACKETS, ContainerError
from ingest_gateway.audio_in.mp4_demuxer import MOST_BOXES, MOST_MEDIA_BYTES, Mp4Demuxer
from ingest_gateway.audio_in.recorder_input import RecorderInput
from ingest_gateway.protocol.connection_protocol import RecorderFragment, Refusal
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.gateway.mp4_files import TONE_HZ, box, mp4
from tests.unit.gateway.opus_tones import decoded, heard, level, silent_ms, strongest_hz
from tests.unit.gateway.webm_files import clusters, fragments, header

pytestmark = pytest.mark.unit

SECONDS = 3.0
FILE = mp4()
HEAD = FILE[: FILE.index(b"moof") - 4]
AAC_PRIMING_S = 0.05


def taken(pieces: list[bytes], recorder: RecorderInput | None = None) -> list[bytes]:
    recorder = recorder or RecorderInput()
    return [
        audio.pcm
        for piece in pieces
        for audio in decoded(recorder, RecorderFragment("session-1", None, 70_000, piece))
    ]


@pytest.mark.parametrize(
    ("codec", "rate_hz", "layout"),
    [
        ("aac", 48_000, "mono"),
        ("aac", 44_100, "mono"),
        ("aac", 44_100, "stereo"),
        ("libopus", 48_000, "mono"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 12, 300])
def test_what_was_recorded_is_heard(codec: str, rate_hz: int, layout: str, pieces: int) -> None:
    found = heard(taken(fragments(mp4(codec, rate_hz, layout), pieces)))
    assert len(found) / SAMPLE_RATE_HZ == pytest.approx(SECONDS, abs=AAC_PRIMING_S)
    assert strongest_hz(found, SAMPLE_RATE_HZ) == pytest.approx(TONE_HZ, abs=1)
    assert level(found) == pytest.approx(0.25 / 2**0.5, rel=0.05)
    middle = found[SAMPLE_RATE_HZ // 10 : -SAMPLE_RATE_HZ // 10]
    assert silent_ms(middle, SAMPLE_RATE_HZ) == 0


def test_packets_of_a_picture_beside_it_are_left_out() -> None:
    found = heard(taken(fragments(mp4(picture=True), 12)))
    assert len(found) / SAMPLE_RATE_HZ == pytest.approx(SECONDS, abs=AAC_PRIMING_S)
    assert strongest_hz(found, SAMPLE_RATE_HZ) == pytest.approx(TONE_HZ, abs=1)


@given(st.lists(st.integers(0, len(FILE)), max_size=12))
def test_pieces_cut_anywhere_give_the_same_packets(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(FILE)]
    demuxer = Mp4Demuxer()
    found = [one for a, b in itertools.pairwise(edges) for one in demuxer.feed(FILE[a:b])]
    assert found == Mp4Demuxer().feed(FILE)
    assert len(found) >= SECONDS * 48_000 // 1024


def test_packets_carry_the_recorders_time() -> None:
    blocks = Mp4Demuxer().feed(FILE)
    steps = {round(b.at_ms - a.at_ms, 3) for a, b in itertools.pairwise(blocks)}
    assert steps == {round(1024 / 48, 3)}


def test_positions_may_be_the_files() -> None:
    """Without ``default_base_moof`` offsets are counted from where a field says."""
    found = heard(taken(fragments(mp4(flags="frag_keyframe+empty_moov"), 12)))
    assert strongest_hz(found, SAMPLE_RATE_HZ) == pytest.approx(TONE_HZ, abs=1)


def test_a_recorder_begun_anew_is_taken_whatever_it_writes() -> None:
    recorder = RecorderInput()
    taken([FILE, mp4("aac", 44_100, "stereo")], recorder)
    with pytest.raises(Refusal):
        taken([bytes(400)], recorder)
    assert taken([header() + clusters([b"\xfc\xff\xfe"] * 20)], recorder)
    with pytest.raises(Refusal):
        taken([b"\x1a\x45\xdf\xa3\x00"], recorder)
    assert taken([FILE], recorder)


def test_a_file_that_was_not_written_live_is_refused_in_words() -> None:
    whole = mp4(flags="")
    with pytest.raises(Refusal, match="record in slices"):
        taken(fragments(whole, 12))


MOOF = FILE[FILE.index(b"moof") - 4 : FILE.index(b"mdat") - 4]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (MOOF, "begins with its header"),
        (box(b"ftyp", b"isom") + MOOF, "before its header"),
        (box(b"ftyp", b"isom") + box(b"moov", b""), "no AAC-LC or Opus"),
        (box(b"ftyp", b"isom") + box(b"moov", box(b"trak", b"")), "not MP4"),
        (HEAD.replace(b"mp4a", b"samr"), "no AAC-LC or Opus"),
        (HEAD.replace(b"esds", b"wave"), "not MP4"),
        (HEAD.replace(b"mp4a", b"mp4v"), "no AAC-LC or Opus"),
        (HEAD + box(b"moof", b"\0" * 6), None),
        (HEAD + bytes(8), "not MP4"),
        (HEAD + (MOST_MEDIA_BYTES + 1).to_bytes(4) + b"mdat", "too large"),
        (HEAD + b"\0\0\0\1mdat" + (1 << 40).to_bytes(8), "too large"),
        (HEAD + MOOF + box(b"mdat", b"short"), "is not where"),
        (HEAD + box(b"free", b"") * MOST_BOXES, "at most"),
        (box(b"ftyp", b"isom") + box(b"moov", box(b"free", b"") * 1_000), "more boxes"),
        (HEAD + MOOF.replace(MOOF[MOOF.index(b"trun") + 8 :][:4], b"\0\xff\0\0"), MOST_PACKETS),
    ],
)
def test_what_is_no_live_mp4_is_refused_in_words(data: bytes, says: str | int | None) -> None:
    if says is None:
        assert Mp4Demuxer().feed(data) == []
        return
    with pytest.raises(ContainerError, match=str(says)):
        Mp4Demuxer().feed(data)


def test_fragments_that_name_many_packets_in_few_bytes_are_refused_together() -> None:
    """A thousand of them in one message would hold up the loop for a second."""
    run = box(b"trun", (0).to_bytes(4) + (600).to_bytes(4))
    track = (1).to_bytes(4)
    traf = box(b"tfhd", (0).to_bytes(4) + track) + box(b"tfdt", bytes(8)) + run
    moof = box(b"moof", box(b"traf", traf))
    demuxer = Mp4Demuxer()
    demuxer.feed(HEAD)
    assert demuxer.feed(moof) == []
    with pytest.raises(ContainerError, match="packets of MP4 a message"):
        demuxer.feed(moof * 900)


def test_a_message_of_many_recorders_is_refused() -> None:
    """Each would want a decoder of its own."""
    other = mp4(rate_hz=44_100, seconds=0.3)
    turns = (mp4(seconds=0.3) + other) * 2
    with pytest.raises(Refusal, match="begins anew at most twice"):
        taken([turns])


def test_a_large_box_that_is_not_needed_is_skipped_and_not_kept() -> None:
    demuxer = Mp4Demuxer()
    demuxer.feed(HEAD + (50_000_000).to_bytes(4) + b"free")
    for _ in range(49):
        assert demuxer.feed(bytes(1_000_000)) == []
        assert len(demuxer._buffer) == 0


def test_packets_that_are_no_aac_are_refused_in_words() -> None:
    media = FILE.index(b"mdat") + 4
    broken = FILE[:media] + b"\xff" * 4_000 + FILE[media + 4_000 :]
    with pytest.raises(Refusal, match="AAC"):
        taken([broken])


@given(st.binary(max_size=300), st.integers(0, len(FILE)))
def test_broken_bytes_are_refused_or_read(noise: bytes, at: int) -> None:
    demuxer = Mp4Demuxer()
    try:
        for piece in fragments(FILE[:at] + noise + FILE[at:], 5):
            demuxer.feed(piece)
    except ContainerError:
        return
    assert len(demuxer._buffer) <= MOST_MEDIA_BYTES
