"""uvicorn's protocols with a budget: HTTP/1.1 by h11, WebSockets by websockets' own state machine.

What a connection sends is measured before it is parsed. The application says when a peer has shown
a token or has joined, through ``SocketSeat`` in the scope's extensions.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ingest_gateway.hosts.server.frame_meter import FrameMeter
from ingest_gateway.protocol.limits import TokenBucket

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from websockets.http11 import Request

    from ingest_gateway.hosts.server.guard import Guard, GuardLimits
    from ingest_gateway.operations.security_events import EventKind

CLOSE_ABNORMAL, CLOSE_NO_UTF8 = 1006, 1007
SEAT = "live-translation.seat"
"""The scope's extension."""


class SocketSeat:
    """What the application tells the guard of its WebSocket."""

    def __init__(self, guard: Guard, protocol: GuardedWebSocket) -> None:
        self._guard = guard
        self._protocol = protocol

    def has_room_for_guest(self) -> bool:
        return self._guard.has_room_for_guest()

    def settle(self) -> None:
        """It has shown a token, or has joined: it stays, and may send whole messages."""
        self._protocol.is_settled = True
        self._guard.is_settled(self._protocol)


class _WatchesReading(asyncio.Protocol):
    """Knows since when its peer takes nothing of what is sent to it. A transport that is closed
    waits for that, too, and a peer with its window shut has us wait for ever."""

    _guard: Guard
    _unread_since_s: float | None = None

    def pause_writing(self) -> None:
        self._unread_begins()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since_s = None
        super().resume_writing()

    def _unread_begins(self) -> None:
        if self._unread_since_s is None:
            self._unread_since_s = self._guard.now_s()

    def _is_unread_too_long(self, now_s: float, limits: GuardLimits) -> bool:
        since_s = self._unread_since_s
        return since_s is not None and now_s - since_s > limits.unread_s


class GuardedHttp(_WatchesReading, H11Protocol):
    def __init__(self, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        self.address = "unknown"
        self._guard = guard
        self._since_s = guard.now_s()

    def connection_made(self, transport: BaseTransport) -> None:  # type: ignore[override]
        super().connection_made(cast("Any", transport))
        self.address = self.client[0] if self.client else "unknown"
        self._guard.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        before = self.conn.their_state
        super().data_received(data)
        if self.conn.their_state is not before:
            self._since_s = self._guard.now_s()
        if self._is_answering():
            self._guard.asks(self)

    def on_response_complete(self) -> None:
        self._since_s = self._guard.now_s()
        self._guard.waits(self)
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            # Refused before its body came: nobody will read that.
            self.transport.close()
        if self._is_answering():  # a request that was there already
            self._guard.asks(self)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._guard.closed(self)
        super().handle_websocket_upgrade(event)

    def overdue(self, now_s: float, limits: GuardLimits) -> EventKind | None:
        if self._is_unread_too_long(now_s, limits):
            return "unread_response"
        waited_s = now_s - self._since_s
        if self.conn.their_state is h11.SEND_BODY and waited_s > limits.body_s:
            return "slow_body"
        is_late = waited_s > limits.request_s and not self._is_answering()
        return "slow_request" if is_late else None

    def abort(self) -> None:
        self.transport.abort()

    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return cycle is not None and not cycle.response_complete


class GuardedWebSocket(_WatchesReading, WebSocketsSansIOProtocol):
    def __init__(self, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        limits, now_ms = guard.limits, _ms(guard)
        self.address = "unknown"
        self.is_settled = False
        self._guard = guard
        self._meter = FrameMeter()
        self._small = TokenBucket(limits.small_frames_per_s, limits.small_frame_burst, now_ms)
        self._control = TokenBucket(limits.control_frames_per_s, limits.control_frame_burst, now_ms)
        self._opened_at_s = guard.now_s()
        self._message_since_s: float | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.address = self.client[0] if self.client else "unknown"
        self._guard.opened(self)
        self._guard.is_guest(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.closed(self)
        # uvicorn says 1005, as of a close frame without a code: RFC 6455 (7.1.5) has 1006 for it.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CLOSE_ABNORMAL})
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.handshake_initiated:
            kind = self._over_budget(data)
            if kind is not None:
                self._guard.cut_off(self, kind)
                return
        super().data_received(data)

    def _over_budget(self, data: bytes) -> EventKind | None:
        limits, now_ms = self._guard.limits, _ms(self._guard)
        counted = self._meter.feed(data, limits.small_frame_burst)
        if counted.small and self._small.take(now_ms, counted.small):
            return "small_frames"
        if counted.control and self._control.take(now_ms, counted.control):
            return "control_frames"
        if not self.is_settled and counted.message_bytes > limits.guest_message_bytes:
            return "message_too_large"
        if self._meter.is_between:
            self._message_since_s = None
        elif self._message_since_s is None:
            self._message_since_s = self._guard.now_s()
        return None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # Its task runs after this: the application finds it there.
            scope = cast("dict[str, Any]", self.scope)
            scope["extensions"][SEAT] = SocketSeat(self._guard, self)

    def send_receive_event_to_app(self) -> None:
        """Text that is no UTF-8 ends the connection, as uvicorn has it too, but without a traceback
        in the log for each."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(CLOSE_NO_UTF8)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        self._guard.saw(self, "malformed_frame")
        super().handle_parser_exception()

    def handle_ping(self) -> None:
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > self._guard.limits.unread_bytes:
            self._guard.cut_off(self, "unread_answers")
            return
        super().handle_ping()

    def overdue(self, now_s: float, limits: GuardLimits) -> EventKind | None:
        if self.transport.is_closing():
            self._unread_begins()
        if self._is_unread_too_long(now_s, limits):
            return "unread_response"
        if self.read_paused:  # its frames wait for us
            self._message_since_s = None if self._message_since_s is None else now_s
        since_s = self._message_since_s
        if since_s is not None and now_s - since_s > limits.message_s:
            return "slow_message"
        late = not self.is_settled and now_s - self._opened_at_s > limits.join_s
        return "not_joined" if late else None

    def abort(self) -> None:
        self.transport.abort()


def guarded_protocols(guard: Guard) -> tuple[Any, Any]:
    """Of HTTP and of WebSockets, as uvicorn's configuration takes them."""
    return partial(GuardedHttp, guard), partial(GuardedWebSocket, guard)


def _ms(guard: Guard) -> int:
    return round(guard.now_s() * 1000)
