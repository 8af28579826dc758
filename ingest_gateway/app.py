"""The gateway as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response
from litestar.di import Provide
from litestar.types import ExceptionHandlersMap

from connectors.errors import ConnectorError
from ingest_gateway.auth import presented_token
from ingest_gateway.gateway import Gateway
from ingest_gateway.http_connections import CONNECTION_ROUTES
from ingest_gateway.http_sessions import SESSION_ROUTES
from ingest_gateway.http_signaling import SIGNALING_ROUTES
from ingest_gateway.messages import ErrorCode
from ingest_gateway.operations_routes import OPERATIONS_ROUTES
from ingest_gateway.pages import PAGE_ROUTES
from ingest_gateway.protocol import Refusal
from ingest_gateway.webrtc.peers import WebRtcPeers
from ingest_gateway.webrtc.routes import WEBRTC_ROUTES
from ingest_gateway.websocket import talk_and_listen

_STATUS: dict[ErrorCode, int] = {
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_SPEAKER": 403,
    "NO_SESSION": 404,
    "SESSION_ENDED": 409,
    "SPEAKER_TAKEN": 409,
    "TOO_LARGE": 413,
    "RATE_LIMITED": 429,
    "INTERNAL": 503,
}
_log = logging.getLogger(__name__)


def _refused(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    headers: dict[str, str] = {}
    if refusal.retry_after_ms is not None:
        headers["retry-after"] = str(-(-refusal.retry_after_ms // 1000))
    return Response(
        msgspec.json.encode({"code": refusal.code, "message": refusal.message}),
        status_code=_STATUS.get(refusal.code, 400),
        media_type=MediaType.JSON,
        headers=headers,
    )


def _unavailable(request: Request[Any, Any, Any], error: ConnectorError) -> Response[bytes]:
    _log.warning("%s %s: %s", request.method, request.url.path, error)
    return _refused(request, Refusal("INTERNAL", "a service does not answer: try again"))


REFUSALS: ExceptionHandlersMap = {Refusal: _refused, ConnectorError: _unavailable}
"""How every route answers what it refuses, and what it cannot do now."""


async def fetch_keys_for(request: Request[Any, Any, Any], gateway: Gateway) -> None:
    """Before a route looks at the request's token, which it does without waiting."""
    token = presented_token(request.headers, request.query_params, [])
    if token is not None:
        await gateway.needs.verifier.prepare(token)


def create_app(gateway: Gateway) -> Litestar:
    peers = WebRtcPeers(gateway, gateway.needs.ice)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncGenerator[None, None]:
        await gateway.start()
        try:
            yield
        finally:
            await peers.close()
            await gateway.stop()

    async def before(request: Request[Any, Any, Any]) -> None:
        await fetch_keys_for(request, gateway)

    return Litestar(
        route_handlers=[
            talk_and_listen,
            *SESSION_ROUTES,
            *SIGNALING_ROUTES,
            *CONNECTION_ROUTES,
            *PAGE_ROUTES,
            *OPERATIONS_ROUTES,
            WEBRTC_ROUTES,
        ],
        dependencies={
            "gateway": Provide(lambda: gateway, sync_to_thread=False),
            "peers": Provide(lambda: peers, sync_to_thread=False),
        },
        exception_handlers=REFUSALS,
        before_request=before,
        lifespan=[running],
        openapi_config=None,
        logging_config=None,
    )
