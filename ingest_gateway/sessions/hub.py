"""The open WebSockets of this gateway: each has an outbox, so a slow one never delays another."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ingest_gateway.access.auth import Identity
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import ServerMessage, encode

POSTS_AT_A_STRETCH = 25
"""A clip of 30 KB takes 0.06 ms of CPU a listener, and a chunk on its way to the stream waits for a
turn of the loop five times."""


class Socket(Protocol):
    """What the outbox needs of a WebSocket."""

    async def send_text(self, data: str) -> None: ...

    async def close(self, code: int, reason: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end; ``identity`` None: an anonymous guest."""

    address: str
    user_agent: str
    identity: Identity | None

    @property
    def limit_name(self) -> str:
        """Whom a rate limit counts: a person, or an address for guests."""
        if self.identity is not None:
            return f"person:{self.identity.subject}"
        return f"address:{_of_one_site(self.address)}"


def _of_one_site(address: str) -> str:
    """Of IPv6 the first 64 bits: the rest is any number that its owner likes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


def known(peer: Peer) -> Identity:
    """Raises Refusal: UNAUTHORIZED."""
    if peer.identity is None:
        raise Refusal("UNAUTHORIZED", "present a speaker's token")
    return peer.identity


@dataclass(slots=True)
class Connection:
    """``listener_id``: whose it is, over all connections that a listener has had; empty: nobody's
    who listens. ``by_secret``: it was let in by more than the session's id.
    ``token_announced``: it was told when its token ends, which it survives if it
    ``outlives_token``."""

    connection_id: str
    peer: Peer
    socket: Socket
    connected_at_ms: int
    outbox_limit_bytes: int
    last_active_at_ms: int = 0
    is_taking: bool = False
    """A frame of it is being handled: what comes behind it waits, by our doing."""
    session_id: str | None = None
    language: str | None = None
    capabilities: tuple[str, ...] = ()
    room_id: str | None = None
    listener_id: str = ""
    by_secret: bool = False
    token_announced: bool = False
    outlives_token: bool = False
    closing: tuple[int, str] | None = None
    _outbox: deque[str] = field(default_factory=deque[str])
    _outbox_bytes: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def post(self, text: str) -> bool:
        """Hand over a text frame. False: it is closing, or so far behind that it is cut off."""
        if self.closing is not None:
            return False
        if self._outbox_bytes + len(text) > self.outbox_limit_bytes:
            self.close(1013, "too slow: connect again")
            return False
        self._outbox.append(text)
        self._outbox_bytes += len(text)
        self._wake.set()
        return True

    def send(self, message: ServerMessage) -> bool:
        return self.post(encode(message))

    def close(self, code: int, reason: str) -> None:
        """Send what waits (unless it is too much), then close."""
        if self.closing is None:
            self.closing = (code, reason)
            if code == 1013:
                self._outbox.clear()
            self._wake.set()

    async def write(self) -> None:
        """Empty the outbox into the socket until closed."""
        while not await self.flush():
            await self._wake.wait()
            self._wake.clear()

    async def flush(self) -> bool:
        """Empty the outbox into the socket once. True: it is closed now."""
        while self._outbox:
            text = self._outbox.popleft()
            self._outbox_bytes -= len(text)
            await self.socket.send_text(text)
        if self.closing is None:
            return False
        await self.socket.close(*self.closing)
        return True


async def _all_are_here(_session_id: str) -> None:
    """Of a server: who listens through it is connected to it."""


class Hub:
    def __init__(self, metrics: Metrics) -> None:
        self.gather: Callable[[str], Awaitable[None]] = _all_are_here
        """Called with a session's id before its listeners are counted or told, when it is clear
        that the caller may have that done; set by a host that keeps nothing between calls."""
        self._handing_out = asyncio.Lock()
        self._posted = 0
        self._connections: dict[str, Connection] = {}
        self._listeners: dict[str, dict[str, Connection]] = {}
        self._rooms: dict[str, dict[str, Connection]] = {}
        self._metrics = metrics

    def add(self, connection: Connection) -> None:
        self._connections[connection.connection_id] = connection
        self._metrics.connections.labels("any").inc()

    def drop(self, connection: Connection) -> None:
        """From now on a post to it is told that it has gone; it may still be counted out."""
        if self._connections.pop(connection.connection_id, None) is not None:
            self._metrics.connections.labels("any").dec()
        self.leave_room(connection)

    def get(self, connection_id: str) -> Connection | None:
        found = self._connections.get(connection_id)
        return None if found is None or found.closing is not None else found

    def all(self) -> tuple[Connection, ...]:
        return tuple(self._connections.values())

    async def hand_out(self, messages: Iterable[tuple[Connection, str]]) -> int:
        """Post to many; the number that took theirs. Audio that comes in meanwhile has its turn
        after every stretch, whatever the number of calls: clips for 500 listeners at once hold it
        up for 50 ms and more."""
        delivered = 0
        async with self._handing_out:
            for connection, text in messages:
                delivered += connection.post(text)
                self._posted += 1
                if self._posted % POSTS_AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
        return delivered

    def enter_room(self, connection: Connection, room_id: str) -> None:
        """It stays there whatever it listens to, until it leaves or is dropped."""
        if connection.room_id != room_id:
            self.leave_room(connection)
        connection.room_id = room_id
        self._rooms.setdefault(room_id, {})[connection.connection_id] = connection

    def leave_room(self, connection: Connection) -> None:
        if connection.room_id is None:
            return
        members = self._rooms.get(connection.room_id, {})
        members.pop(connection.connection_id, None)
        if not members:
            self._rooms.pop(connection.room_id, None)
        connection.room_id = None

    def in_room(self, room_id: str) -> list[Connection]:
        return list(self._rooms.get(room_id, {}).values())

    def rooms(self) -> tuple[str, ...]:
        """Those with a connection here."""
        return tuple(self._rooms)

    def start_listening(
        self,
        connection: Connection,
        session_id: str,
        language: str,
        capabilities: tuple[str, ...] = (),
    ) -> None:
        connection.session_id = session_id
        connection.language = language
        connection.capabilities = capabilities
        self._listeners.setdefault(session_id, {})[connection.connection_id] = connection

    def stop_listening(self, connection: Connection) -> None:
        if connection.session_id is None:
            return
        members = self._listeners.get(connection.session_id, {})
        members.pop(connection.connection_id, None)
        if not members:
            self._listeners.pop(connection.session_id, None)
        connection.session_id = None
        connection.language = None
        connection.capabilities = ()
        connection.listener_id = ""

    def listeners(self, session_id: str, language: str | None = None) -> list[Connection]:
        members = self._listeners.get(session_id, {}).values()
        return [one for one in members if language is None or one.language == language]

    def listener_counts(self, session_id: str) -> dict[str, int]:
        """Of this gateway, by language."""
        languages = (one.language for one in self._listeners.get(session_id, {}).values())
        return dict(Counter(language for language in languages if language is not None))

    def listener_total(self) -> int:
        return sum(map(len, self._listeners.values()))

    def listened_sessions(self) -> tuple[str, ...]:
        return tuple(self._listeners)
