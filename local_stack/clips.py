"""Is a downloaded clip really speech that can be played?"""

from __future__ import annotations

import av

from connectors.audio.mp3 import RATE_HZ, decode_clip


def decoded_s(body: bytes) -> float | None:
    """Seconds of audio in an MP3, by decoding all of it; None when it cannot be decoded."""
    try:
        samples = decode_clip(body)
    except (av.FFmpegError, IndexError, ValueError):  # no audio in it, or no frame that decodes
        return None
    return len(samples) / RATE_HZ if len(samples) else None
