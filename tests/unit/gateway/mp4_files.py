"""Live MP4 as FFmpeg writes it in fragments, with sound and, if wanted, a picture beside it."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

from tests.unit.gateway.opus_tones import tone

TONE_HZ = 330
LIVE = "frag_keyframe+empty_moov+default_base_moof"


class _Pipe(io.RawIOBase):
    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


@cache
def mp4(
    codec: str = "aac",
    rate_hz: int = 48_000,
    layout: str = "mono",
    seconds: float = 3.0,
    flags: str = LIVE,
    *,
    picture: bool = False,
) -> bytes:
    """``flags`` of FFmpeg's muxer; none: a file that is written as a whole, its header last."""
    pipe = _Pipe() if flags else io.BytesIO()
    options = {"movflags": flags, "frag_duration": "250000"} if flags else {}
    with av.open(pipe, "w", format="mp4", options=options) as file:
        video = file.add_stream("mpeg4", rate=5) if picture else None
        if video is not None:
            video.width = video.height = 64
        stream = file.add_stream(codec, rate=rate_hz, layout=layout)
        samples = (tone(TONE_HZ, seconds, rate_hz) * 32767).astype(np.int16)
        assert isinstance(stream, av.AudioStream)
        channels = stream.layout.nb_channels
        for at in range(0, len(samples), rate_hz // 5):
            part = np.repeat(samples[at : at + rate_hz // 5], channels)[None]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            if video is not None:
                shown = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
                shown.pts, shown.time_base = at // (rate_hz // 5), Fraction(1, 5)
                file.mux(video.encode(shown))
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if video is not None:
            file.mux(video.encode(None))
    return bytes(pipe.data) if isinstance(pipe, _Pipe) else pipe.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4) + kind + content
