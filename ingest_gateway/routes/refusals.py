"""What HTTP routes have in common: keys for a caller's token, and how they refuse."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, NotFoundException
from litestar.exceptions.responses import create_exception_response
from litestar.types import ExceptionHandlersMap

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.access.auth import presented_token
from ingest_gateway.operations.security_events import SecurityEvents
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import ErrorCode
from ingest_gateway.routes.callers import gateway_of
from ingest_gateway.routes.pages import missing_page

REFUSAL_STATUS: dict[ErrorCode, int] = {
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_SPEAKER": 403,
    "WRONG_CODE": 403,
    "ROOM_LOCKED": 403,
    "ACCESS_CODE": 403,
    "LOCKED": 403,
    "REMOVED": 403,
    "NO_SESSION": 404,
    "NO_ROOM": 404,
    "ROOM_FULL": 409,
    "STAGE_TAKEN": 409,
    "TALK_OVER": 409,
    "SESSION_ENDED": 409,
    "SPEAKER_TAKEN": 409,
    "TOO_LARGE": 413,
    "RATE_LIMITED": 429,
    "INTERNAL": 503,
}
_log = logging.getLogger(__name__)


def _refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    _security(request).refused(refusal.code, address=_address(request), action=_route(request))
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


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: the caller gets an id to tell us, and nothing else."""
    if isinstance(error, NotFoundException):
        return missing_page(request) or _no_such_address()
    if isinstance(error, HTTPException):
        return create_exception_response(request, error)
    error_id = secrets.token_hex(6)
    _log.error("%s %s: error %s", request.method, _route(request), error_id, exc_info=error)
    _security(request).report(
        "internal_error", address=_address(request), route=_route(request), id=error_id
    )
    body = {"code": "INTERNAL", "message": f"this failed here; its id is {error_id}"}
    return Response(msgspec.json.encode(body), status_code=500, media_type=MediaType.JSON)


def _no_such_address() -> Response[bytes]:
    body = {"code": "NOT_FOUND", "message": "nothing has this address: see /openapi.json"}
    return Response(msgspec.json.encode(body), status_code=404, media_type=MediaType.JSON)


def _security(request: Request[Any, Any, Any]) -> SecurityEvents:
    return gateway_of(request.scope).security


def _address(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client else "unknown"


def _route(request: Request[Any, Any, Any]) -> str:
    """The first part of the path: what follows names a session."""
    return request.url.path.strip("/").partition("/")[0][:32]


REFUSALS: ExceptionHandlersMap = {
    Refusal: _refused,
    ConnectorError: _unavailable,
    Exception: _failed,
}
"""How every route answers what it refuses, and what it cannot do now."""


async def fetch_keys_for(request: Request[Any, Any, Any]) -> None:
    """Before a route looks at the request's token, which it does without waiting."""
    token = presented_token(request.headers, request.query_params, [])
    if token is not None:
        await gateway_of(request.scope).verifier.prepare(token)
