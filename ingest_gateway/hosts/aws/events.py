"""API Gateway's event documents as values, and what handlers answer as documents. Pure.

WebSocket APIs send version 1 of the proxy event (``requestContext.eventType``), HTTP APIs version 2
(``requestContext.http``). Field names of headers are in lower case in the values.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Handshake:
    """Of ``$connect`` and its authorizer. ``authorized``: what the authorizer found out."""

    connection_id: str
    address: str
    user_agent: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    authorized: Mapping[str, str]

    @property
    def subprotocols(self) -> list[str]:
        offered = self.headers.get("sec-websocket-protocol", "")
        return [one.strip() for one in offered.split(",") if one.strip()]


@dataclass(frozen=True, slots=True)
class Frame:
    """A text frame; API Gateway takes no others."""

    connection_id: str
    text: str


@dataclass(frozen=True, slots=True)
class HangUp:
    connection_id: str


@dataclass(frozen=True, slots=True)
class HttpCall:
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    address: str


def socket_event(document: Document) -> Handshake | Frame | HangUp:
    """Raises ValueError for a document that is none of a WebSocket API's."""
    context = _object(document, "requestContext")
    connection_id = str(context.get("connectionId", ""))
    match context.get("eventType"):
        case "CONNECT":
            return handshake(document)
        case "MESSAGE":
            body = str(document.get("body") or "")
            if document.get("isBase64Encoded"):
                body = base64.b64decode(body).decode(errors="replace")
            return Frame(connection_id, body)
        case "DISCONNECT":
            return HangUp(connection_id)
        case other:
            raise ValueError(f"not an event of a WebSocket API: {other}")


def handshake(document: Document) -> Handshake:
    context = _object(document, "requestContext")
    identity = _object(context, "identity")
    return Handshake(
        connection_id=str(context.get("connectionId", "")),
        address=str(identity.get("sourceIp") or "unknown"),
        user_agent=str(identity.get("userAgent") or ""),
        headers=_texts(_object(document, "headers"), lower=True),
        query=_texts(_object(document, "queryStringParameters")),
        authorized=_texts(_object(context, "authorizer")),
    )


def http_call(document: Document) -> HttpCall:
    """Raises ValueError for a document that is not an HTTP API's, version 2."""
    context = _object(document, "requestContext")
    http = _object(context, "http")
    if not http:
        raise ValueError("not an event of an HTTP API, payload format 2.0")
    path = str(document.get("rawPath") or http.get("path") or "/")
    stage = str(context.get("stage") or "$default")
    if stage != "$default" and (path == f"/{stage}" or path.startswith(f"/{stage}/")):
        path = path[len(stage) + 1 :] or "/"
    query = document.get("rawQueryString")
    if query is None:
        query = urlencode(_object(document, "queryStringParameters"))
    body = str(document.get("body") or "")
    return HttpCall(
        method=str(http.get("method", "GET")).upper(),
        path=path,
        query_string=str(query),
        headers=_texts(_object(document, "headers"), lower=True),
        body=base64.b64decode(body) if document.get("isBase64Encoded") else body.encode(),
        address=str(http.get("sourceIp") or "unknown"),
    )


def http_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Text as it is, anything else in base64."""
    kind = headers.get("content-type", "")
    is_text = kind.startswith("text/") or "json" in kind or not body
    is_text = is_text and "content-encoding" not in headers
    return {
        "statusCode": status,
        "headers": dict(headers),
        "body": body.decode() if is_text else base64.b64encode(body).decode(),
        "isBase64Encoded": not is_text,
    }


def _object(document: Document, name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _texts(values: Mapping[str, Any], *, lower: bool = False) -> dict[str, str]:
    return {
        (name.lower() if lower else name): str(value)
        for name, value in values.items()
        if value is not None
    }
