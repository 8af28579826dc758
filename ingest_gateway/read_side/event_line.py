"""A listener by server-sent events: one answer over HTTP that goes on, for networks whose proxies
break WebSockets.

It is a connection of the hub as every listener's: counted, told the same messages, without the
audio inside them. It says nothing back: a join that was refused is a message too, and the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import HeartbeatAck, ServerMessage, encode
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.ids import new_connection_id

if TYPE_CHECKING:
    from ingest_gateway.gateway import Gateway

HEARTBEAT_S = 10.0
"""So often something comes, so that a client notices when nothing does."""
STUCK_S = 20.0
_QUEUED = 4


class EventLine:
    """``action`` is what ``join`` does for the new connection; its answer is the first message."""

    def __init__(
        self,
        gateway: Gateway,
        peer: Peer,
        action: str,
        join: Callable[[Connection], Awaitable[ServerMessage]],
    ) -> None:
        self._gateway = gateway
        self._action = action
        self._join = join
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUED)
        self._gone = asyncio.Event()
        now_ms = gateway.needs.now_ms()
        self._connection = Connection(
            connection_id=new_connection_id(),
            peer=peer,
            socket=self,
            connected_at_ms=now_ms,
            outbox_limit_bytes=gateway.needs.limits.outbox_bytes_per_connection,
            last_active_at_ms=now_ms,
        )

    async def run(self) -> None:
        """Until nobody reads any more, or the gateway ends it."""
        try:
            await self._follow()
        except Refusal as refusal:
            await self._queue.put(encode(refusal.answer(self._action)))
        except ConnectorError:
            busy = Refusal("INTERNAL", "a service does not answer: try again")
            await self._queue.put(encode(busy.answer(self._action)))
        finally:
            self._end()

    async def _follow(self) -> None:
        """Raises what ``join`` does; of what it began by then nothing is left."""
        gateway, connection = self._gateway, self._connection
        try:
            joined = await self._join(connection)
        except BaseException:
            gateway.hub.drop(connection)
            await gateway.conversation(connection).closed()
            raise
        gateway.hub.add(connection)
        connection.send(joined)
        writing = asyncio.create_task(connection.write(), name="events-write")
        leaving = asyncio.create_task(self._gone.wait(), name="events-gone")
        try:
            while True:
                done, _ = await asyncio.wait(
                    {writing, leaving},
                    timeout=HEARTBEAT_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done:
                    break
                connection.send(HeartbeatAck())
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
            gateway.hub.drop(connection)
            await gateway.conversation(connection).closed(is_lost=True)  # it cannot say goodbye

    async def read(self) -> AsyncGenerator[bytes, None]:
        """The events, for the answer's body."""
        try:
            while (text := await self._queue.get()) is not None:
                yield f"data: {text}\n\n".encode()
        finally:
            self._gone.set()

    # What the outbox takes for a socket.

    async def send_text(self, data: str) -> None:
        async with asyncio.timeout(STUCK_S):
            await self._queue.put(data)

    async def close(self, code: int, reason: str | None) -> None:
        async with asyncio.timeout(STUCK_S):
            await self._queue.put(None)

    def _end(self) -> None:
        """Of the answer's body, also for one who has not read what waits in it."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)
