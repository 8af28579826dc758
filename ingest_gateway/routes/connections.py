"""The job's calls: API Gateway's Management API; one message to all listeners of a language;
messages to speakers.

``/@connections`` answers as API Gateway does, so that boto3's ``apigatewaymanagementapi`` client
with this gateway as its endpoint raises the same exceptions. What a caller must show: ``callers``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath, FromQuery

from connectors.interfaces.notifier import INLINE_AUDIO, Audience
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.limits import MAX_MESSAGE_BYTES
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, is_the_job


class Delivery(msgspec.Struct, frozen=True):
    """As ``interfaces.notifier.Delivery``; ``inline``: how many of the language take clips inside
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


def _not_json(wanted: str) -> Response[bytes]:
    return _fault(400, "BadRequestException", f"not JSON as it should be: {wanted}")


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
    body = await _body(request, gateway)
    if isinstance(body, Response):
        return body
    try:
        message = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return _not_json("an object")
    if message.get("type") == "partialCaption":
        audience = Audience.PARTIALS
    gateway.captions.observe(body, session_id, language)
    here = gateway.hub.listeners(session_id, language)
    there = [one for one in here if audience.includes(one.capabilities)]
    inline = sum(INLINE_AUDIO in one.capabilities for one in here)
    whole = light = body.decode()
    if "audio" in message and audience is not Audience.INLINE:
        light = msgspec.json.encode({k: v for k, v in message.items() if k != "audio"}).decode()
    delivered = await gateway.hub.hand_out(
        (one, whole if INLINE_AUDIO in one.capabilities else light) for one in there
    )
    gateway.metrics.delivered.inc(delivered)
    delivery = Delivery(delivered, len(there), len(there) - delivered, inline)
    return Response(msgspec.json.encode(delivery), media_type=MediaType.JSON)


@post("/notify", status_code=200)
async def tell_speakers(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """Hand each message to the speaker of its session, if one is connected here: own captions are
    many and small, so the job sends those of all its sessions together. A delivery for each."""
    body = await _body(request, gateway)
    if isinstance(body, Response):
        return body
    try:
        notes = _notes_decoder.decode(body)
    except msgspec.DecodeError:
        return _not_json("an array of sessionId and message")
    deliveries = [_tell_speaker(gateway, note) for note in notes]
    gateway.metrics.delivered.inc(sum(one.delivered for one in deliveries))
    return Response(msgspec.json.encode(deliveries), media_type=MediaType.JSON)


class _Note(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str
    message: msgspec.Raw


_notes_decoder = msgspec.json.Decoder(list[_Note])


def _tell_speaker(gateway: Gateway, note: _Note) -> Delivery:
    live = gateway.live.loaded(note.session_id)
    if live is None or live.speaker is None:
        return Delivery(0, 0, 0)
    delivered = int(live.speaker.post(bytes(note.message).decode()))
    return Delivery(delivered, 1, 1 - delivered)


async def _body(request: AnyRequest, gateway: Gateway) -> bytes | Response[bytes]:
    """What the job wants said, or the answer that refuses it."""
    if not is_the_job(request, gateway):
        return _forbidden()
    body = await request.body()
    return _too_large() if len(body) > MAX_MESSAGE_BYTES else body


CONNECTION_ROUTES = [post_to_connection, get_connection, delete_connection, notify, tell_speakers]
