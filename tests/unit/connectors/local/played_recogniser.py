"""A recogniser process for tests: it hangs, or answers each chunk after a fifth of a second."""

from __future__ import annotations

import socket
import sys
import threading
import time

from connectors.interfaces.speech_to_text import Recognition
from connectors.offline.decoder_process import (
    LENGTH,
    READY,
    STREAM_REQUEST,
    encode_result,
    frame,
)

RATE_HZ = 16_000


def serve(stream: socket.socket) -> None:
    stream.sendall(frame(READY))
    if sys.argv[2] == "hangs":
        time.sleep(60)
    incoming = stream.makefile("rb")
    samples = 0
    while header := incoming.read(LENGTH.size):
        content = incoming.read(LENGTH.unpack(header)[0])
        samples += len(content) // 2
        if samples % (RATE_HZ // 2) == 0:
            time.sleep(0.2)
            stream.sendall(frame(encode_result(Recognition((), not content, samples / RATE_HZ))))


if __name__ == "__main__":
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, STREAM_REQUEST.size, 1)
        if not request:
            break
        connection = socket.socket(fileno=descriptors[0])
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
