"""``GET /openapi.json``: the HTTP routes as an OpenAPI 3.1 document.

The routes read and write bytes with msgspec, so that litestar cannot see what they take. What it
cannot see stands here, a line for each route; a test holds the lines against the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import msgspec
from litestar import MediaType, Response, get

from connectors.interfaces.notifier import Audience
from ingest_gateway.protocol.messages import CreateSession, ErrorCode, SessionView
from ingest_gateway.rooms.messages import ErasedView
from ingest_gateway.routes.connections import Delivery
from ingest_gateway.routes.openapi_operations import JSON, ROOM_OPERATIONS, Body, Operation
from ingest_gateway.routes.pages import Offer
from ingest_gateway.routes.sessions import Feedback, ListenerView, SessionPatch, TokenWish
from ingest_gateway.routes.signaling import KeysView

SDP = "application/sdp"
HTML = "text/html"


class Refused(msgspec.Struct, frozen=True, rename="camel"):
    """How a route refuses; ``Retry-After`` (seconds) where waiting helps."""

    code: ErrorCode
    message: str


class IssuedToken(msgspec.Struct, frozen=True, rename="camel"):
    token: str
    subject: str


class IssuedTicket(msgspec.Struct, frozen=True, rename="camel"):
    """Opens one WebSocket, within ``expires_in_s`` seconds."""

    ticket: str
    expires_in_s: int


class Health(msgspec.Struct, frozen=True):
    status: str


_RESOURCE = ("Location", "ETag", "Link")
_AUDIENCE = (("audience", {"type": "string", "enum": [one.value for one in Audience]}),)
_SINCE = (("since", {"type": "integer"}),)

OPERATIONS = (
    *ROOM_OPERATIONS,
    Operation("post", "/sessions", "Create a session.", 201, "speaker", CreateSession, SessionView),
    Operation("get", "/sessions/{session_id}", "Look at a session.", 200, answer=SessionView),
    Operation(
        "patch",
        "/sessions/{session_id}",
        "Pause, resume, mute or unmute a session, or change its languages.",
        200,
        "speaker",
        SessionPatch,
        SessionView,
    ),
    Operation(
        "delete", "/sessions/{session_id}", "End a session.", 200, "speaker", answer=SessionView
    ),
    Operation(
        "delete",
        "/sessions/{session_id}/data",
        "Delete all that is kept of a session; it ends, if it goes on.",
        200,
        "speaker",
        answer=ErasedView,
    ),
    Operation(
        "get",
        "/sessions/{session_id}/listeners",
        "Who listens to a session, as a list.",
        200,
        "speaker",
        answer=ListenerView,
    ),
    Operation(
        "delete",
        "/sessions/{session_id}/listeners/{listener_id}",
        "Remove a listener; the same listener does not come back.",
        200,
        "speaker",
    ),
    Operation(
        "post",
        "/sessions/{session_id}/signaling-keys",
        "Keys for the session's signaling channel (Kinesis Video Streams).",
        201,
        answer=KeysView,
    ),
    Operation(
        "post",
        "/sessions/{session_id}/feedback",
        "What a listener says of how the talk is heard.",
        202,
        body=Feedback,
        answer=Feedback,
    ),
    Operation(
        "get",
        "/captions/{session_id}/{language}",
        "What a listener is told, as server-sent events: for networks that break WebSockets.",
        200,
        answer="text/event-stream",
        query=_SINCE,
    ),
    Operation(
        "get",
        "/audio/{session_id}/{language}",
        "The talk so far as one MP3.",
        200,
        answer="audio/mpeg",
    ),
    Operation(
        "get",
        "/transcripts/{session_id}/{name}",
        "The talk so far as LANGUAGE.vtt (WebVTT), .srt (SubRip) or .txt.",
        200,
        answer="text/vtt",
    ),
    Operation(
        "post",
        "/tokens",
        "A token of the gateway's own issuer: local set-ups only.",
        201,
        body=TokenWish,
        answer=IssuedToken,
    ),
    Operation(
        "post",
        "/tickets",
        "A ticket that opens one WebSocket.",
        201,
        "speaker",
        answer=IssuedTicket,
    ),
    Operation(
        "delete",
        "/tickets",
        "Sign out: the token and what it opened are worth nothing any more.",
        200,
        "speaker",
    ),
    Operation("get", "/.well-known/jwks.json", "The issuer's public keys.", 200, answer=JSON),
    Operation(
        "get",
        "/offer",
        "Which languages can be spoken, each with those it can be heard in, and their names.",
        200,
        answer=Offer,
    ),
    Operation(
        "post",
        "/whip/{session_id}",
        "Speak by WHIP (RFC 9725).",
        201,
        "speaker",
        SDP,
        SDP,
        headers=_RESOURCE,
    ),
    Operation(
        "post",
        "/whip",
        "Speak by WHIP with a token that names its session.",
        201,
        "speaker",
        SDP,
        SDP,
        headers=_RESOURCE,
    ),
    Operation(
        "delete", "/whip/{session_id}/resources/{resource_id}", "Stop speaking.", 200, "speaker"
    ),
    Operation(
        "patch",
        "/whip/{session_id}/resources/{resource_id}",
        "Not supported: no trickle ICE, no restarts.",
        405,
    ),
    Operation(
        "post",
        "/whep/{session_id}/{language}",
        "Listen by WHEP.",
        201,
        body=SDP,
        answer=SDP,
        headers=_RESOURCE,
    ),
    Operation(
        "delete", "/whep/{session_id}/{language}/resources/{resource_id}", "Stop listening.", 200
    ),
    Operation(
        "patch",
        "/whep/{session_id}/{language}/resources/{resource_id}",
        "Not supported: no trickle ICE, no restarts.",
        405,
    ),
    Operation(
        "post",
        "/notify/{session_id}/{language}",
        "Hand a message to the listeners of a language.",
        200,
        "job",
        JSON,
        Delivery,
        query=_AUDIENCE,
    ),
    Operation(
        "post", "/notify", "Hand messages to speakers, a delivery for each.", 200, "job", JSON, JSON
    ),
    Operation(
        "post",
        "/@connections/{connection_id}",
        "Hand a message to one connection, as API Gateway's Management API.",
        200,
        "job",
        JSON,
    ),
    Operation(
        "get", "/@connections/{connection_id}", "Look at a connection.", 200, "job", answer=JSON
    ),
    Operation("delete", "/@connections/{connection_id}", "Close a connection.", 204, "job"),
    Operation(
        "get",
        "/operations",
        "What the operators' page shows.",
        200,
        "operator",
        answer=JSON,
        query=_SINCE,
    ),
    Operation("get", "/healthz", "Whether the gateway runs.", 200, answer=Health),
    Operation("get", "/metrics", "Figures for Prometheus.", 200, answer="text/plain"),
    Operation("get", "/openapi.json", "This document.", 200, answer=JSON),
    Operation("get", "/", "The speaker's page.", 200, answer=HTML),
    Operation("get", "/listen", "The listener's page.", 200, answer=HTML),
    Operation("get", "/listen/{session_id}", "The listener's page of a talk.", 200, answer=HTML),
    Operation("get", "/room/{room_id}", "The listener's page of a room.", 200, answer=HTML),
    Operation("get", "/speak/{talk_id}", "The speaker's page of a talk.", 200, answer=HTML),
    Operation("get", "/organise", "The organiser's page.", 200, answer=HTML),
    Operation("get", "/operate", "The operators' page.", 200, answer=HTML),
    *(
        Operation("get", path, "What makes the listeners' page installable.", 200, answer=kind)
        for path, kind in (
            ("/manifest.webmanifest", "application/manifest+json"),
            ("/service-worker.js", "text/javascript"),
            ("/icon.svg", "image/svg+xml"),
            ("/icon-maskable.svg", "image/svg+xml"),
        )
    ),
    Operation("get", "/assets/{name}", "What the pages load.", 200),
)


@cache
def document() -> dict[str, Any]:
    """All of ``OPERATIONS``, with the JSON types that they name."""
    named = {body for one in OPERATIONS for body in (one.body, one.answer)}
    types = [Refused, *sorted((t for t in named if isinstance(t, type)), key=lambda t: t.__name__)]
    refs, schemas = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    ref_of = dict(zip(types, refs, strict=True))
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one, ref_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Live speech translation: gateway",
            "version": metadata.version("live-speech-translation"),
            "description": "The WebSocket at / and /ws is described in docs/protocol.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "speaker": _bearer("A speaker's token."),
                "operator": _bearer("A token with the role operator."),
                "job": _bearer("The job's token; or a caller on the gateway's machine."),
            },
        },
    }


def _bearer(description: str) -> dict[str, str]:
    return {"type": "http", "scheme": "bearer", "description": description}


def _operation(one: Operation, ref_of: Mapping[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": one.summary}
    if one.answer is not None:
        answer["content"] = _content(one.answer, ref_of)
    if one.headers:
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in one.headers}
    refused = {"description": "Refused.", "content": _content(Refused, ref_of)}
    found: dict[str, Any] = {
        "summary": one.summary,
        "parameters": [*_path_parameters(one.path), *_query_parameters(one)],
        "responses": {str(one.status): answer, "default": refused},
    }
    if one.caller != "anybody":
        found["security"] = [{one.caller: []}]
    if one.body is not None:
        found["requestBody"] = {"required": True, "content": _content(one.body, ref_of)}
    return found


def _content(body: Body, ref_of: Mapping[Any, Any]) -> dict[str, Any]:
    return {body: {}} if isinstance(body, str) else {JSON: {"schema": ref_of[body]}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    text = {"type": "string"}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in names]


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in one.query]


@get("/openapi.json")
async def openapi() -> Response[bytes]:
    return Response(msgspec.json.encode(document()), media_type=MediaType.JSON)


OPENAPI_ROUTES = [openapi]
