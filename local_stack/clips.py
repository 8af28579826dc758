"""Is a downloaded clip really speech that can be played?"""

from __future__ import annotations

import io

import av


def decoded_s(body: bytes) -> float | None:
    """Seconds of audio in an MP3, by decoding all of it; None when it cannot be decoded."""
    try:
        with av.open(io.BytesIO(body), "r", format="mp3") as container:
            samples, rate_hz = 0, 0
            for frame in container.decode(audio=0):
                samples += frame.samples
                rate_hz = frame.sample_rate
    except (av.FFmpegError, IndexError):  # IndexError: no audio stream in it
        return None
    return samples / rate_hz if samples else None
