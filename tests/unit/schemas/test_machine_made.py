"""The mark that a machine speaks: read by players, and no part of the sound."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, decode_clip, encode_clip
from schemas.machine_made import maker_of, mark, tag

pytestmark = pytest.mark.unit

NOISE = np.random.default_rng(1).normal(0, 0.1, RATE_HZ).astype(np.float32)
FRAMES = b"\xff\xf3\x64\xc4" + bytes(40)


@pytest.mark.parametrize("maker", ["Kokoro", "", "Ñandú 一"])
def test_the_maker_is_read_back(maker: str) -> None:
    assert maker_of(tag(maker) + FRAMES) == maker


@pytest.mark.parametrize(
    "mp3", [b"", b"ID3", FRAMES, b"ID3\x04\0\0\0\0\0\x0bTIT2\0\0\0\x01\0\0\x03", tag("x")[:20]]
)
def test_a_file_without_the_mark(mp3: bytes) -> None:
    assert maker_of(mp3) is None


def test_a_clip_is_marked_once() -> None:
    once = mark(FRAMES, "Polly")
    assert mark(once, "somebody else") == once
    assert once.endswith(FRAMES)


def test_players_read_the_mark_and_hear_nothing_of_it() -> None:
    clip = encode_clip(NOISE, made_by="Kokoro")
    with av.open(io.BytesIO(clip.body)) as container:
        assert container.metadata["comment"] == "machine-made speech: Kokoro"
    bare = clip.body[len(tag("Kokoro")) :]
    assert bare[:2] == b"\xff\xf3"
    assert np.array_equal(decode_clip(clip.body), decode_clip(bare))
