"""A recording as the samples that a speaker's microphone would have sent: 16 kHz, mono, s16le.

WAV files are read here, also damaged ones; everything else that FFmpeg decodes goes through PyAV.
What was read, converted or missing is told in one line: nothing is silently short. Blocks.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from connectors.audio.riff_wave import Bytes, SampleFormat, WavError, WavLayout, is_wav, read_layout
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

Samples = NDArray[np.float32]

_BLOCK_FRAMES = 65_536
_LAYOUT = "mono"
_FORMAT = "fltp"
_FULL_SCALE = 32_768
_FFMPEG = f"ffmpeg -i IN -ar {SAMPLE_RATE_HZ} -ac 1 -c:a pcm_s16le OUT.wav"
_FORMATS = "wav,w64,aiff,au,caf,flac,mp3,aac,ogg,matroska,webm,mov,mp4"
"""What FFmpeg may take a file for: a playlist would make it open other files and addresses."""
_ESTIMATED_LENGTH = frozenset({"mp3", "aac"})
"""Formats whose files do not say how long they are."""
_TOLD_MISSING_S = 0.25
"""Decoders leave out less than this at the ends of what an encoder padded."""


class RecordingError(ValueError):
    """The recording cannot be read; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """``pcm`` is 16 kHz mono s16le; ``note`` is one line about what was read, with its name."""

    pcm: bytes
    note: str


def read_recording(path: Path) -> Recording:
    """Raises RecordingError."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise RecordingError(f"{path}: holds no audio")
            # Hours of audio need not fit into memory twice. Views of it close the map when they go.
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return decode_recording(content, str(path))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error


def decode_recording(content: Bytes, name: str) -> Recording:
    """Of a file's ``content``; ``name`` is what messages call it. Raises RecordingError."""
    if not is_wav(content):
        return _decoded(content, name)
    try:
        layout = read_layout(content)
    except WavError as error:
        raise RecordingError(f"{name}: {error}; save it anew: {_FFMPEG}") from error
    if layout.format is SampleFormat.OTHER:
        return _decoded(content, name)
    if not layout.frames:
        raise RecordingError(f"{name}: holds no audio")
    pcm = _wav_pcm(content, layout)
    return Recording(pcm, f"{name}: {_wav_note(layout)}")


def raw_recording(content: bytes, name: str) -> Recording:
    """Of samples without a header, which are 16 kHz mono s16le already."""
    whole = len(content) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
    if not whole:
        raise RecordingError(f"{name}: holds no audio")
    cut = "" if whole == len(content) else "; its last sample is cut in two and left out"
    seconds = whole / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ
    return Recording(content[:whole], f"{name}: {seconds:.1f} s of raw samples{cut}")


def _wav_note(layout: WavLayout) -> str:
    said = f"{layout.duration_s:.1f} s"
    promised_s = layout.promised_s
    if promised_s is None:
        said += ", read to the file's end: its header was never finished"
    elif layout.promised_frames != layout.frames:
        said = f"{layout.duration_s:.1f} of {promised_s:.1f} s: the file is cut short"
    if not _is_ready(layout):
        channels = "mono" if layout.channels == 1 else f"{layout.channels} channels"
        said += f"; converted from {layout.bits}-bit {layout.format}, {channels},"
        said += f" {layout.rate_hz} Hz"
    if layout.after_bytes:
        said += f"; {layout.after_bytes} bytes after its audio are not read"
    return said


def _is_ready(layout: WavLayout) -> bool:
    shape = (layout.format, layout.rate_hz, layout.channels, layout.bits)
    return shape == (SampleFormat.PCM, SAMPLE_RATE_HZ, 1, 8 * BYTES_PER_SAMPLE)


def _wav_pcm(content: Bytes, layout: WavLayout) -> bytes:
    end = layout.start + layout.frames * layout.frame_bytes
    if _is_ready(layout):
        return bytes(content[layout.start : end])
    stored = _STORED[layout.format, layout.bits]
    block_bytes = _BLOCK_FRAMES * layout.frame_bytes
    blocks = (
        stored(content[start : min(start + block_bytes, end)])
        .reshape(-1, layout.channels)
        .mean(axis=1, dtype=np.float32)
        for start in range(layout.start, end, block_bytes)
    )
    return _pcm(blocks if layout.rate_hz == SAMPLE_RATE_HZ else _resampled(blocks, layout.rate_hz))


