"""What is known of a connection between two of its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from connectors.calls.policy import Policies, call
from connectors.interfaces.document_store import DocumentStore
from connectors.interfaces.errors import RetryableError
from ingest_gateway.access.auth import Identity
from ingest_gateway.hosts.aws.stream_progress import StreamProgress
from ingest_gateway.protocol.connection_protocol import Listening, Speaking
from ingest_gateway.protocol.limits import Limits, Tokens
from ingest_gateway.sessions.hub import Peer

LIFETIME_MS = 2 * 3600_000 + 10 * 60_000
"""API Gateway ends a connection after two hours; a row outlives it by a little."""
_ATTEMPTS = 50
"""Handlers of one connection write side by side; each time one of them succeeds."""


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """``speaking`` and ``listening``: what it joined as (one, or none of them). ``commands`` and
    ``frames`` are what its rate limits leave it."""

    connection_id: str
    address: str
    user_agent: str
    identity: Identity | None
    connected_at_ms: int
    commands: Tokens
    frames: Tokens
    speaking: Speaking | None = None
    listening: Listening | None = None
    capabilities: tuple[str, ...] = ()
    listener_id: str = ""
    token_announced: bool = False
    standing: StreamProgress | None = None
    slowed_at_ms: int = 0
    room_id: str | None = None

    @property
    def peer(self) -> Peer:
        return Peer(self.address, self.user_agent, self.identity)

    @property
    def expires_at_ms(self) -> int:
        return self.connected_at_ms + LIFETIME_MS


def opened(
    connection_id: str,
    address: str,
    user_agent: str,
    identity: Identity | None,
    limits: Limits,
    now_ms: int,
) -> OpenConnection:
    """A connection that has just been made."""
    return OpenConnection(
        connection_id,
        address,
        user_agent,
        identity,
        now_ms,
        commands=Tokens(limits.command_burst, now_ms),
        frames=Tokens(limits.frame_burst, now_ms),
    )


class ConnectionGoneError(Exception):
    """It was hung up while its event was handled."""


class RememberedConnection:
    """One connection's row. ``now`` is as of the last read or write."""

    def __init__(
        self, store: DocumentStore, policies: Policies, now: OpenConnection, version: int
    ) -> None:
        self._store = store
        self._policy = policies.directory
        self._version = version
        self.now = now

    async def read(self) -> None:
        """Raises ConnectionGoneError."""
        key = _key(self.now.connection_id)
        document = await call(self._policy, lambda: self._store.get(key))
        if document is None:
            raise ConnectionGoneError
        self.now = msgspec.json.decode(document.text, type=OpenConnection)
        self._version = document.version

    async def change(self, how: Callable[[OpenConnection], OpenConnection]) -> None:
        """Apply ``how`` to the newest row; it is called again when another handler was faster.
        Raises ConnectionGoneError, RetryableError."""
        key = _key(self.now.connection_id)
        for _ in range(_ATTEMPTS):
            changed = how(self.now)
            if changed == self.now:
                return
            text = _encoded(changed)
            # An attempt whose answer was lost may have written: then the next one finds another
            # version, and ``how`` sees its own work.
            if await call(
                self._policy,
                lambda text=text: self._store.replace(
                    key, self._version, text, self.now.expires_at_ms
                ),
            ):
                self.now = changed
                self._version += 1
                return
            await self.read()
        raise RetryableError("a connection's row changes too fast")


class OpenConnections:
    def __init__(self, store: DocumentStore, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def add(self, connection: OpenConnection) -> None:
        key, text = _key(connection.connection_id), _encoded(connection)
        await call(
            self._policies.directory,
            lambda: self._store.add(key, text, connection.expires_at_ms),
        )

    async def find(self, connection_id: str) -> RememberedConnection | None:
        key = _key(connection_id)
        document = await call(self._policies.directory, lambda: self._store.get(key))
        if document is None:
            return None
        now = msgspec.json.decode(document.text, type=OpenConnection)
        return RememberedConnection(self._store, self._policies, now, document.version)

    async def remove(self, connection_id: str) -> OpenConnection | None:
        """What was known of it last; None: it was removed before."""
        document = await self._store.take(_key(connection_id))
        if document is None:
            return None
        return msgspec.json.decode(document.text, type=OpenConnection)


def with_standing(connection: OpenConnection, standing: StreamProgress) -> OpenConnection:
    return replace(connection, standing=standing)


def _key(connection_id: str) -> str:
    return f"open#{connection_id}"


def _encoded(connection: OpenConnection) -> str:
    return msgspec.json.encode(connection).decode()
