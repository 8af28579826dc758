"""Signaling channels: one master, up to ten viewers, and the messages between them.

What is sent to somebody who is not there waits for the channel's ``ttl_s``, and is then forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

MOST_VIEWERS = 10
MASTER = ""
"""What the master is filed under; a client id is never empty."""
_ACTIONS = ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE")
_MOST_MESSAGE_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class Waiting:
    until_s: float
    to: str
    text: str


@dataclass
class Channel:
    """``seen``: (sender, action) of every message, in order; nothing of what it said."""

    name: str
    arn: str
    ttl_s: int
    clients: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def has_room(self, client_id: str) -> bool:
        viewers = self.clients.keys() - {MASTER}
        return client_id in self.clients or client_id == MASTER or len(viewers) < MOST_VIEWERS

    async def serve(self, client_id: str, socket: web.WebSocketResponse) -> None:
        """Until the socket is closed. Who connects under the same id takes the place over."""
        before = self.clients.get(client_id)
        self.clients[client_id] = socket
        if before is not None:
            await before.close()
        try:
            await self._catch_up(client_id)
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._take(client_id, message.data)
        finally:
            if self.clients.get(client_id) is socket:
                del self.clients[client_id]

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in tuple(self.clients.values())))

    async def tell(self, client_id: str, message: dict[str, Any]) -> None:
        """What the service itself says, such as GO_AWAY."""
        await self._deliver(client_id, json.dumps(message))

    async def _take(self, sender: str, text: str) -> None:
        message = json.loads(text) if text.strip() else {}
        action = message.get("action")
        if not message:
            return  # a sign of life
        payload = message.get("messagePayload", "")
        problem = None
        if action not in _ACTIONS or not payload:
            problem = "not a message of this protocol"
        elif len(payload) > _MOST_MESSAGE_BYTES:
            problem = "the payload is too large"
        elif sender != MASTER and message.get("recipientClientId"):
            problem = "a viewer speaks to the master only"
        if problem is not None:
            await self._refuse(sender, message.get("correlationId"), problem)
            return
        self.seen.append((sender, action))
        event = {"messageType": action, "messagePayload": payload}
        if sender != MASTER:
            event["senderClientId"] = sender
        to = message.get("recipientClientId", "") if sender == MASTER else MASTER
        await self._deliver(to, json.dumps(event))

    async def _refuse(self, sender: str, correlation_id: str | None, problem: str) -> None:
        """Only who gave the message a name is told."""
        if correlation_id is not None:
            status = {
                "correlationId": correlation_id,
                "errorType": "InvalidArgumentException",
                "statusCode": "400",
                "description": problem,
            }
            await self.tell(sender, {"messageType": "STATUS_RESPONSE", "statusResponse": status})

    async def _deliver(self, to: str, text: str) -> None:
        socket = self.clients.get(to)
        if socket is None or socket.closed:
            self.waiting.append(Waiting(time.monotonic() + self.ttl_s, to, text))
            return
        with contextlib.suppress(ConnectionError):
            await socket.send_str(text)

    async def _catch_up(self, client_id: str) -> None:
        now_s = time.monotonic()
        fresh = [one for one in self.waiting if one.until_s > now_s]
        self.waiting = [one for one in fresh if one.to != client_id]
        for one in fresh:
            if one.to == client_id:
                await self.clients[client_id].send_str(one.text)
