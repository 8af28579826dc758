"""The WebSocket endpoint: a thin shell around a conversation.

Litestar's own ``receive_text``/``receive_bytes`` want to know which kind of frame comes next and
turn one of the other kind into an empty one; a speaker sends both. So frames are taken as ASGI
messages. uvicorn runs its ``websockets-sansio`` protocol: it stops reading the socket until a
frame is taken, which is the backpressure that speakers feel. Its keepalive pings are off, since
a pong behind unread audio would be late; the protocol's heartbeats serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from litestar import WebSocket, websocket

from ingest_gateway.auth import SUBPROTOCOL, Identity, InvalidTokenError, presented_token
from ingest_gateway.callers import ItsGateway
from ingest_gateway.conversation import Conversation
from ingest_gateway.gateway import Gateway
from ingest_gateway.hub import Connection, Peer
from ingest_gateway.messages import ErrorMessage
from ingest_gateway.session_ids import new_connection_id
from ingest_gateway.sweeper import CLOSE_SILENT

AnySocket = WebSocket[Any, Any, Any]
CLOSE_UNAUTHORIZED = 4401

_log = logging.getLogger(__name__)


class _Outgoing:
    def __init__(self, socket: AnySocket) -> None:
        self._socket = socket

    async def send_text(self, data: str) -> None:
        await self._socket.send({"type": "websocket.send", "bytes": None, "text": data})

    async def close(self, code: int, reason: str | None) -> None:
        await self._socket.close(code, reason)


@websocket(["/", "/ws"])
async def talk_and_listen(socket: AnySocket, gateway: ItsGateway) -> None:
    offered: list[str] = list(socket.scope.get("subprotocols", []))
    await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    identity, problem = _identify(socket, gateway, offered)
    now_ms = gateway.needs.now_ms()
    connection = Connection(
        connection_id=new_connection_id(),
        peer=Peer(
            address=socket.client.host if socket.client else "unknown",
            user_agent=socket.headers.get("user-agent", ""),
            identity=identity,
        ),
        socket=_Outgoing(socket),
        connected_at_ms=now_ms,
        outbox_limit_bytes=gateway.needs.limits.outbox_bytes_per_connection,
        last_active_at_ms=now_ms,
    )
    if problem is not None:
        connection.send(ErrorMessage(code="UNAUTHORIZED", message=problem))
        connection.close(CLOSE_UNAUTHORIZED, "UNAUTHORIZED")
    conversation = gateway.conversation(connection)
    gateway.hub.add(connection)
    reading = asyncio.create_task(_read(socket, conversation, connection, gateway), name="read")
    writing = asyncio.create_task(connection.write(), name="write")
    try:
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, writing):
            task.cancel()
        results = await asyncio.gather(reading, writing, return_exceptions=True)
        gateway.hub.drop(connection)
        await conversation.closed()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, TimeoutError):
                _log.debug("connection %s: %r", connection.connection_id, result)


async def _read(
    socket: AnySocket, conversation: Conversation, connection: Connection, gateway: Gateway
) -> None:
    """Until the client goes away or says nothing, not even a heartbeat, for too long."""
    timeout_s = gateway.needs.limits.heartbeat_timeout_ms / 1000
    while True:
        try:
            async with asyncio.timeout(timeout_s):
                message = await socket.receive()
        except TimeoutError:
            connection.close(CLOSE_SILENT, "no heartbeat")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.Event().wait()  # the writer ends this when it has closed
            return
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] != "websocket.receive" or connection.closing is not None:
            continue
        text = message.get("text")
        data = message.get("bytes")
        frame = text if text is not None else data or b""
        try:
            await conversation.receive(frame)
        except Exception:  # a fault of ours: this client is told, its neighbours notice nothing
            _log.exception("connection %s: a frame could not be handled", connection.connection_id)
            connection.send(ErrorMessage(code="INTERNAL", message="this frame failed: try again"))


def _identify(
    socket: AnySocket, gateway: Gateway, offered: list[str]
) -> tuple[Identity | None, str | None]:
    token = presented_token(socket.headers, socket.query_params, offered)
    if token is None:
        return None, None
    try:
        return gateway.needs.verifier.verify(token), None
    except InvalidTokenError as error:
        return None, str(error)
