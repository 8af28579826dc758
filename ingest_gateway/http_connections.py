"""The job's calls: API Gateway's Management API, and one message to all listeners of a language.

``/@connections`` answers as API Gateway does, so that boto3's ``apigatewaymanagementapi`` client
with this gateway as its endpoint raises the same exceptions. What a caller must show: ``callers``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath

from ingest_gateway.callers import AnyRequest, ItsGateway, is_the_job
from ingest_gateway.limits import MAX_MESSAGE_BYTES


class Delivery(msgspec.Struct, frozen=True):
    """As ``connectors.notifier.Delivery``."""

    delivered: int
    listeners: int
    gone: int


def _fault(status: int, kind: str, message: str) -> Response[bytes]:
    """An error as AWS's REST services send it: clients read the header before the body."""
    return Response(
        msgspec.json.encode({"message": message, "__type": kind}),
        status_code=status,
        media_type=MediaType.JSON,
        headers={"x-amzn-errortype": kind},
    )


def _forbidden() -> Response[bytes]:
    return _fault(403, "ForbiddenException", "Forbidden")


def _gone() -> Response[bytes]:
    return _fault(410, "GoneException", "Gone")


def _too_large() -> Response[bytes]:
    return _fault(413, "PayloadTooLargeException", "Message too long")


def _iso(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@post("/@connections/{connection_id:str}", status_code=200)
async def post_to_connection(
    connection_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    if not is_the_job(request, gateway):
        return _forbidden()
    body = await request.body()
    if len(body) > MAX_MESSAGE_BYTES:
        return _too_large()
    connection = gateway.hub.get(connection_id)
    if connection is None:
        return _gone()
    if connection.session_id is not None and connection.language is not None:
        gateway.captions.observe(body, connection.session_id, connection.language)
    if not connection.post(body.decode(errors="replace")):
        return _gone()
    gateway.metrics.delivered.inc()
    return Response(b"", status_code=200)


@get("/@connections/{connection_id:str}")
async def get_connection(
    connection_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    if not is_the_job(request, gateway):
        return _forbidden()
    connection = gateway.hub.get(connection_id)
    if connection is None:
        return _gone()
    shown = {
        "connectedAt": _iso(connection.connected_at_ms),
        "lastActiveAt": _iso(connection.last_active_at_ms),
        "identity": {
            "sourceIp": connection.peer.address,
            "userAgent": connection.peer.user_agent,
        },
    }
    return Response(msgspec.json.encode(shown), media_type=MediaType.JSON)


@delete("/@connections/{connection_id:str}", status_code=200)
async def delete_connection(
    connection_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    if not is_the_job(request, gateway):
        return _forbidden()
    connection = gateway.hub.get(connection_id)
    if connection is None:
        return _gone()
    connection.close(1001, "closed by the service")
    # 204 is not in the decorator: litestar would forbid the bodies of the other answers.
    return Response(b"", status_code=204)


@post("/notify/{session_id:str}/{language:str}", status_code=200)
async def notify(
    session_id: FromPath[str], language: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """Hand a message to everybody who listens to this language here (``ownCaption``: to the
    speaker). Nobody is waited for: each listener has an outbox."""
    if not is_the_job(request, gateway):
        return _forbidden()
    body = await request.body()
    if len(body) > MAX_MESSAGE_BYTES:
        return _too_large()
    try:
        message = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return _fault(400, "BadRequestException", "not a JSON object")
    kind = message.get("type")
    if kind == "ownCaption":
        live = gateway.live.loaded(session_id)
        there = [live.speaker] if live is not None and live.speaker is not None else []
    else:
        gateway.captions.observe(body, session_id, language)
        there = gateway.hub.listeners(session_id, language)
        if kind == "partialCaption":
            there = [one for one in there if one.partial_captions]
    whole = body.decode()
    light = whole
    if "audio" in message:
        light = msgspec.json.encode({k: v for k, v in message.items() if k != "audio"}).decode()
    delivered = sum(one.post(whole if one.inline_audio else light) for one in there)
    gateway.metrics.delivered.inc(delivered)
    delivery = Delivery(delivered, len(there), len(there) - delivered)
    return Response(msgspec.json.encode(delivery), media_type=MediaType.JSON)


CONNECTION_ROUTES = [post_to_connection, get_connection, delete_connection, notify]
