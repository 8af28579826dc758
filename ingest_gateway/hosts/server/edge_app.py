"""In front of the application: names and origins are checked, the client is the viewer, and who is
reached by TLS says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest_gateway.access.edge import Edge
from ingest_gateway.gateway import Gateway
from ingest_gateway.operations.security_events import SecurityEvents


class EdgeApp:
    """An ASGI application around another one."""

    def __init__(
        self, app: Any, edge: Edge, events: SecurityEvents, public_url: str | None = None
    ) -> None:
        self._app = app
        self._is_by_tls = (public_url or "").startswith("https://")
        self._edge = edge
        self._events = events

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _joined(scope["headers"])
        address, port = scope["client"] or ("unknown", 0)
        viewer = self._edge.viewer(address, headers)
        reason = self._edge.refusal(scope.get("method", "WEBSOCKET"), headers)
        if reason is not None:
            self._events.report("wrong_edge", address=viewer)
            await _refuse(scope["type"], reason, receive, send)
            return
        inner = {**scope, "client": (viewer, port)}
        await self._app(inner, receive, _strict(send) if self._is_by_tls else send)


def behind_edge(gateway: Gateway, app: Any) -> EdgeApp:
    return EdgeApp(app, gateway.needs.edge, gateway.security, gateway.needs.public_url)


def _strict(send: Any) -> Any:
    """Browsers keep to TLS for a year; over plain HTTP they take no notice of it."""

    async def with_header(message: Any) -> None:
        if message["type"] == "http.response.start":
            header = (b"strict-transport-security", b"max-age=31536000")
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return with_header


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """A header that comes several times is a list."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def _refuse(kind: str, reason: str, receive: Any, send: Any) -> None:
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    body = msgspec.json.encode({"code": "FORBIDDEN", "message": reason})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
