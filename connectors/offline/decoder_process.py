"""The process that holds pocketsphinx' model and forks a decoder for each stream.

pocketsphinx keeps Python's global lock while it decodes, so it lives outside the worker. The model
is loaded once, here, in a process with one thread: that is what makes forking it sound, and a
stream costs milliseconds and only the memory pages that its own search writes.

``python -m connectors.offline.decoder_process FD`` is started with one end of a SOCK_SEQPACKET
pair. A message there carries a stream's socket and its ``report_every_s``. On a stream's socket
both sides write frames: length (u32, big endian), then the content. The worker writes PCM, and an
empty frame for "no more"; the decoder writes READY, then one frame a result.

Everything ends by end-of-file, so nothing outlives a worker that was killed: its sockets close,
this process ends at its next receive and a decoder at its next read or write. A decoder does not
need this process any more once it runs.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import sys
from typing import BinaryIO, cast

from connectors.interfaces.speech_to_text import Recognition, Word

SAMPLE_RATE_HZ = 16_000
READY = b"ready"
LENGTH = struct.Struct(">I")
STREAM_REQUEST = struct.Struct(">d")


def frame(content: bytes) -> bytes:
    return LENGTH.pack(len(content)) + content


def encode_result(result: Recognition) -> bytes:
    words = [(word.text, word.start_s, word.end_s, word.is_stable) for word in result.words]
    return json.dumps((result.is_final, result.through_s, words)).encode()


def decode_result(content: bytes) -> Recognition:
    is_final, through_s, words = cast(
        "tuple[bool, float, list[tuple[str, float, float, bool]]]", json.loads(content)
    )
    return Recognition(tuple(Word(*word) for word in words), is_final, through_s)


def main(control: socket.socket) -> None:
    # Only this process needs pocketsphinx; the worker imports the module for its frames.
    from pocketsphinx import Decoder

    # Ctrl-C reaches every process of a terminal; when to end is the worker's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps ended decoders
    # Without the second pass (fwdflat) the final words are those that the partial results
    # promised, and the work is spread evenly: docs/decisions, offline speech to text.
    decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", fwdflat=False)
    gc.collect()
    gc.freeze()  # a collection in a decoder would write to, and so copy, every shared page
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, STREAM_REQUEST.size, 1)
        if not request:
            return
        if os.fork() == 0:
            _serve_and_exit(control, decoder, request, descriptors[0])
        os.close(descriptors[0])


def _serve_and_exit(
    control: socket.socket, decoder: object, request: bytes, descriptor: int
) -> None:
    """In the forked child, which must never return into its parent's code."""
    try:
        control.close()
        (report_every_s,) = STREAM_REQUEST.unpack(request)
        with socket.socket(fileno=descriptor) as stream:
            _serve(stream, decoder, report_every_s)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the stream was closed
    finally:
        os._exit(0)


def _serve(stream: socket.socket, decoder: object, report_every_s: float) -> None:
    from pocketsphinx import Vad

    from connectors.offline.decoder import Decoder, StreamingRecogniser, VoiceDetector

    recogniser = StreamingRecogniser(
        cast("Decoder", decoder), cast("VoiceDetector", Vad()), SAMPLE_RATE_HZ, report_every_s
    )
    incoming = stream.makefile("rb")
    stream.sendall(frame(READY))
    while (pcm := _read(incoming)) is not None:
        for result in recogniser.feed(pcm) if pcm else recogniser.finish():
            stream.sendall(frame(encode_result(result)))
        if not pcm:
            return


def _read(incoming: BinaryIO) -> bytes | None:
    header = incoming.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    content = incoming.read(length)
    return content if len(content) == length else None


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
