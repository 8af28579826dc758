"""Joined clips play at their own times: what was spoken after a pause is heard after a pause."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.audio.mp3 import RATE_HZ, decode_clip, encode_clip
from ingest_gateway.read_side.mp3_join import JoinedMp3, audio_frames
from schemas.machine_made import tag

pytestmark = pytest.mark.unit

CODER_S = 0.12
"""What an encoder pads a clip with, and half a frame."""


def tone(duration_s: float) -> bytes:
    seconds = np.arange(round(duration_s * RATE_HZ), dtype=np.float32) / RATE_HZ
    return encode_clip((0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)).body


def joined(*clips: tuple[bytes, float]) -> tuple[bytes, JoinedMp3]:
    whole = JoinedMp3()
    return b"".join(part for clip, at_s in clips for part in whole.add(clip, at_s)), whole


def sounds(mp3: bytes) -> list[tuple[float, float]]:
    """(from, to) in seconds of each stretch that is not silent."""
    samples: NDArray[np.float32] = decode_clip(mp3)
    loud = np.flatnonzero(np.abs(samples) > 0.1) / RATE_HZ
    breaks = np.flatnonzero(np.diff(loud) > 0.05)
    edges = [0, *(breaks + 1).tolist(), len(loud)]
    return [
        (float(loud[first]), float(loud[last - 1])) for first, last in itertools.pairwise(edges)
    ]


def test_a_pause_of_a_minute_is_a_minute_long() -> None:
    mp3, whole = joined((tone(1.0), 0.0), (tone(1.5), 64.0))
    assert sounds(mp3) == [
        (pytest.approx(0.0, abs=CODER_S), pytest.approx(1.0, abs=CODER_S)),
        (pytest.approx(64.0, abs=CODER_S), pytest.approx(65.5, abs=CODER_S)),
    ]
    assert whole.length_s == pytest.approx(len(decode_clip(mp3)) / RATE_HZ, abs=0.05)


def test_the_file_says_once_that_a_machine_speaks() -> None:
    mp3, _ = joined((tone(1.0), 30.0), (tone(1.0), 40.0))
    assert mp3.startswith(tag())
    assert mp3.count(b"machine-made speech") == 1


def test_a_language_that_was_joined_late_begins_late() -> None:
    mp3, _ = joined((tone(1.0), 30.0))
    assert sounds(mp3) == [(pytest.approx(30.0, abs=CODER_S), pytest.approx(31.0, abs=CODER_S))]


def test_a_clip_too_long_for_its_place_delays_the_next_until_a_pause() -> None:
    mp3, _ = joined((tone(3.0), 0.0), (tone(1.0), 2.0), (tone(1.0), 10.0))
    found = sounds(mp3)
    assert found[0][0] == pytest.approx(0.0, abs=CODER_S)
    assert found[-2][1] == pytest.approx(4.0, abs=2 * CODER_S)
    assert found[-1] == (pytest.approx(10.0, abs=CODER_S), pytest.approx(11.0, abs=CODER_S))


def test_silence_does_not_make_the_file_guess_its_length_wrong() -> None:
    """One bit rate: what a player without counts in the file concludes from its size is right."""
    mp3, whole = joined((tone(1.0), 0.0), (tone(1.0), 20.0))
    assert len(mp3) * 8 / 48_000 == pytest.approx(whole.length_s, abs=0.01)


def test_an_hour_of_silence_comes_in_pieces() -> None:
    parts = list(JoinedMp3().add(tone(1.0), 3_600.0))
    assert max(map(len, parts)) <= 64 * 1024
    assert sum(map(len, parts)) == pytest.approx(3_601 * 6_000, rel=0.01)


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xf3\x66\xc4",  # 24 kHz, padded
        b"\xff\xf2\x64\x44",  # with a checksum, joint stereo
        b"\xff\xfb\x92\x64",  # MPEG-1, 44.1 kHz, joint stereo, padded
        b"\xff\xe3\x18\xc4",  # MPEG-2.5, 8 kHz, 8 kbit/s
    ],
)
def test_silence_of_any_format_is_silent(header: bytes) -> None:
    parts = list(JoinedMp3().add(header + bytes(2_000), 5.0))
    silence = b"".join(parts[:-1])
    samples = decode_clip(silence)
    assert len(samples) > 0
    assert not np.any(samples)


def test_what_is_no_mp3_is_handed_on() -> None:
    mp3, whole = joined((b"mp3", 0.0), (b"", 5.0), (b"\xff\xfb", 9.0))
    assert (mp3, whole.length_s) == (b"mp3\xff\xfb", 0.0)


def test_tags_and_information_frames_are_taken_off() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130)
    header = b"\xff\xf3\x64\xc4"  # MPEG-2 layer III, 48 kbit/s, 24 kHz: 144 bytes
    information = (header + bytes(17) + b"Info").ljust(144, b"\0")
    sound = header + b"\x01" * 140
    assert audio_frames(tag + information + sound + sound) == sound + sound
    assert audio_frames(sound + b"TAG".ljust(128, b"\0")) == sound
    assert audio_frames(sound) == sound
    assert audio_frames(b"") == b""
