"""A WebSocket client that costs next to nothing, so that the load does not measure itself.

It speaks what the gateway speaks: whole frames, no extensions. Its mask is zero, which the
protocol's wire allows and which leaves the work of unmasking to the server as ever.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

_FINAL = 0x80
_TEXT, _BINARY, _CLOSE = 0x1, 0x2, 0x8
_NO_MASK = bytes(4)
_LENGTH_16, _LENGTH_64 = 126, 127


class HandshakeRefusedError(Exception):
    """The server did not switch to WebSocket."""


def client_head(opcode: int, length: int) -> bytes:
    """The head of a client's frame of ``length`` bytes."""
    first = _FINAL | opcode
    if length < _LENGTH_16:
        return bytes((first, _FINAL | length)) + _NO_MASK
    if length < 2**16:
        return struct.pack(">BBH", first, _FINAL | _LENGTH_16, length) + _NO_MASK
    return struct.pack(">BBQ", first, _FINAL | _LENGTH_64, length) + _NO_MASK


def take_frame(data: bytearray) -> tuple[int, bytes] | None:
    """Cut a server's frame off the front: (opcode, payload); None: it is not all there."""
    if len(data) < 2:
        return None
    start, length = 2, data[1] & 0x7F
    if length == _LENGTH_16:
        if len(data) < 4:
            return None
        start, length = 4, int.from_bytes(data[2:4], "big")
    elif length == _LENGTH_64:
        if len(data) < 10:
            return None
        start, length = 10, int.from_bytes(data[2:10], "big")
    if len(data) < start + length:
        return None
    frame = data[0] & 0x0F, bytes(data[start : start + length])
    del data[: start + length]
    return frame


class LightSocket(asyncio.Protocol):
    """``on_text`` gets every text frame; ``closed`` says that the server, or the way, ended it."""

    def __init__(self) -> None:
        self.on_text: Callable[[bytes], None] = lambda _text: None
        self.closed = False
        self.close_code: int | None = None
        self._transport: asyncio.Transport
        self._data = bytearray()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handshaken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self._opened.done():
            self._opened.set_exception(HandshakeRefusedError("closed in the handshake"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._handshaken:
            head, separator, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._opened.set_exception(HandshakeRefusedError(head[:60].decode()))
                return
            self._handshaken = True
            self._data = bytearray(rest)
            self._opened.set_result(None)
        while (frame := take_frame(self._data)) is not None:
            opcode, payload = frame
            if opcode == _TEXT:
                self.on_text(payload)
            elif opcode == _CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self._transport.close()

    def send_text(self, text: bytes) -> None:
        self._transport.write(client_head(_TEXT, len(text)) + text)

    def send_binary(self, payload: bytes) -> None:
        self._transport.write(client_head(_BINARY, len(payload)) + payload)

    def close(self) -> None:
        """Leave without a closing handshake."""
        self.closed = True
        self._transport.abort()

    async def handshake(self, url: str, subprotocols: Sequence[str]) -> None:
        """Raises HandshakeRefusedError."""
        address = urlsplit(url)
        lines = [
            f"GET {address.path or '/'} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            *([f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []),
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())
        await self._opened


async def open_socket(url: str, subprotocols: Sequence[str] = ()) -> LightSocket:
    """``url``: ``ws://host:port/path``. Raises HandshakeRefusedError, OSError."""
    address = urlsplit(url)
    _, socket = await asyncio.get_running_loop().create_connection(
        LightSocket, address.hostname or "127.0.0.1", address.port or 80
    )
    await socket.handshake(url, subprotocols)
    return socket
