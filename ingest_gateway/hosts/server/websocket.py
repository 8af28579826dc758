"""The WebSocket endpoint: a thin shell around a conversation.

Litestar's own ``receive_text``/``receive_bytes`` want to know which kind of frame comes next and
turn one of the other kind into an empty one; a speaker sends both. So frames are taken as ASGI
messages. uvicorn runs its ``websockets-sansio`` protocol: it stops reading the socket until a
frame is taken, which is the backpressure that speakers feel. Its keepalive pings are off, since
a pong behind unread audio would be late; the protocol's heartbeats serve.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from litestar import WebSocket, websocket

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.access.admission import identify
from ingest_gateway.access.auth import SUBPROTOCOL, Identity, InvalidTokenError, presented_ticket
from ingest_gateway.gateway import Gateway
from ingest_gateway.hosts.server.guarded_protocols import CLOSE_ABNORMAL, SEAT, SocketSeat
from ingest_gateway.hosts.server.stall_timeout import StallTimeout
from ingest_gateway.protocol.messages import ErrorMessage
from ingest_gateway.routes.callers import ItsGateway
from ingest_gateway.sessions.conversation import Conversation
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.ids import new_connection_id
from ingest_gateway.sessions.sweeper import CLOSE_SILENT

AnySocket = WebSocket[Any, Any, Any]
CLOSE_UNAUTHORIZED = 4401
CLOSE_LATER = 1013
_SAID_GOODBYE = frozenset({1000, 1001, 1005})
"""What a client closes with that wants to: a page that is left, a program that ends."""
FULL_RETRY_MS = 10_000
MESSAGES_AT_A_STRETCH = 8
STUCK_S = 20.0
"""One message takes no longer to leave; a listener that far behind is cut off."""
_CLOSING_S = 1.0

_log = logging.getLogger(__name__)


class _Outgoing:
    """``stuck``: its owner can end the writing; it watches every message leave."""

    stuck: StallTimeout

    def __init__(self, socket: AnySocket) -> None:
        self._socket = socket

    async def send_text(self, data: str) -> None:
        self.stuck.begin()
        await self._socket.send({"type": "websocket.send", "bytes": None, "text": data})
        self.stuck.end()

    async def close(self, code: int, reason: str | None) -> None:
        await self._socket.close(code, reason)


@websocket(["/", "/ws"])
async def talk_and_listen(socket: AnySocket, gateway: ItsGateway) -> None:
    offered: list[str] = list(socket.scope.get("subprotocols", []))
    await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    identity, problem = await _identify(socket, gateway, offered)
    now_ms = gateway.needs.now_ms()
    outgoing = _Outgoing(socket)
    connection = Connection(
        connection_id=new_connection_id(),
        peer=Peer(
            address=socket.client.host if socket.client else "unknown",
            user_agent=socket.headers.get("user-agent", ""),
            identity=identity,
        ),
        socket=outgoing,
        connected_at_ms=now_ms,
        outbox_limit_bytes=gateway.needs.limits.outbox_bytes_per_connection,
        last_active_at_ms=now_ms,
    )
    extensions: dict[str, Any] = cast("Any", socket.scope).get("extensions") or {}
    seat: SocketSeat | None = extensions.get(SEAT)
    if seat is not None and identity is not None:
        seat.settle()
    elif seat is not None and problem is None and not seat.has_room_for_guest():
        gateway.security.report("no_room", address=connection.peer.address)
        problem = ErrorMessage(
            code="RATE_LIMITED",
            message="this gateway has no room for more guests: try again",
            retry_after_ms=FULL_RETRY_MS,
        )
    if problem is not None:
        connection.send(problem)
        unauthorized = problem.code == "UNAUTHORIZED"
        connection.close(CLOSE_UNAUTHORIZED if unauthorized else CLOSE_LATER, problem.code)
    conversation = gateway.conversation(connection)
    gateway.hub.add(connection)
    silence = StallTimeout(
        gateway.needs.limits.heartbeat_timeout_ms / 1000, lambda: _hang_up(connection, reading)
    )
    reading = asyncio.create_task(
        _read(socket, conversation, connection, silence, seat), name="read"
    )
    writing = asyncio.create_task(connection.write(), name="write")
    outgoing.stuck = StallTimeout(STUCK_S, writing.cancel)
    try:
        with silence.watching(), outgoing.stuck.watching():
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, writing):
            task.cancel()
        results = await asyncio.gather(reading, writing, return_exceptions=True)
        gateway.hub.drop(connection)
        await conversation.closed(is_lost=_is_lost(connection, results[0]))
        for result in results:
            if isinstance(result, Exception):
                _log.debug("connection %s: %r", connection.connection_id, result)


def _is_lost(connection: Connection, read: int | BaseException) -> bool:
    """Whether the client may come back: it did not close its socket, and nobody sent it away.
    ``read``: what reading came to."""
    if connection.closing is not None and connection.closing[0] != CLOSE_SILENT:
        return False
    return read not in _SAID_GOODBYE


def _hang_up(connection: Connection, reading: asyncio.Task[int]) -> None:
    """It said nothing, not even a heartbeat, for too long: tell it, but wait for it no more."""
    connection.close(CLOSE_SILENT, "no heartbeat")
    asyncio.get_running_loop().call_later(_CLOSING_S, reading.cancel)


async def _read(
    socket: AnySocket,
    conversation: Conversation,
    connection: Connection,
    silence: StallTimeout,
    seat: SocketSeat | None,
) -> int:
    """Until the client goes away; the code that it closes with. Silence is what a client does, not
    our own slowness with it. Messages that are there already are taken without waiting, so others
    get their turn between."""
    taken = 0
    while True:
        taken += 1
        if taken % MESSAGES_AT_A_STRETCH == 0:
            await asyncio.sleep(0)
        silence.begin()
        message = await socket.receive()
        silence.end()
        if message["type"] == "websocket.disconnect":
            return message.get("code", CLOSE_ABNORMAL)
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
        has_joined = conversation.protocol.role is not None or connection.room_id is not None
        if seat is not None and has_joined:
            seat.settle()
            seat = None


async def _identify(
    socket: AnySocket, gateway: Gateway, offered: list[str]
) -> tuple[Identity | None, ErrorMessage | None]:
    """Who it is (None: a guest), or what it is told instead."""
    try:
        identity = await identify(
            gateway.verifier,
            gateway.tickets,
            headers=socket.headers,
            query=socket.query_params,
            subprotocols=offered,
        )
    except InvalidTokenError as error:
        is_ticket = presented_ticket(socket.query_params, offered) is not None
        gateway.security.report(
            "ticket_refused" if is_ticket else "token_refused",
            address=socket.client.host if socket.client else "unknown",
        )
        return None, ErrorMessage(code="UNAUTHORIZED", message=str(error))
    except ConnectorError as error:
        _log.warning("a speaker could not be identified: %s", error)
        return None, ErrorMessage(code="INTERNAL", message="a service does not answer: try again")
    return identity, None
