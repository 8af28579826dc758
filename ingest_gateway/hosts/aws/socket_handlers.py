"""A WebSocket's events: who connects, what is said, who hangs up.

Frames go through the same conversation as the server's. What follows from one is durable and sent
before its handler returns; what the connection is by then stands in its row.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import msgspec

from connectors.interfaces.document_store import DocumentStore
from connectors.interfaces.errors import ConnectorError, GoneError
from connectors.interfaces.open_sockets import OpenSockets
from ingest_gateway.access.auth import SUBPROTOCOL
from ingest_gateway.gateway import GatewayDependencies
from ingest_gateway.hosts.aws.authorizer import identity_of
from ingest_gateway.hosts.aws.events import Frame, Handshake, HangUp
from ingest_gateway.hosts.aws.one_event import OneEvent
from ingest_gateway.hosts.aws.open_connections import (
    ConnectionGoneError,
    OpenConnection,
    OpenConnections,
    RememberedConnection,
    opened,
)
from ingest_gateway.hosts.aws.room_rows import forget_room, remember_room
from ingest_gateway.hosts.aws.spoken_chunks import SpokenChunks, with_stream
from ingest_gateway.protocol.connection_protocol import (
    Audio,
    Listening,
    RecorderFragment,
    Refusal,
    Speaking,
)
from ingest_gateway.protocol.messages import Command, ErrorMessage, JoinAsSpeaker, ServerMessage
from ingest_gateway.sessions.conversation import Conversation
from ingest_gateway.sessions.hub import Connection
from ingest_gateway.sessions.speaker_place import GRACE_MS

CLOSE_FAILED = 1011
_OPENED_WITHIN_S = 8.0

_log = logging.getLogger(__name__)


class _Heading(msgspec.Struct, rename="camel"):
    action: str = ""
    room_id: str = ""


_heading_decoder = msgspec.json.Decoder(_Heading)


def _heading(text: str) -> _Heading:
    """What a frame is about, as far as that can be told; the protocol says what is wrong."""
    try:
        return _heading_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Heading()


class HandledConversation(Conversation):
    """One that goes on from its connection's row and is written back there."""

    def __init__(
        self,
        connection: Connection,
        event: OneEvent,
        needs: GatewayDependencies,
        row: RememberedConnection,
    ) -> None:
        super().__init__(connection, event.gateway.conversation_services)
        self._row = row
        self._gateway_id = needs.gateway_id
        self._live = event.gateway.live
        self._writer = event.gateway.writer
        self._chunks = SpokenChunks(event, needs, row)
        self.protocol.role = row.now.speaking or row.now.listening

    async def remember(self) -> None:
        """What the connection has become."""
        role = self.protocol.role
        live = await self._live.find(role.session_id) if isinstance(role, Speaking) else None
        room_id = self._connection.room_id
        if room_id is not None and room_id != self._row.now.room_id:
            await remember_room(self._live, self._row.now, room_id, self._gateway_id)

        def how(row: OpenConnection) -> OpenConnection:
            became = replace(
                row,
                speaking=role if isinstance(role, Speaking) else None,
                listening=role if isinstance(role, Listening) else None,
                capabilities=self._connection.capabilities,
                room_id=room_id,
                listener_id=self._connection.listener_id,
                identity=self._connection.peer.identity,
                token_announced=self._connection.token_announced,
            )
            return became if live is None else with_stream(became, live)

        await self._row.change(how)

    @property
    def come_again(self) -> bool:
        return self._chunks.come_again

    async def _command(self, command: Command) -> ServerMessage | None:
        """A speaker may send when the opening of the stream is on it: chunks are put past the
        queue, side by side."""
        answer = await super()._command(command)
        if isinstance(command, JoinAsSpeaker):
            try:
                async with asyncio.timeout(_OPENED_WITHIN_S):
                    await self._writer.wait_until_durable(command.session_id)
            except TimeoutError:
                self.protocol.became_nobody()
                self._chunks.come_again = True
                raise Refusal("INTERNAL", "the stream does not answer: connect again") from None
        return answer

    async def _audio(self, audio: Audio) -> None:
        await self._chunks.take(self._connection, audio)

    async def _recorder_fragment(self, fragment: RecorderFragment) -> None:
        """A fragment means nothing without those before it, which other processes had."""
        raise Refusal("BAD_AUDIO", "send format pcm here", sequence=fragment.sequence)


