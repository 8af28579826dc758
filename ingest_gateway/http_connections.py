"""The job's calls: API Gateway's Management API; one message to all listeners of a language, or to
the speaker.

``/@connections`` answers as API Gateway does, so that boto3's ``apigatewaymanagementapi`` client
with this gateway as its endpoint raises the same exceptions. What a caller must show: ``callers``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath, FromQuery

from connectors.notifier import INLINE_AUDIO, Audience
from ingest_gateway.callers import AnyRequest, ItsGateway, is_the_job
from ingest_gateway.gateway import Gateway
from ingest_gateway.limits import MAX_MESSAGE_BYTES


class Delivery(msgspec.Struct, frozen=True):
    """As ``connectors.notifier.Delivery``; ``inline``: how many of the language take clips inside
    messages, in the audience or not."""

    delivered: int
    listeners: int
    gone: int
    inline: int = 0


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
    session_id: FromPath[str],
    language: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
    audience: FromQuery[Audience] = Audience.ALL,
) -> Response[bytes]:
    """Hand a message to everybody of this audience who listens to this language here. Nobody is
    waited for: each listener has an outbox.

    What a listener did not ask for does not reach it, whatever the audience: partial captions, or
    audio inside a message (such a message comes without it).
    """
    message = await _message(request, gateway)
    if isinstance(message, Response):
        return message
    if message.fields.get("type") == "partialCaption":
        audience = Audience.PARTIALS
    gateway.captions.observe(message.body, session_id, language)
    here = gateway.hub.listeners(session_id, language)
    there = [one for one in here if audience.includes(one.capabilities)]
    inline = sum(INLINE_AUDIO in one.capabilities for one in here)
    whole = message.body.decode()
    light = whole
    if "audio" in message.fields and audience is not Audience.INLINE:
        fields = {name: value for name, value in message.fields.items() if name != "audio"}
        light = msgspec.json.encode(fields).decode()
    delivered = sum(one.post(whole if INLINE_AUDIO in one.capabilities else light) for one in there)
    return _delivered(gateway, Delivery(delivered, len(there), len(there) - delivered, inline))


@post("/notify/{session_id:str}", status_code=200)
async def tell_speaker(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """Hand a message to the session's speaker, if one is connected here."""
    message = await _message(request, gateway)
    if isinstance(message, Response):
        return message
    live = gateway.live.loaded(session_id)
    if live is None or live.speaker is None:
        return _delivered(gateway, Delivery(0, 0, 0))
    delivered = int(live.speaker.post(message.body.decode()))
    return _delivered(gateway, Delivery(delivered, 1, 1 - delivered))


class _Message(msgspec.Struct, frozen=True):
    body: bytes
    fields: dict[str, Any]


async def _message(request: AnyRequest, gateway: Gateway) -> _Message | Response[bytes]:
    """What the job wants said, or the answer that refuses it."""
    if not is_the_job(request, gateway):
        return _forbidden()
    body = await request.body()
    if len(body) > MAX_MESSAGE_BYTES:
        return _too_large()
    try:
        return _Message(body, msgspec.json.decode(body, type=dict[str, Any]))
    except msgspec.DecodeError:
        return _fault(400, "BadRequestException", "not a JSON object")


def _delivered(gateway: Gateway, delivery: Delivery) -> Response[bytes]:
    gateway.metrics.delivered.inc(delivery.delivered)
    return Response(msgspec.json.encode(delivery), media_type=MediaType.JSON)


CONNECTION_ROUTES = [post_to_connection, get_connection, delete_connection, notify, tell_speaker]
