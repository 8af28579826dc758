"""The process that holds Moonshine and serves all streams in turn.

``python -m connectors.local.recognition_process FD FOLDER STEPS`` is started with one end of a
SOCK_SEQPACKET pair and speaks as ``offline_decoder_process`` does: a message on FD carries a
stream's socket and its ``report_every_s``; on a stream's socket both sides write frames.

One thread serves everybody: a decoding uses all cores by itself. The turn goes to the stream that
has waited longest since its last one, and takes ``report_every_s`` of its audio. A stream that is
behind takes up to STEPS times as much at once and is decoded once for it: fewer decodings of the
same speech, so that lag is made up for rather than kept. A worker that reads no results loses its
stream.
"""

from __future__ import annotations

import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from connectors.local.moonshine import SAMPLE_RATE_HZ, Moonshine, RenewedStream
from connectors.offline.decoder_process import (
    LENGTH,
    READY,
    STREAM_REQUEST,
    encode_result,
    frame,
)

_READ_BYTES = 1 << 16
_WAITING_S = 2.0
"""Audio that is read ahead of a stream's turn; the rest waits in its socket."""
_UNREAD_BYTES = 1 << 20


@dataclass(slots=True)
class ServedStream:
    """A stream's socket, what came from it, and its recogniser."""

    connection: socket.socket
    recogniser: RenewedStream
    report_every_s: float
    most_steps: int
    pcm: bytearray = field(default_factory=bytearray)
    is_finished: bool = False
    is_answered: bool = False
    is_gone: bool = False
    _partial: bytearray = field(default_factory=bytearray)
    _unsent: bytearray = field(default_factory=bytearray)

    @property
    def _step_bytes(self) -> int:
        return int(self.report_every_s * SAMPLE_RATE_HZ) * 2

    @property
    def is_due(self) -> bool:
        waits = self.is_finished or len(self.pcm) >= self._step_bytes
        return waits and not (self.is_answered or self.is_gone)

    @property
    def is_over(self) -> bool:
        return self.is_gone or (self.is_answered and not self._unsent)

    @property
    def wants_audio(self) -> bool:
        return not self.is_finished and len(self.pcm) < _WAITING_S * SAMPLE_RATE_HZ * 2

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> None:
        try:
            data = self.connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.is_gone = True  # the worker closed it, or died
            return
        self._partial += data
        while len(self._partial) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._partial)
            if len(self._partial) < LENGTH.size + length:
                return
            content = self._partial[LENGTH.size : LENGTH.size + length]
            del self._partial[: LENGTH.size + length]
            self.pcm += content
            self.is_finished = self.is_finished or not content

    def take_turn(self) -> None:
        """Decode the audio that is due; at the end what is left of it, for the last result."""
        if len(self.pcm) >= self._step_bytes:
            steps = min(len(self.pcm) // self._step_bytes, self.most_steps)
            taken = bytes(self.pcm[: steps * self._step_bytes])
            del self.pcm[: len(taken)]
            for result in self.recogniser.feed(taken, self.report_every_s):
                self.send(frame(encode_result(result)))
            return
        for result in self.recogniser.finish(bytes(self.pcm)):
            self.send(frame(encode_result(result)))
        self.is_answered = True

    def send(self, data: bytes = b"") -> None:
        self._unsent += data
        try:
            while self._unsent:
                del self._unsent[: self.connection.send(self._unsent)]
        except BlockingIOError:
            self.is_gone = self.is_gone or len(self._unsent) > _UNREAD_BYTES
        except ConnectionError:
            self.is_gone = True

    def close(self) -> None:
        self.recogniser.close()
        self.connection.close()


class RecognitionServer:
    """The streams and whose turn it is. ``open_recogniser`` makes what decodes a stream."""

    def __init__(
        self, control: socket.socket, open_recogniser: Callable[[], RenewedStream], most_steps: int
    ) -> None:
        self._control = control
        self._open_recogniser = open_recogniser
        self._most_steps = most_steps
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._streams: deque[ServedStream] = deque()
        """The stream that waited longest since its last turn comes first."""

    def serve(self) -> None:
        """Until the worker closes its end of ``control``."""
        while True:
            wait_s = 0 if any(stream.is_due for stream in self._streams) else None
            for key, events in self._selector.select(wait_s):
                if key.fileobj is self._control:
                    if not self._accept():
                        return
                    continue
                stream: ServedStream = key.data
                if events & selectors.EVENT_READ:
                    stream.receive()
                if events & selectors.EVENT_WRITE:
                    stream.send()
            self._give_turn()
            for stream in tuple(self._streams):
                self._look_after(stream)

    def _accept(self) -> bool:
        request, descriptors, _, _ = socket.recv_fds(self._control, STREAM_REQUEST.size, 1)
        if not request:
            return False
        (report_every_s,) = STREAM_REQUEST.unpack(request)
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        stream = ServedStream(connection, self._open_recogniser(), report_every_s, self._most_steps)
        stream.send(frame(READY))
        self._streams.append(stream)
        self._selector.register(connection, selectors.EVENT_READ, stream)
        return True

    def _give_turn(self) -> None:
        due = next((stream for stream in self._streams if stream.is_due), None)
        if due is not None:
            self._streams.remove(due)
            self._streams.append(due)
            due.take_turn()

    def _look_after(self, stream: ServedStream) -> None:
        if stream.is_over:
            if stream.connection in self._selector.get_map():
                self._selector.unregister(stream.connection)
            self._streams.remove(stream)
            stream.close()
            return
        wanted = (selectors.EVENT_READ if stream.wants_audio else 0) | (
            selectors.EVENT_WRITE if stream.has_unsent else 0
        )
        registered = self._selector.get_map().get(stream.connection)
        if registered is not None and registered.events != wanted:
            self._selector.unregister(stream.connection)
            registered = None
        if registered is None and wanted:
            self._selector.register(stream.connection, wanted, stream)


def main(control: socket.socket, folder: Path, most_steps: int) -> None:
    # Ctrl-C reaches every process of a terminal; when to end is the worker's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model = Moonshine(folder)
    RecognitionServer(control, lambda: RenewedStream(model), most_steps).serve()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]))
