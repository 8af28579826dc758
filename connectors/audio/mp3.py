"""Samples to a complete MP3 file whose length is known exactly.

An MP3 encoder puts 1,105 samples of its own in front and fills the last frame up. LAME's tag in
the file's first frame says how many, and players and decoders that read it (browsers, FFmpeg) cut
them off: what is heard lasts exactly as long as the samples that went in, and that is the clip's
``duration_s``.
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from schemas.machine_made import tag
from schemas.values import Clip

RATE_HZ = 24_000
_FRAME_SAMPLES = 576
_UNCUT_SAMPLES = 46
"""When the last frame holds no more than this, decoders leave up to this much padding uncut
(measured with FFmpeg, over every length from 24,000 to 25,151 samples)."""
_LAYOUT = "mono"
_FORMAT = "fltp"


def resample(samples: NDArray[np.float32], from_hz: int) -> NDArray[np.float32]:
    """Mono samples (n,) in [-1, 1] at ``from_hz``, as ``RATE_HZ``."""
    if from_hz == RATE_HZ:
        return samples
    resampler = av.AudioResampler(format=_FORMAT, layout=_LAYOUT, rate=RATE_HZ)
    frames = [*resampler.resample(_frame(samples, from_hz)), *resampler.resample(None)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def encode_clip(samples: NDArray[np.float32], bit_rate: int = 48_000, *, made_by: str = "") -> Clip:
    """Mono samples (n,) in [-1, 1] at ``RATE_HZ``, n > 0; up to 2 ms of silence may be added.

    The file is marked as machine-made; ``made_by``: the engine that the mark names."""
    in_last_frame = len(samples) % _FRAME_SAMPLES
    if 0 < in_last_frame <= _UNCUT_SAMPLES:
        samples = np.pad(samples, (0, _UNCUT_SAMPLES + 1 - in_last_frame))
    body = io.BytesIO()
    options = {"id3v2_version": "0", "write_xing": "1"}
    with av.open(body, "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=RATE_HZ)
        stream.layout = _LAYOUT
        stream.format = _FORMAT
        stream.bit_rate = bit_rate
        for packet in stream.encode(_frame(np.clip(samples, -1.0, 1.0), RATE_HZ)):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return Clip(tag(made_by) + body.getvalue(), len(samples) / RATE_HZ)


def decode_clip(body: bytes) -> NDArray[np.float32]:
    """What a player makes of it: mono samples (n,) at ``RATE_HZ``, the encoder's own cut off."""
    with av.open(io.BytesIO(body), "r") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32)


def _frame(samples: NDArray[np.float32], rate_hz: int) -> av.AudioFrame:
    contiguous = np.ascontiguousarray(samples.reshape(1, -1), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(contiguous, format=_FORMAT, layout=_LAYOUT)
    frame.sample_rate = rate_hz
    frame.pts = 0
    frame.time_base = Fraction(1, rate_hz)
    return frame
