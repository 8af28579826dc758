"""A gateway for the time of one event: sessions are read anew, records made durable, and everybody
told through API Gateway, before the event's handler returns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connectors.calls.policy import Policies, call
from connectors.interfaces.errors import ConnectorError, GoneError
from connectors.interfaces.open_sockets import OpenSockets
from ingest_gateway.audio_in.speaker_stream import SpeakerStream
from ingest_gateway.gateway import DRAIN_S, Gateway, GatewayDependencies
from ingest_gateway.hosts.aws.open_connections import OpenConnection
from ingest_gateway.hosts.aws.room_rows import connection_in_room, forget_room, room_scope
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.live_sessions import LiveSession

_POSTS_AT_ONCE = 50
_SOMEBODY = Peer("unknown", "", None)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Socket:
    """A connection's outbox empties into API Gateway."""

    connection_id: str
    sockets: OpenSockets
    policies: Policies

    async def send_text(self, data: str) -> None:
        await call(
            self.policies.post_to_listener, lambda: self.sockets.post(self.connection_id, data)
        )

    async def close(self, code: int, reason: str | None) -> None:
        """API Gateway says its own code, so what there is to say was said in a message."""
        await call(self.policies.post_to_listener, lambda: self.sockets.close(self.connection_id))


class OneEvent:
    def __init__(self, needs: GatewayDependencies, sockets: OpenSockets) -> None:
        self.gateway = Gateway(needs)
        self.gateway.live.on_load = self._attach
        self.gateway.hub.gather = self.assemble
        self._needs = needs
        self._sockets = sockets
        self._own: OpenConnection | None = None
        self._assembled: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """What is written inside is durable, and what is said is sent, at its end."""
        self.gateway.writer.start()
        try:
            yield
            await self._drain()
            for room_id in tuple(self.gateway.stages.due):
                await self.assemble_room(room_id)
            await self.gateway.stages.tell()
            await self._tell()
        finally:
            await self.gateway.writer.close()

    def connection(self, own: OpenConnection) -> Connection:
        """The connection that the event is of."""
        self._own = own
        connection = self._add(own.connection_id, own.peer, own.connected_at_ms)
        if own.room_id is not None:
            self.gateway.hub.enter_room(connection, own.room_id)
        if own.listening is not None:
            self.gateway.hub.start_listening(
                connection, own.listening.session_id, own.listening.language, own.capabilities
            )
        connection.listener_id = own.listener_id
        connection.token_announced = own.token_announced
        return connection

    async def assemble(self, session_id: str) -> None:
        """Everybody who listens to this session, so that they can be counted and told. Their rows
        are read once, and for nobody who may not have them told: a stranger's message costs no more
        than its refusal."""
        if session_id in self._assembled:
            return
        self._assembled.add(session_id)
        live, now_ms = self.gateway.live, self._needs.now_ms()
        for row in await live.ask(lambda: live.tables.connections(session_id, now_ms)):
            if self.gateway.hub.get(row.connection_id) is None:
                listener = self._add(row.connection_id, _SOMEBODY, row.connected_at_ms)
                self.gateway.hub.start_listening(
                    listener, session_id, row.language, row.capabilities
                )
                listener.listener_id = row.listener_id

    async def assemble_room(self, room_id: str) -> None:
        """Everybody who is in this room."""
        live, now_ms = self.gateway.live, self._needs.now_ms()
        rows = await live.ask(lambda: live.tables.connections(room_scope(room_id), now_ms))
        for row in rows:
            connection_id = connection_in_room(row.connection_id)
            known = self.gateway.hub.get(connection_id)
            one = known or self._add(connection_id, _SOMEBODY, row.connected_at_ms)
            self.gateway.hub.enter_room(one, room_id)

    def _add(self, connection_id: str, peer: Peer, connected_at_ms: int) -> Connection:
        connection = Connection(
            connection_id=connection_id,
            peer=peer,
            socket=_Socket(connection_id, self._sockets, self._needs.policies),
            connected_at_ms=connected_at_ms,
            outbox_limit_bytes=self._needs.limits.outbox_bytes_per_connection,
        )
        self.gateway.hub.add(connection)
        return connection

    def _attach(self, live: LiveSession) -> None:
        """The speaker and the stream of a session that was just read."""
        row = live.row
        if row.stream_id is None or row.speaker_connection_id is None:
            return
        live.generation = row.generation
        live.durable_sequence = highest = row.durable_sequence
        standing = None if self._own is None else self._own.standing
        if standing is not None and (standing.stream_id, standing.epoch) == (
            row.stream_id,
            row.epoch,
        ):
            live.durable_sequence = max(live.durable_sequence, standing.durable)
            highest = max(highest, standing.highest)
        live.stream = SpeakerStream(
            row.session_id,
            row.stream_id,
            row.epoch,
            durable_sequence=highest,
            clock_offset_ms=row.clock_offset_ms,
        )
        speaker_id = row.speaker_connection_id
        live.speaker = self.gateway.hub.get(speaker_id) or self._add(speaker_id, _SOMEBODY, 0)

    async def _drain(self) -> None:
        if not await self.gateway.writer.drain(DRAIN_S):
            _log.error("records were left that the stream did not take in %g s", DRAIN_S)

    async def _tell(self) -> None:
        """Send what waits for everybody; who has hung up is counted out."""
        turn = asyncio.Semaphore(_POSTS_AT_ONCE)

        async def flush(connection: Connection) -> bool:
            """Whether it is still there."""
            async with turn:
                try:
                    await connection.flush()
                except GoneError:
                    return False
                except ConnectorError as error:
                    _log.warning("a connection was not reached: %s", error)
            return True

        everybody = self.gateway.hub.all()
        there = await asyncio.gather(*(flush(one) for one in everybody))
        gone = [one for one, is_there in zip(everybody, there, strict=True) if not is_there]
        for one in gone:
            if one.room_id is not None:
                await forget_room(self.gateway.live, one.connection_id)
            self.gateway.hub.drop(one)
            await self.gateway.listeners.leave(one)
        if gone:
            await self._drain()
            await asyncio.gather(*(flush(one) for one in self.gateway.hub.all()))
