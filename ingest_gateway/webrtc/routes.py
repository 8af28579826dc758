"""WHIP (RFC 9725) and WHEP over HTTP: an offer posted, an answer, a resource to delete.

Trickle ICE and ICE restarts are not supported: an answer carries every candidate, offers must too,
and ``PATCH`` is answered with 405, as the RFC has it for such servers. Pages of other origins may
call: what allows it is the token, which no browser adds by itself.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar import MediaType, Response, Router, delete, patch, post
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ingest_gateway.access.auth import (
    CODE_HEADER,
    KEY_HEADER,
    SEAT_HEADER,
    presented_listening,
)
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import JoinSession
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, caller_of, peer_of
from ingest_gateway.sessions.hub import known
from ingest_gateway.webrtc.offers import MAX_OFFER_BYTES, OfferError
from ingest_gateway.webrtc.peers import Answer, Kind, WebRtcPeers

ItsPeers = NamedDependency[WebRtcPeers]
PEERS = "live_translation.peers"
"""In a request's scope, as the gateway is."""
SDP = "application/sdp"
_EVERYWHERE = {
    "accept-post": SDP,
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, DELETE, OPTIONS",
    "access-control-allow-headers": (
        f"authorization, content-type, {KEY_HEADER}, {CODE_HEADER}, {SEAT_HEADER}"
    ),
    "access-control-expose-headers": "location, etag, link, retry-after",
    "access-control-max-age": "86400",
}


def peers_of(scope: Scope) -> WebRtcPeers:
    return cast("dict[str, WebRtcPeers]", scope)[PEERS]


@post("/whip/{session_id:str}", status_code=201)
async def speak(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway, peers: ItsPeers
) -> Response[Any]:
    return await _speak(session_id, request, gateway, peers)


@post("/whip", status_code=201)
async def speak_by_token(
    request: AnyRequest, gateway: ItsGateway, peers: ItsPeers
) -> Response[Any]:
    """For clients that know an address and a token only: the token names the session."""
    session_id = caller_of(request, gateway).session_id
    if session_id is None:
        raise Refusal(
            "BAD_FIELD", "post to /whip/SESSION_ID, or with a token that names its session"
        )
    return await _speak(session_id, request, gateway, peers)


async def _speak(
    session_id: str, request: AnyRequest, gateway: ItsGateway, peers: ItsPeers
) -> Response[Any]:
    peer = peer_of(request, gateway)
    known(peer)  # before the body: a stranger learns nothing from validation
    answer = await peers.speak(peer, session_id, await _offer(request))
    return _answered("whip", answer, peers)


@post("/whep/{session_id:str}/{language:str}", status_code=201)
async def listen(
    session_id: FromPath[str],
    language: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
    peers: ItsPeers,
) -> Response[Any]:
    peer = peer_of(request, gateway)
    shown = presented_listening(request.headers, request.query_params)
    wanted = JoinSession(
        session_id, language, key=shown.key, access_code=shown.code, seat=shown.seat
    )
    answer = await peers.listen(peer, wanted, await _offer(request))
    return _answered("whep", answer, peers)


@delete("/whip/{session_id:str}/resources/{resource_id:str}", status_code=200)
async def stop_speaking(
    session_id: FromPath[str],
    resource_id: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
    peers: ItsPeers,
) -> Response[Any]:
    return await _end("whip", resource_id, request, gateway, peers)


@delete("/whep/{session_id:str}/{language:str}/resources/{resource_id:str}", status_code=200)
async def stop_listening(
    session_id: FromPath[str],
    language: FromPath[str],
    resource_id: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
    peers: ItsPeers,
) -> Response[Any]:
    return await _end("whep", resource_id, request, gateway, peers)


async def _end(
    kind: Kind, resource_id: str, request: AnyRequest, gateway: ItsGateway, peers: ItsPeers
) -> Response[Any]:
    found = await peers.end(kind, peer_of(request, gateway), resource_id)
    return Response(b"", status_code=200 if found else 404)


_RESOURCES = [
    "/whip/{session_id:str}/resources/{resource_id:str}",
    "/whep/{session_id:str}/{language:str}/resources/{resource_id:str}",
]


@patch(_RESOURCES, status_code=405)
async def no_trickle() -> Response[Any]:
    message = "trickle ICE and ICE restarts are not supported: send one offer with all candidates"
    return Response(
        msgspec.json.encode({"code": "UNKNOWN_ACTION", "message": message}),
        status_code=405,
        media_type=MediaType.JSON,
        headers={"allow": "DELETE, OPTIONS"},
    )


async def _offer(request: AnyRequest) -> str:
    if request.content_type[0] != SDP:
        raise OfferTypeError
    body = await request.body()
    if len(body) > MAX_OFFER_BYTES:
        raise Refusal("TOO_LARGE", f"send at most {MAX_OFFER_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise OfferError(400, "the body is not an SDP offer") from None


class OfferTypeError(Exception):
    """The body does not claim to be SDP."""


def _answered(kind: Kind, answer: Answer, peers: WebRtcPeers) -> Response[Any]:
    headers = {
        "location": f"/{kind}/{answer.path}/resources/{answer.resource_id}",
        "etag": f'"{answer.etag}"',
    }
    links = peers.ice.links()
    if links:
        headers["link"] = links
    return Response(answer.sdp.encode(), status_code=201, media_type=SDP, headers=headers)


def _bad_type(_request: AnyRequest, _error: OfferTypeError) -> Response[bytes]:
    body = {"code": "BAD_FIELD", "message": f"send the offer as {SDP}"}
    return Response(
        msgspec.json.encode(body),
        status_code=415,
        media_type=MediaType.JSON,
    )


def _bad_offer(_request: AnyRequest, error: OfferError) -> Response[bytes]:
    body = {"code": "BAD_FIELD", "message": error.message}
    return Response(msgspec.json.encode(body), status_code=error.status, media_type=MediaType.JSON)


def _any_origin(app: ASGIApp) -> ASGIApp:
    """Other origins may read every answer: refusals too, and litestar's to a preflight."""

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _EVERYWHERE.items():
                    headers[name] = value
            await send(message)

        await app(scope, receive, send_with_headers)

    return with_headers


WEBRTC_ROUTES = Router(
    path="/",
    route_handlers=[
        speak,
        speak_by_token,
        listen,
        stop_speaking,
        stop_listening,
        no_trickle,
    ],
    middleware=[_any_origin],
    exception_handlers={OfferError: _bad_offer, OfferTypeError: _bad_type},
)