def _from_u8(stored: Bytes) -> Samples:
    unsigned = np.frombuffer(stored, dtype=np.uint8).astype(np.float32)
    return (unsigned - np.float32(128)) / np.float32(128)


def _from_s24(stored: Bytes) -> Samples:
    bytes_of = np.frombuffer(stored, dtype=np.uint8).reshape(-1, 3)
    wide = np.zeros((len(bytes_of), 4), dtype=np.uint8)
    wide[:, 1:] = bytes_of  # the low byte stays 0
    return _from_integers("<i4")(wide.tobytes())


def _from_integers(kind: str) -> Callable[[Bytes], Samples]:
    full_scale = np.float32(2.0 ** (8 * np.dtype(kind).itemsize - 1))
    return lambda stored: np.frombuffer(stored, dtype=kind).astype(np.float32) / full_scale


def _from_floats(kind: str) -> Callable[[Bytes], Samples]:
    def read(stored: Bytes) -> Samples:
        samples = np.frombuffer(stored, dtype=kind).astype(np.float32)
        return np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)

    return read


_STORED: dict[tuple[SampleFormat, int], Callable[[Bytes], Samples]] = {
    (SampleFormat.PCM, 8): _from_u8,
    (SampleFormat.PCM, 16): _from_integers("<i2"),
    (SampleFormat.PCM, 24): _from_s24,
    (SampleFormat.PCM, 32): _from_integers("<i4"),
    (SampleFormat.FLOAT, 32): _from_floats("<f4"),
    (SampleFormat.FLOAT, 64): _from_floats("<f8"),
}


def _resampled(blocks: Iterable[Samples], rate_hz: int) -> Iterator[Samples]:
    resampler = av.AudioResampler(format=_FORMAT, layout=_LAYOUT, rate=SAMPLE_RATE_HZ)
    position = 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format=_FORMAT, layout=_LAYOUT)
        frame.sample_rate = rate_hz
        frame.pts = position
        frame.time_base = Fraction(1, rate_hz)
        position += len(block)
        yield from (each.to_ndarray()[0] for each in resampler.resample(frame))
    yield from (each.to_ndarray()[0] for each in resampler.resample(None))


def _pcm(blocks: Iterable[Samples]) -> bytes:
    return b"".join(
        np.clip(np.rint(block * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
        for block in blocks
    )


def _decoded(content: Bytes, name: str) -> Recording:
    """What FFmpeg makes of a file; what it decoded before a fault counts, and is told."""
    try:
        container = av.open(io.BytesIO(content), "r", options={"format_whitelist": _FORMATS})
    except av.FFmpegError as error:
        raise RecordingError(
            f"{name}: neither a WAV file nor other audio that can be read; make it one: {_FFMPEG}"
        ) from error
    blocks: list[Samples] = []
    fault = ""
    with container:
        if not container.streams.audio:
            raise RecordingError(f"{name}: there is no audio in it")
        codec = container.streams.audio[0].codec_context.name
        resampler = av.AudioResampler(format=_FORMAT, layout=_LAYOUT, rate=SAMPLE_RATE_HZ)
        try:
            for frame in container.decode(audio=0):
                blocks.extend(each.to_ndarray()[0] for each in resampler.resample(frame))
        except av.FFmpegError as error:
            fault = f"; the rest cannot be decoded ({error.strerror})"
        blocks.extend(each.to_ndarray()[0] for each in resampler.resample(None))
        promised_s = (container.duration or 0) / av.time_base
        is_estimated = container.format.name in _ESTIMATED_LENGTH
    pcm = _pcm(blocks)
    if not pcm:
        raise RecordingError(f"{name}: holds no audio{fault}")
    seconds = len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ
    is_short = not is_estimated and promised_s - seconds > _TOLD_MISSING_S
    of = f" of {promised_s:.1f} s: the file is cut short" if is_short else " s"
    return Recording(pcm, f"{name}: {seconds:.1f}{of}; decoded from {codec}{fault}")
