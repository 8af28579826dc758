"""A speaker by FFmpeg's own WHIP muxer (in PyAV's wheel), as encoders that are built on it speak:
Opus, and H.264 beside it if asked for. A process of its own, since the muxer blocks.

    python -m benchmarks.gateway.ffmpeg_encoder URL TOKEN --seconds 5 --video

A tone of 440 Hz in real time; what was sent is printed. The gateway takes the sound and declines
the picture. The certificate is ours: the muxer on GnuTLS makes one on the curve P-224, which
OpenSSL, and so the gateway, does not accept (on OpenSSL it makes P-256, as RFC 8827 asks).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

RATE_HZ = 48_000
FRAME_SAMPLES = 960
FRAMES_PER_S = 25
_WIDTH, _HEIGHT = 320, 180
_AMPLITUDE = 0.3 * 32767


def send(url: str, token: str, seconds: float, *, video: bool) -> int:
    """The number of sound frames that were sent. Raises av.FFmpegError when the gateway refuses or
    hangs up."""
    with (
        tempfile.TemporaryDirectory() as folder,
        av.open(url, "w", format="whip", options=_options(token, Path(folder))) as output,
    ):
        # The picture first, as encoders have it.
        picture = _add_picture(output) if video else None
        sound = output.add_stream("libopus", rate=RATE_HZ, layout="stereo")
        sound.codec_context.bit_rate = 64_000
        began_s = time.monotonic()
        frames = int(seconds * RATE_HZ / FRAME_SAMPLES)
        for number in range(frames):
            time.sleep(max(0.0, began_s + number * FRAME_SAMPLES / RATE_HZ - time.monotonic()))
            output.mux(sound.encode(_tone(number)))
            is_due = number * FRAME_SAMPLES * FRAMES_PER_S % RATE_HZ < FRAME_SAMPLES * FRAMES_PER_S
            if picture is not None and is_due:
                output.mux(picture.encode(_grey(number * FRAME_SAMPLES * FRAMES_PER_S // RATE_HZ)))
        return frames


def _options(token: str, folder: Path) -> dict[str, str]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=encoder"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return {
        "authorization": token,
        "cert_file": str(certificate),
        "key_file": str(key),
        # A second by default: little, beside other work.
        "handshake_timeout": "20000",
    }


def _add_picture(output: OutputContainer) -> av.VideoStream:
    stream = output.add_stream("libx264", rate=FRAMES_PER_S)
    stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
    stream.options = {
        "profile": "baseline",
        "tune": "zerolatency",
        "preset": "ultrafast",
        "g": "25",
    }
    return stream


def _tone(number: int) -> av.AudioFrame:
    at = np.arange(number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES)
    samples = (_AMPLITUDE * np.sin(2 * np.pi * 440 * at / RATE_HZ)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(
        np.repeat(samples, 2)[None, :], format="s16", layout="stereo"
    )
    frame.sample_rate, frame.pts = RATE_HZ, number * FRAME_SAMPLES
    frame.time_base = Fraction(1, RATE_HZ)
    return frame


def _grey(number: int) -> av.VideoFrame:
    planes = np.full((_HEIGHT * 3 // 2, _WIDTH), (number * 5) % 256, np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_S)
    return frame


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("token")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--video", action="store_true")
    options = parser.parse_args()
    try:
        sent = send(options.url, options.token, options.seconds, video=options.video)
    except av.FFmpegError as error:
        sys.exit(f"the encoder ended: {error}")
    sys.stdout.write(f"sent {sent} frames of sound\n")


if __name__ == "__main__":
    main()
