"""Amazon Transcribe Streaming on this machine: HTTP/2 over TLS on 127.0.0.1.

``amazon-transcribe`` runs against it unchanged, given ``StaticEndpointResolver(url)`` and the test
authority's certificate. Behind it stands any ``SpeechToText``.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError

from connectors.interfaces.speech_to_text import SpeechToText
from local_stack.amazon_servers.certificates import Certificates, make_certificates
from local_stack.amazon_servers.signatures import (
    BadSignatureError,
    EventChain,
    SignedRequest,
    check_request,
)
from local_stack.amazon_servers.transcribe_stream import Ending, ObservedStream, TranscribeStream

_PREFIX = "x-amzn-transcribe-"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The ``stream``-th request (from 1) is answered with this instead of a stream."""

    stream: int
    code: str
    status: int


@dataclass(frozen=True, slots=True)
class TranscribeScript:
    """``punctuation``: a mark behind every word, as an item of its own. ``is_silent``: no request
    is ever answered."""

    idle_close_s: float = 15.0
    refusals: tuple[Refusal, ...] = ()
    endings: tuple[Ending, ...] = ()
    punctuation: str = ""
    is_silent: bool = False


class TranscribeServer:
    def __init__(self, engine: SpeechToText, script: TranscribeScript | None = None) -> None:
        self._engine = engine
        self.script = script or TranscribeScript()
        self.streams: list[ObservedStream] = []
        self.requests = 0
        self.open_streams = 0
        self.most_open_streams = 0
        self._certificates: Certificates | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, folder: Path) -> None:
        """``folder`` takes the certificates."""
        self._certificates = make_certificates(folder)
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self._certificates.server_context()
        )

    async def left_by_all(self) -> None:
        """Wait until no client holds a connection."""
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"https://localhost:{self._server.sockets[0].getsockname()[1]}"

    @property
    def ca_file(self) -> str:
        assert self._certificates is not None
        return str(self._certificates.ca_file)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._engine.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await _Connection(self, self._engine, reader, writer).run()
        except (ConnectionError, ProtocolError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            self._connections.discard(task)
            writer.transport.abort()


class _Connection:
    def __init__(
        self,
        server: TranscribeServer,
        engine: SpeechToText,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._engine = engine
        self._reader = reader
        self._writer = writer
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, TranscribeStream] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._window = asyncio.Event()

    async def run(self) -> None:
        self._http.initiate_connection()
        await self._flush()
        try:
            while data := await self._reader.read(65_536):
                for event in self._http.receive_data(data):
                    match event:
                        case RequestReceived():
                            await self._open(event)
                        case DataReceived():
                            self._receive(event)
                        case StreamEnded() | StreamReset():
                            if isinstance(event, StreamReset):
                                self._stop(event.stream_id)
                        case WindowUpdated():
                            self._window.set()
                        case ConnectionTerminated():
                            return
                        case _:
                            pass
                await self._flush()
        finally:
            for stream_id in tuple(self._running):
                self._stop(stream_id)

    async def _open(self, event: RequestReceived) -> None:
        server, script = self._server, self._server.script
        assert event.stream_id is not None
        headers = {str(name): str(value) for name, value in event.headers or ()}
        headers["host"] = headers.get(":authority", headers.get("host", ""))
        server.requests += 1
        if script.is_silent:
            return
        path = headers[":path"]
        try:
            request = SignedRequest(headers[":method"], path, headers)
            chain = EventChain(check_request(request, "transcribe"), "transcribe")
        except BadSignatureError as error:
            await self._refuse(event.stream_id, "InvalidSignatureException", 403, str(error))
            return
        refusal = next((one for one in script.refusals if one.stream == server.requests), None)
        if refusal is not None:
            await self._refuse(event.stream_id, refusal.code, refusal.status, "scripted")
            return
        wrong = _what_is_wrong(path, headers)
        if wrong:
            await self._refuse(event.stream_id, "BadRequestException", 400, wrong)
            return
        heard = ObservedStream(server.requests, headers)
        server.streams.append(heard)
        await self._start(event.stream_id, heard, chain)

    async def _start(self, stream_id: int, heard: ObservedStream, chain: EventChain) -> None:
        script = self._server.script
        echoed = [(k, v) for k, v in heard.request.items() if k.startswith(_PREFIX)]
        self._http.send_headers(
            stream_id,
            [
                (":status", "200"),
                ("content-type", "application/vnd.amazon.eventstream"),
                ("x-amzn-request-id", f"request-{heard.number}"),
                *echoed,
            ],
        )
        locale = heard.request.get(f"{_PREFIX}language-code") or heard.request.get(
            f"{_PREFIX}language-options", ""
        )
        engine = await self._engine.open(
            locale[:2], sample_rate_hz=int(heard.request[f"{_PREFIX}sample-rate"])
        )

        async def send(data: bytes, is_last: bool) -> None:
            await self._send(stream_id, data, is_last)

        stream = TranscribeStream(
            heard,
            chain,
            engine,
            send,
            self._writer.transport.abort,
            idle_close_s=script.idle_close_s,
            ending=next((one for one in script.endings if one.stream == heard.number), None),
            punctuation=script.punctuation,
        )

        async def run() -> None:
            self._server.open_streams += 1
            self._server.most_open_streams = max(
                self._server.most_open_streams, self._server.open_streams
            )
            try:
                await stream.run()
            finally:
                self._server.open_streams -= 1
                await engine.close()

        self._streams[stream_id] = stream
        self._running[stream_id] = asyncio.create_task(run())

    def _receive(self, event: DataReceived) -> None:
        assert event.stream_id is not None
        self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is None or not event.data:
            return
        try:
            stream.receive(event.data)
        except (BadSignatureError, AssertionError) as error:
            heard = self._server.streams[-1]
            heard.error = str(error)
            self._writer.transport.abort()

    def _stop(self, stream_id: int) -> None:
        self._streams.pop(stream_id, None)
        task = self._running.pop(stream_id, None)
        if task is not None:
            task.cancel()

    async def _refuse(self, stream_id: int, code: str, status: int, text: str) -> None:
        body = json.dumps({"Message": text}).encode()
        headers = [(":status", str(status)), ("x-amzn-errortype", f"{code}:")]
        self._http.send_headers(stream_id, headers)
        await self._send(stream_id, body, is_last=True)

    async def _send(self, stream_id: int, data: bytes, is_last: bool) -> None:
        while len(data) > self._http.local_flow_control_window(stream_id):
            self._window.clear()
            await self._window.wait()
        longest = self._http.max_outbound_frame_size
        while len(data) > longest:
            self._http.send_data(stream_id, data[:longest])
            data = data[longest:]
        self._http.send_data(stream_id, data, end_stream=is_last)
        if is_last:
            with suppress(StreamClosedError):  # the client has ended its side already
                self._http.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        await self._flush()

    async def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())
        await self._writer.drain()


def _what_is_wrong(path: str, headers: dict[str, str]) -> str:
    if path != "/stream-transcription":
        return f"no such operation: {path}"
    if headers.get(f"{_PREFIX}media-encoding") != "pcm":
        return "the media encoding is not pcm"
    options = headers.get(f"{_PREFIX}language-options", "").split(",")
    identify = headers.get(f"{_PREFIX}identify-language") == "True"
    if identify == (f"{_PREFIX}language-code" in headers):
        return "either a language code or identification"
    if identify and len(options) < 2:
        return "identification needs at least two language options"
    return ""