class SocketHandlers:
    """``needs.documents`` is where connections are remembered."""

    def __init__(
        self, needs: GatewayDependencies, documents: DocumentStore, sockets: OpenSockets
    ) -> None:
        self._needs = needs
        self._sockets = sockets
        self._open = OpenConnections(documents, needs.policies)

    async def handle(self, event: Handshake | Frame | HangUp) -> dict[str, Any]:
        """The function's answer to API Gateway; what clients read is posted to them."""
        match event:
            case Handshake():
                return await self.connect(event)
            case Frame():
                await self.receive(event)
            case HangUp():
                await self.hang_up(event)
        return {"statusCode": 200}

    async def connect(self, handshake: Handshake) -> dict[str, Any]:
        await self._open.add(
            opened(
                handshake.connection_id,
                self._needs.edge.viewer(handshake.address, handshake.headers),
                handshake.user_agent,
                identity_of(handshake.authorized),
                self._needs.limits,
                self._needs.now_ms(),
            )
        )
        answer: dict[str, Any] = {"statusCode": 200}
        if SUBPROTOCOL in handshake.subprotocols:
            # Browsers hang up unless one of the protocols that they offered is chosen.
            answer["headers"] = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        return answer

    async def receive(self, frame: Frame) -> None:
        row = await self._open.find(frame.connection_id)
        if row is None:
            await self._hang_up_on(frame.connection_id)
            return
        event = OneEvent(self._needs, self._sockets)
        connection = event.connection(row.now)
        connection.last_active_at_ms = self._needs.now_ms()
        async with event.running():
            conversation = HandledConversation(connection, event, self._needs, row)
            try:
                await self._converse(event, conversation, connection, row, frame.text)
            except ConnectionGoneError:
                # Its end was handled meanwhile, without knowing of what was just begun.
                event.gateway.hub.drop(connection)
                await conversation.closed()
            except Exception:
                _log.exception("connection %s: a frame could not be handled", frame.connection_id)
                connection.send(
                    ErrorMessage(code="INTERNAL", message="this frame failed: try again")
                )

    async def hang_up(self, hang_up: HangUp) -> None:
        last = await self._open.remove(hang_up.connection_id)
        if last is None:
            return
        event = OneEvent(self._needs, self._sockets)
        if last.room_id is not None:
            await forget_room(event.gateway.live, last.connection_id)
        if last.speaking is None and last.listening is None:
            return
        connection = event.connection(last)
        async with event.running():
            conversation = Conversation(connection, event.gateway.conversation_services)
            conversation.protocol.role = last.speaking or last.listening
            if last.speaking is not None:
                await event.gateway.live.find(last.speaking.session_id)
            event.gateway.hub.drop(connection)
            await conversation.closed()
            if last.speaking is not None:
                await self._speaker_left(event, last.speaking.session_id)

    async def _speaker_left(self, event: OneEvent, session_id: str) -> None:
        """Tell the listeners, unless the speaker is back soon. Of a connection that is silent but
        not closed API Gateway tells nobody for ten minutes; pages see then that there is no
        speech."""
        live = event.gateway.live.loaded(session_id)
        if live is None or live.ended or live.row.speaker_lost_at_ms is None:
            return
        await asyncio.sleep(GRACE_MS / 1000)
        await event.gateway.live.refresh(live)
        if live.standing(self._needs.now_ms()).speaker == "away":
            await event.assemble(session_id)
            event.gateway.speakers.tell_listeners(live)

    async def _converse(
        self,
        event: OneEvent,
        conversation: HandledConversation,
        connection: Connection,
        row: RememberedConnection,
        text: str,
    ) -> None:
        heading = _heading(text)
        if heading.action != "audioChunk" and not await self._may_command(
            connection, row, heading.action
        ):
            return
        if heading.action == "joinRoom":
            await event.assemble_room(heading.room_id)
        if heading.action != "audioChunk":
            await event.gateway.tokens.look(connection)
        if connection.closing is None:
            await conversation.receive(text)
        await conversation.remember()
        if conversation.come_again:
            connection.close(CLOSE_FAILED, "connect again")
        if heading.action == "heartbeat":
            await self._still_here(event, row.now)

    async def _may_command(
        self, connection: Connection, row: RememberedConnection, action: str
    ) -> bool:
        limits, now_ms = self._needs.limits, self._needs.now_ms()
        wait_ms = 0

        def how(now: OpenConnection) -> OpenConnection:
            nonlocal wait_ms
            left, wait_ms = now.commands.take(limits.commands_per_s, limits.command_burst, now_ms)
            return now if wait_ms else replace(now, commands=left)

        await row.change(how)
        if wait_ms:
            refusal = Refusal("RATE_LIMITED", "send fewer messages", retry_after_ms=wait_ms)
            connection.send(refusal.answer(action or None))
        return wait_ms == 0

    async def _still_here(self, event: OneEvent, now: OpenConnection) -> None:
        """A server sees that a socket is open; here its heartbeats are all that tells."""
        live, limits = event.gateway.live, self._needs.limits
        if now.listening is not None:
            expires_at_ms = self._needs.now_ms() + 2 * limits.heartbeat_timeout_ms
            await live.ask(lambda: live.tables.keep_connection(now.connection_id, expires_at_ms))
        if now.speaking is not None:
            session = await live.find(now.speaking.session_id)
            if session.speaker is not None and session.speaker.connection_id == now.connection_id:
                await live.save_progress(session)

    async def _hang_up_on(self, connection_id: str) -> None:
        """Nothing is known of it (any more): its client connects again."""
        try:
            await self._sockets.close(connection_id)
        except GoneError:
            pass
        except ConnectorError as error:
            _log.warning("connection %s was not closed: %s", connection_id, error)
