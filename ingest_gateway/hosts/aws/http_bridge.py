"""An HTTP API's event through the server's own routes.

No library for this (Mangum): clients of AWS live on the loop that opened them, so every event must
run on that loop, and as its caller.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from typing import Any

from litestar import Litestar

from connectors.interfaces.open_sockets import OpenSockets
from ingest_gateway.gateway import Gateway, GatewayDependencies
from ingest_gateway.hosts.aws.events import HttpCall, http_answer
from ingest_gateway.hosts.aws.one_event import OneEvent
from ingest_gateway.routes.callers import DEPENDENCIES, GATEWAY
from ingest_gateway.routes.pages import offer
from ingest_gateway.routes.refusals import REFUSALS, fetch_keys_for
from ingest_gateway.routes.rooms import ROOM_ROUTES
from ingest_gateway.routes.sessions import SESSION_ROUTES, issue_token, jwks, metrics
from ingest_gateway.routes.signaling import SIGNALING_ROUTES

MOST_ANSWER_BYTES = 4_400_000
"""Lambda answers with 6 MB at most, audio in base64."""
_OF_A_SERVER = (issue_token, jwks, metrics)


class HttpHandlers:
    def __init__(self, needs: GatewayDependencies, sockets: OpenSockets) -> None:
        self._needs = replace(needs, binary_frames=False)  # API Gateway hangs up on them
        self._sockets = sockets

    async def handle(self, call: HttpCall) -> dict[str, Any]:
        call = replace(call, address=self._needs.edge.viewer(call.address, call.headers))
        event = OneEvent(self._needs, self._sockets)
        async with event.running():
            return await _through(event.gateway, call)


@cache
def _routes() -> Litestar:
    """Those that a function serves, registered once a process."""
    return Litestar(
        route_handlers=[
            *(route for route in SESSION_ROUTES if route not in _OF_A_SERVER),
            *SIGNALING_ROUTES,
            *ROOM_ROUTES,
            offer,
        ],
        dependencies=DEPENDENCIES,
        exception_handlers=REFUSALS,
        before_request=fetch_keys_for,
        openapi_config=None,
        logging_config=None,
    )


async def _through(gateway: Gateway, call: HttpCall) -> dict[str, Any]:
    """One request and its whole answer, by ASGI."""
    body = bytearray()
    status, headers = 500, dict[str, str]()
    unread = [{"type": "http.request", "body": call.body, "more_body": False}]

    answered = asyncio.Event()

    async def receive() -> Any:
        if unread:
            return unread.pop()
        # Not before: an answer that is streamed ends when its caller hangs up.
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(message["status"])
            headers.update({k.decode().lower(): v.decode() for k, v in message["headers"]})
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                answered.set()

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "https",
        "method": call.method,
        "path": call.path,
        "raw_path": call.path.encode(),
        "root_path": "",
        "query_string": call.query_string.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in call.headers.items()],
        "client": (call.address, 0),
        "server": None,
        "state": {},
        GATEWAY: gateway,
    }
    await _routes()(scope, receive, send)
    if len(body) > MOST_ANSWER_BYTES:
        refusal = b'{"code":"TOO_LARGE","message":"this talk is too long for one answer"}'
        return http_answer(413, {"content-type": "application/json"}, refusal)
    headers.pop("content-length", None)  # API Gateway counts for itself
    return http_answer(status, headers, bytes(body))
