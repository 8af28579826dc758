"""What HTTP routes have in common: keys for a caller's token, and how they refuse."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.types import ExceptionHandlersMap

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.access.auth import presented_token
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import ErrorCode

REFUSAL_STATUS: dict[ErrorCode, int] = {
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
        status_code=REFUSAL_STATUS.get(refusal.code, 400),
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
