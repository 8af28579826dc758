"""A WebSocket that is opened again when it breaks, with heartbeats and typed messages."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from ingest_gateway.access.auth import SUBPROTOCOL, TOKEN_SUBPROTOCOL
from ingest_gateway.client.account import GatewayRefusedError, socket_url
from ingest_gateway.client.reports import ReceivedMessage

HEARTBEAT_S = 20.0
UNREACHABLE_S = 60.0
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 3.0
_REFUSED_FOR_GOOD = frozenset(
    {"UNAUTHORIZED", "FORBIDDEN", "NO_SESSION", "SESSION_ENDED", "SPEAKER_TAKEN", "BAD_LANGUAGE"}
)

BROKEN = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)
"""What a connection that may be opened again raises."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class GatewayConnection:
    """One open connection. ``on_message`` sees everything that comes in."""

    def __init__(
        self, socket: ClientConnection, on_message: Callable[[ReceivedMessage], None] | None
    ) -> None:
        self._socket = socket
        self._on_message = on_message

    async def send(self, action: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"action": action, **fields}))

    async def send_binary(self, frame: bytes) -> None:
        await self._socket.send(frame)

    async def receive(self) -> ReceivedMessage:
        text = await self._socket.recv()
        fields: dict[str, Any] = json.loads(text)
        message = ReceivedMessage(now_ms(), str(fields.get("type", "")), fields)
        if self._on_message is not None:
            self._on_message(message)
        return message

    async def expect(self, kind: str) -> ReceivedMessage:
        """The next message of this type. GatewayRefusedError: an error came instead."""
        while True:
            message = await self.receive()
            if message.type == kind:
                return message
            if message.type == "error":
                raise GatewayRefusedError(
                    str(message.fields.get("code")), str(message.fields.get("message"))
                )

    async def beat(self) -> None:
        """Heartbeats until cancelled or broken."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.send("heartbeat")


@asynccontextmanager
async def open_connection(
    url: str, token: str | None, on_message: Callable[[ReceivedMessage], None] | None
) -> AsyncGenerator[GatewayConnection, None]:
    subprotocols = [Subprotocol(SUBPROTOCOL)]
    if token is not None:
        subprotocols.append(Subprotocol(TOKEN_SUBPROTOCOL + token))
    async with connect(
        socket_url(url),
        subprotocols=subprotocols,
        compression=None,
        max_size=4 * 1024 * 1024,
        ping_interval=None,
        close_timeout=2,
        open_timeout=10,
        proxy=None,
    ) as socket:
        yield GatewayConnection(socket, on_message)


class Reconnect:
    """How long to wait before the next attempt, and when to give up."""

    def __init__(self) -> None:
        self.attempts = 0
        self._failing_since_s: float | None = None
        self._wait_s = _FIRST_WAIT_S

    def connected(self) -> None:
        self._failing_since_s = None
        self._wait_s = _FIRST_WAIT_S

    async def failed(self, error: BaseException) -> None:
        """Wait; raises ``error`` when the gateway has been out of reach for too long."""
        self.attempts += 1
        now_s = asyncio.get_running_loop().time()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        elif now_s - self._failing_since_s > UNREACHABLE_S:
            raise error
        await asyncio.sleep(self._wait_s * (0.5 + random.random() / 2))  # noqa: S311 - spreads load
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)


def is_final(error: GatewayRefusedError) -> bool:
    return error.code in _REFUSED_FOR_GOOD
