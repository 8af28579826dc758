"""API Gateway's documents, as its developer guide shows them, become values."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ingest_gateway.access.auth import Identity, InvalidTokenError
from ingest_gateway.access.tickets import Tickets
from ingest_gateway.hosts.aws.authorizer import authorize, identity_of
from ingest_gateway.hosts.aws.events import (
    Frame,
    Handshake,
    HangUp,
    handshake,
    http_answer,
    http_call,
    socket_event,
)

pytestmark = pytest.mark.unit

ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/$connect"
CONNECT: dict[str, Any] = {
    "headers": {
        "Host": "abcdef123.execute-api.us-east-1.amazonaws.com",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol": "live-translation, ticket.abc-_1",
        "X-Forwarded-For": "192.0.2.1",
    },
    "multiValueHeaders": {"Host": ["abcdef123.execute-api.us-east-1.amazonaws.com"]},
    "queryStringParameters": {"from": "page"},
    "requestContext": {
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "extendedRequestId": "ABCD1234=",
        "requestTime": "09/Feb/2024:18:11:43 +0000",
        "messageDirection": "IN",
        "stage": "prod",
        "connectedAt": 1707502303419,
        "requestTimeEpoch": 1707502303420,
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "Mozilla/5.0"},
        "requestId": "ABCD1234=",
        "domainName": "abcdef123.execute-api.us-east-1.amazonaws.com",
        "connectionId": "AAAA1234=",
        "apiId": "abcdef123",
    },
    "isBase64Encoded": False,
}


def of_type(event_type: str, **more: Any) -> dict[str, Any]:
    context = {**CONNECT["requestContext"], "eventType": event_type}
    return {"requestContext": context, "isBase64Encoded": False, **more}


def test_a_handshake() -> None:
    shaken = socket_event(CONNECT)
    assert isinstance(shaken, Handshake)
    assert (shaken.connection_id, shaken.address, shaken.user_agent) == (
        "AAAA1234=",
        "192.0.2.1",
        "Mozilla/5.0",
    )
    assert shaken.subprotocols == ["live-translation", "ticket.abc-_1"]
    assert shaken.query == {"from": "page"}


def test_a_handshake_without_anything() -> None:
    bare = {**CONNECT, "headers": None, "queryStringParameters": None}
    shaken = socket_event(bare)
    assert isinstance(shaken, Handshake)
    assert (shaken.subprotocols, shaken.query, shaken.authorized) == ([], {}, {})


def test_frames_and_hang_ups() -> None:
    text = '{"action":"heartbeat","ñ":1}'
    assert socket_event(of_type("MESSAGE", body=text)) == Frame("AAAA1234=", text)
    encoded = base64.b64encode(text.encode()).decode()
    document = of_type("MESSAGE", body=encoded, isBase64Encoded=True)
    assert socket_event(document | {"isBase64Encoded": True}) == Frame("AAAA1234=", text)
    assert socket_event(of_type("MESSAGE", body=None)) == Frame("AAAA1234=", "")
    assert socket_event(of_type("DISCONNECT")) == HangUp("AAAA1234=")


@pytest.mark.parametrize("document", [{}, {"requestContext": {}}, of_type("PING")])
def test_what_is_no_sockets_event_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="WebSocket API"):
        socket_event(document)


HTTP: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/sessions/joyful-mountain-789",
    "rawQueryString": "a=1&a=2",
    "headers": {"Authorization": "Bearer x.y.z", "content-type": "application/json"},
    "requestContext": {
        "apiId": "api-id",
        "http": {
            "method": "PATCH",
            "path": "/sessions/joyful-mountain-789",
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "agent",
        },
        "stage": "$default",
    },
    "body": '{"status":"paused"}',
    "isBase64Encoded": False,
}


def test_an_http_call() -> None:
    call = http_call(HTTP)
    assert (call.method, call.path, call.query_string) == (
        "PATCH",
        "/sessions/joyful-mountain-789",
        "a=1&a=2",
    )
    assert call.headers["authorization"] == "Bearer x.y.z"
    assert (call.body, call.address) == (b'{"status":"paused"}', "192.0.2.1")


@pytest.mark.parametrize(
    ("raw", "path"),
    [("/prod/sessions", "/sessions"), ("/prod", "/"), ("/production/x", "/production/x")],
)
def test_a_named_stage_is_no_part_of_the_path(raw: str, path: str) -> None:
    context = {**HTTP["requestContext"], "stage": "prod"}
    assert http_call({**HTTP, "rawPath": raw, "requestContext": context}).path == path


def test_a_body_in_base64() -> None:
    encoded = {**HTTP, "body": "AP8=", "isBase64Encoded": True}
    assert http_call(encoded).body == b"\x00\xff"


def test_version_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2\.0"):
        http_call({"httpMethod": "GET", "path": "/", "requestContext": {}})


def test_answers_are_text_where_they_can_be() -> None:
    json_answer = http_answer(200, {"content-type": "application/json"}, '{"ñ":1}'.encode())
    assert (json_answer["body"], json_answer["isBase64Encoded"]) == ('{"ñ":1}', False)
    audio = http_answer(200, {"content-type": "audio/mpeg"}, b"\xff\xfb")
    assert (audio["body"], audio["isBase64Encoded"]) == ("//s=", True)


# The authorizer

ADA = Identity("ada", "joyful-mountain-789", frozenset({"operator"}))


class OneToken:
    def __init__(self) -> None:
        self.prepared: list[str] = []

    async def prepare(self, token: str) -> None:
        self.prepared.append(token)

    def verify(self, token: str) -> Identity:
        if token != "good":
            raise InvalidTokenError("invalid token: it is not the one")
        return ADA


class OneTicket(Tickets):
    async def redeem(self, ticket: str) -> Identity:
        if ticket != "good":
            raise InvalidTokenError("used")
        return Identity("grace")


async def decide(headers: dict[str, str], query: dict[str, str] | None = None) -> dict[str, Any]:
    document = {**CONNECT, "headers": headers, "queryStringParameters": query}
    unused: Any = None
    tickets = OneTicket(unused, unused, unused)
    return await authorize(handshake(document), ARN, OneToken(), tickets)


def effect(answer: dict[str, Any]) -> str:
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
    return statement["Effect"]


@pytest.mark.parametrize(
    ("headers", "query", "who"),
    [
        ({"Sec-WebSocket-Protocol": "live-translation, token.good"}, None, ADA),
        ({"authorization": "Bearer good"}, None, ADA),
        ({}, {"token": "good"}, ADA),
        ({"Sec-WebSocket-Protocol": "live-translation, ticket.good"}, None, Identity("grace")),
        ({}, {"ticket": "good"}, Identity("grace")),
        ({"Sec-WebSocket-Protocol": "live-translation"}, None, None),
        ({}, None, None),
    ],
)
async def test_who_connects_is_told_to_the_handlers(
    headers: dict[str, str], query: dict[str, str] | None, who: Identity | None
) -> None:
    answer = await decide(headers, query)
    assert effect(answer) == "Allow"
    assert answer["principalId"] == (who.subject if who else "guest")
    told = json.loads(json.dumps(answer["context"]))
    assert all(isinstance(value, str) for value in told.values())
    assert identity_of(told) == who


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Sec-WebSocket-Protocol": "token.bad"}, None),
        ({}, {"token": "bad"}),
        ({}, {"ticket": "bad"}),
        # A bad ticket is not made good by a token beside it, nor is its holder a guest.
        ({"authorization": "Bearer good"}, {"ticket": "bad"}),
    ],
)
async def test_who_shows_something_wrong_is_no_guest(
    headers: dict[str, str], query: dict[str, str] | None
) -> None:
    answer = await decide(headers, query)
    assert effect(answer) == "Deny"
    assert answer["context"] == {}
