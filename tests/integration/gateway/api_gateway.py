"""API Gateway in a few lines: a WebSocket API and an HTTP API on one loopback port, with the
documents and the habits of the real one, in front of the functions' own handlers.

Habits kept: binary frames end a connection (1003), long ones too (1009); handlers of one
connection's frames overlap; nothing can be posted before ``$connect`` is answered; what a
connection is, only its handlers' tables know.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.interfaces.errors import GoneError
from connectors.memory.document_store import MemoryDocumentStore
from ingest_gateway.access.revocation import RevocableVerifier, Revocations
from ingest_gateway.access.tickets import Tickets
from ingest_gateway.gateway import GatewayDependencies
from ingest_gateway.hosts.aws.authorizer import authorize
from ingest_gateway.hosts.aws.events import handshake, http_call, socket_event
from ingest_gateway.hosts.aws.http_bridge import HttpHandlers
from ingest_gateway.hosts.aws.socket_handlers import SocketHandlers
from ingest_gateway.rooms.speaker_links import SpeakerLinkVerifier

MOST_MESSAGE_BYTES = 128 * 1024
OVERLAP_S = 0.05
"""A frame's handler has this long for itself, then the next frame's starts beside it."""
_API = "a1b2c3d4e5"
_ARN = f"arn:aws:execute-api:us-east-1:123456789012:{_API}/test/$connect"

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class _Held:
    send: Send
    end: asyncio.Event = field(default_factory=asyncio.Event)


class ApiGateway:
    """An ASGI application; ``posts`` counts the messages that handlers sent."""

    def __init__(self, needs: GatewayDependencies, overlap_s: float = OVERLAP_S) -> None:
        documents = needs.documents or MemoryDocumentStore(needs.now_ms)
        self._needs = needs
        self._overlap_s = overlap_s
        self._sockets = SocketHandlers(needs, documents, self)
        self._http = HttpHandlers(needs, self)
        self._documents = documents
        self._held: dict[str, _Held] = {}
        self.front: Any = None
        """What a distribution in front of the APIs answers itself, with ``front_paths``."""
        self.front_paths: tuple[str, ...] = ()
        self.running: set[asyncio.Task[Any]] = set()
        self.posts = 0

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connection(scope, receive, send)
        elif scope["type"] == "http" and self._is_in_front(scope["path"]):
            await self.front(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    def _is_in_front(self, path: str) -> bool:
        return path in self.front_paths or path.startswith(
            tuple(one for one in self.front_paths if one != "/")
        )

    # What handlers are given: connectors.interfaces.open_sockets

    async def post(self, connection_id: str, text: str) -> None:
        held = self._held.get(connection_id)
        if held is None or held.end.is_set():
            raise GoneError("410")
        self.posts += 1
        try:
            await held.send({"type": "websocket.send", "text": text})
        except OSError:  # the client has just gone
            raise GoneError("410") from None

    async def close(self, connection_id: str) -> None:
        held = self._held.get(connection_id)
        if held is None or held.end.is_set():
            raise GoneError("410")
        held.end.set()

    @property
    def connections(self) -> int:
        return len(self._held)

    async def idle(self) -> None:
        """Until no handler runs."""
        while self.running:
            await asyncio.wait(self.running)

    async def _connection(self, scope: Any, receive: Any, send: Send) -> None:
        await receive()
        connection_id = uuid.uuid4().hex[:12] + "="
        connecting = self._document(scope, connection_id, "CONNECT", "$connect")
        connecting |= _shaken(scope)
        shaken = handshake({**connecting, "type": "REQUEST", "methodArn": _ARN})
        decision = await authorize(shaken, _ARN, *self._authorizers())
        if decision["policyDocument"]["Statement"][0]["Effect"] != "Allow":
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
            return
        connecting["requestContext"]["authorizer"] = {
            "principalId": decision["principalId"],
            **decision["context"],
        }
        answer = await self._begin(connecting)
        chosen = answer.get("headers", {}).get("Sec-WebSocket-Protocol")
        await send({"type": "websocket.accept", "subprotocol": chosen})
        self._held[connection_id] = held = _Held(send)
        try:
            code = await self._frames(scope, receive, connection_id, held)
        finally:
            del self._held[connection_id]
        if code is not None:
            await send({"type": "websocket.close", "code": code})
        self._begin(self._document(scope, connection_id, "DISCONNECT", "$disconnect"))

    def _authorizers(self) -> tuple[RevocableVerifier, Tickets]:
        """Made for each event, as the authorizer's function does."""
        needs, documents = self._needs, self._documents
        revocations = Revocations(documents, needs.policies, needs.now_ms)
        tickets = Tickets(documents, needs.policies, needs.now_ms, revocations)
        links = SpeakerLinkVerifier(needs.verifier, needs.rooms, needs.policies)
        return RevocableVerifier(links, revocations), tickets

    async def _frames(
        self, scope: Any, receive: Any, connection_id: str, held: _Held
    ) -> int | None:
        """Until it ends; the code to close it with, if it was not its client who did."""
        ending = asyncio.ensure_future(held.end.wait())
        try:
            while True:
                receiving = asyncio.ensure_future(receive())
                await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                    return 1000
                message = receiving.result()
                if message["type"] == "websocket.disconnect":
                    return None
                text = message.get("text")
                if text is None:
                    return 1003
                if len(text.encode()) > MOST_MESSAGE_BYTES:
                    return 1009
                document = self._document(scope, connection_id, "MESSAGE", _route(text), text)
                await asyncio.wait({self._begin(document)}, timeout=self._overlap_s)
        finally:
            ending.cancel()

    def _begin(self, document: dict[str, Any]) -> asyncio.Task[dict[str, Any]]:
        """A handler's work on an event, which outlives the connection that the event is about."""
        event = socket_event(json.loads(json.dumps(document)))
        task = asyncio.create_task(self._sockets.handle(event))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    def _document(
        self, scope: Any, connection_id: str, event_type: str, route: str, body: str = ""
    ) -> dict[str, Any]:
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        return {
            "requestContext": {
                "routeKey": route,
                "eventType": event_type,
                "messageDirection": "IN",
                "stage": "test",
                "connectedAt": time.time_ns() // 1_000_000,
                "requestId": uuid.uuid4().hex,
                "identity": {
                    "sourceIp": scope["client"][0],
                    "userAgent": headers.get("user-agent", ""),
                },
                "domainName": f"{_API}.execute-api.us-east-1.amazonaws.com",
                "connectionId": connection_id,
                "apiId": _API,
            },
            "body": body,
            "isBase64Encoded": False,
        }

    async def _request(self, scope: Any, receive: Any, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        document = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": scope["path"],
            "rawQueryString": scope["query_string"].decode(),
            "headers": {k.decode(): v.decode() for k, v in scope["headers"]},
            "requestContext": {
                "apiId": _API,
                "http": {
                    "method": scope["method"],
                    "path": scope["path"],
                    "protocol": "HTTP/1.1",
                    "sourceIp": scope["client"][0],
                    "userAgent": "test",
                },
                "stage": "$default",
            },
            "body": body.decode(errors="replace"),
            "isBase64Encoded": False,
        }
        answer = await self._http.handle(http_call(document))
        headers = [(k.encode(), v.encode()) for k, v in answer["headers"].items()]
        await send(
            {"type": "http.response.start", "status": answer["statusCode"], "headers": headers}
        )
        content = answer["body"].encode()
        if answer["isBase64Encoded"]:
            content = msgspec.json.decode(f'"{answer["body"]}"', type=bytes)
        await send({"type": "http.response.body", "body": content})


def _shaken(scope: Any) -> dict[str, Any]:
    """Headers and query, which only ``$connect`` has."""
    pairs = [one.partition("=") for one in scope["query_string"].decode().split("&") if one]
    return {
        "headers": {k.decode().title(): v.decode() for k, v in scope["headers"]},
        "queryStringParameters": {name: value for name, _, value in pairs} or None,
    }


def _route(text: str) -> str:
    try:
        action = json.loads(text)["action"]
    except (ValueError, KeyError, TypeError):
        return "$default"
    return action if isinstance(action, str) else "$default"
