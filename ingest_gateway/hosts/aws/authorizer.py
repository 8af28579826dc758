"""Who may connect: a speaker with a token or a ticket, and guests.

The authorizer of ``$connect`` reads both where clients put them and tells the handlers who it is
through API Gateway's context. It answers for one connection, so its answers must not be cached
(``AuthorizerResultTtlInSeconds`` 0, no identity sources: guests bring nothing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest_gateway.access.admission import identify
from ingest_gateway.access.auth import Identity, InvalidTokenError, TokenVerifier
from ingest_gateway.access.tickets import Tickets
from ingest_gateway.hosts.aws.events import Handshake

GUEST = "guest"
_IDENTITY = "identity"


async def authorize(
    handshake: Handshake, method_arn: str, verifier: TokenVerifier, tickets: Tickets
) -> dict[str, Any]:
    """The authorizer's answer. Raises ConnectorError, which API Gateway shows as 500: try again."""
    try:
        identity = await identify(
            verifier,
            tickets,
            headers=handshake.headers,
            query=handshake.query,
            subprotocols=handshake.subprotocols,
        )
    except InvalidTokenError:
        return _policy("Deny", GUEST, method_arn, {})
    if identity is None:
        return _policy("Allow", GUEST, method_arn, {})
    # A context holds texts only.
    context = {_IDENTITY: msgspec.json.encode(identity).decode()}
    return _policy("Allow", identity.subject, method_arn, context)


def identity_of(authorized: Mapping[str, str]) -> Identity | None:
    """Who it is by the authorizer's context; None: a guest."""
    text = authorized.get(_IDENTITY)
    return None if text is None else msgspec.json.decode(text, type=Identity)


def _policy(
    effect: str, principal: str, method_arn: str, context: Mapping[str, str]
) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": method_arn}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": dict(context),
    }
