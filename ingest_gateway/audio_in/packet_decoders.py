"""Packets of a speaker's sound to frames of 48 kHz stereo s16, by FFmpeg."""

from __future__ import annotations

from typing import Protocol

import av
import numpy as np

DECODED_RATE_HZ = 48_000
MOST_PACKET_BYTES = 8 * 1024
"""A packet of stereo AAC has 1,536 bytes at most, one of Opus 1,275 for each of its frames."""
_MOST_FRAME_SAMPLES = 5_760
_STEREO = 2


class PacketError(ValueError):
    """A packet that cannot be decoded. The decoder goes on with the next one."""


class PacketDecoder(Protocol):
    def decode(self, payload: bytes) -> list[av.AudioFrame]:
        """Frames of ``DECODED_RATE_HZ``, stereo, s16 interleaved. Raises PacketError."""
        ...


class OpusDecoder:
    def __init__(self) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        self._context.sample_rate = DECODED_RATE_HZ
        self._context.format = "s16"
        self._context.layout = "stereo"

    def decode(self, payload: bytes) -> list[av.AudioFrame]:
        return _decoded(self._context, payload, "Opus")


class AacDecoder:
    """``config``: the AudioSpecificConfig that the container has."""

    def __init__(self, config: bytes) -> None:
        self._context = av.CodecContext.create("aac", "r")
        self._context.extradata = config
        self._resampler = av.AudioResampler(format="s16", rate=DECODED_RATE_HZ)

    def decode(self, payload: bytes) -> list[av.AudioFrame]:
        frames: list[av.AudioFrame] = []
        for frame in _decoded(self._context, payload, "AAC"):
            frame.pts = None
            try:
                frames += [_stereo(one) for one in self._resampler.resample(frame)]
            except (ValueError, av.FFmpegError) as error:  # another rate or layout than before
                raise PacketError("this AAC is not what its header says") from error
        return frames


def _stereo(frame: av.AudioFrame) -> av.AudioFrame:
    """One channel in both, as loud as it was: FFmpeg's own way makes it 3 dB softer."""
    if frame.layout.nb_channels == _STEREO:
        return frame
    one = np.frombuffer(frame.to_ndarray().tobytes(), np.int16)
    both = np.repeat(one, _STEREO).reshape(1, -1)
    stereo = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
    stereo.sample_rate = DECODED_RATE_HZ
    return stereo


def _decoded(context: av.AudioCodecContext, payload: bytes, name: str) -> list[av.AudioFrame]:
    if not payload:  # to FFmpeg an empty packet is the end of everything
        raise PacketError(f"a packet of {name} holds at least one byte")
    if len(payload) > MOST_PACKET_BYTES:
        raise PacketError(f"a packet of {name} holds at most {MOST_PACKET_BYTES} bytes")
    try:
        frames = context.decode(av.Packet(payload))
    except av.FFmpegError as error:
        raise PacketError(f"this packet is not {name}") from error
    if any(one.samples > _MOST_FRAME_SAMPLES or one.layout.nb_channels > _STEREO for one in frames):
        raise PacketError(f"{name} with one or two channels, please")
    return frames
