"""Who speaks: signed tokens (RS256) and their keys (JWKS).

A verifier is all the gateway needs; the local issuer is one with its own key. Where a client
puts its token: ``Authorization: Bearer`` (programs), the WebSocket subprotocol ``token.<jwt>``
beside ``live-translation`` (browsers cannot set headers, and a subprotocol does not end up in
logs as an address does), or the query ``?token=`` as API Gateway's authorizers read it. Instead of
a token a browser may show a ticket, once: ``ticket.<ticket>`` or ``?ticket=`` (``tickets``).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from ingest_gateway.access.listener_rules import Shown

SUBPROTOCOL = "live-translation"
TOKEN_SUBPROTOCOL = "token."  # noqa: S105 - a prefix, not a token
TICKET_SUBPROTOCOL = "ticket."
KEY_PREFIX = "key."
KEY_HEADER = "x-listening-key"
CODE_HEADER = "x-access-code"
SEAT_HEADER = "x-listener-seat"
LOCAL_ISSUER = "local-issuer"
AUDIENCE = "live-translation"
OPERATOR = "operator"
"""The role of those who may see how everybody's sessions fare."""
_ALGORITHMS = ["RS256"]
CLOCK_LEEWAY_S = 30


class InvalidTokenError(Exception):
    """The message says what is wrong, never what the token holds."""


@dataclass(frozen=True, slots=True)
class Identity:
    """``session_id``: the one session the token is for (claim ``sessionId``), if it says so.
    ``roles``: what its holder may do beyond speaking (claim ``roles``). ``token_id`` names the
    token without being worth anything; ``expires_at_ms``: when it ends, by its claim ``exp``."""

    subject: str
    session_id: str | None = None
    roles: frozenset[str] = frozenset()
    token_id: str | None = None
    expires_at_ms: int | None = None


class TokenVerifier(Protocol):
    async def prepare(self, token: str) -> None:
        """Fetch what ``verify`` needs for this token. Raises ``connectors.interfaces.errors.*``."""
        ...

    def verify(self, token: str) -> Identity:
        """Raises InvalidTokenError."""
        ...


class KeySetVerifier:
    """Accepts tokens that a key of this set signed, for our audience and from this issuer."""

    def __init__(self, keys: KeySet, issuer: str, audience: str = AUDIENCE) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True, "allow_blank": False},
        )

    async def prepare(self, token: str) -> None:
        """All keys are here."""

    def verify(self, token: str) -> Identity:
        try:
            decoded = jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise InvalidTokenError(f"invalid token: {type(error).__name__}") from None
        subject = decoded.claims["sub"]
        if not isinstance(subject, str) or len(subject) > 128:
            raise InvalidTokenError("invalid token: sub is a text of at most 128 characters")
        session_id = decoded.claims.get("sessionId")
        if session_id is not None and not isinstance(session_id, str):
            raise InvalidTokenError("invalid token: sessionId is a text")
        roles = roles_of(decoded.claims.get("roles", []))
        return Identity(subject, session_id, roles, token_id(token), expiry_ms(decoded.claims))


def token_id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def expiry_ms(claims: Mapping[str, Any]) -> int:
    """Of claims that were validated."""
    return int(claims["exp"] * 1000)


def roles_of(claim: object) -> frozenset[str]:
    names = cast("list[object]", claim) if isinstance(claim, list) else [None]
    if not all(isinstance(name, str) for name in names):
        raise InvalidTokenError("invalid token: roles is a list of texts")
    return frozenset(cast("list[str]", names))


class LocalIssuer:
    """Signs and verifies with a key of its own. ``key_path``: kept there, so that tokens outlive
    a restart of the gateway; made (readable by its owner only) when it is missing."""

    def __init__(self, key_path: Path | None = None) -> None:
        self._key = _load_or_make(key_path)
        self._key.ensure_kid()
        self._verifier = KeySetVerifier(KeySet([self._key]), LOCAL_ISSUER)

    def issue(
        self,
        subject: str,
        lifetime_s: int = 12 * 3600,
        session_id: str | None = None,
        roles: tuple[str, ...] = (),
    ) -> str:
        now_s = int(time.time())
        claims: dict[str, object] = {
            "iss": LOCAL_ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now_s,
            "exp": now_s + lifetime_s,
        }
        if session_id is not None:
            claims["sessionId"] = session_id
        if roles:
            claims["roles"] = list(roles)
        header = {"alg": "RS256", "kid": self._key.kid}
        return jwt.encode(cast("dict[str, Any]", header), claims, self._key, _ALGORITHMS)

    async def prepare(self, token: str) -> None:
        """Its key is here."""

    def verify(self, token: str) -> Identity:
        return self._verifier.verify(token)

    def jwks(self) -> dict[str, Any]:
        return cast("dict[str, Any]", KeySet([self._key]).as_dict(private=False))


def _load_or_make(path: Path | None) -> RSAKey:
    if path is None:
        return RSAKey.generate_key(2048, private=True)
    if path.exists():
        return RSAKey.import_key(path.read_bytes())
    key = RSAKey.generate_key(2048, private=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return key


def presented_token(
    headers: Mapping[str, str], query: Mapping[str, str], subprotocols: list[str]
) -> str | None:
    """The token of a request, wherever the client could put it."""
    bearer = _bearer(headers)
    if bearer is not None and not bearer.startswith(KEY_PREFIX):
        return bearer
    return _offered(TOKEN_SUBPROTOCOL, subprotocols) or query.get("token") or None


def presented_listening(headers: Mapping[str, str], query: Mapping[str, str]) -> Shown:
    """What a listener shows over HTTP: headers, or the query, for addresses that are opened or
    downloaded as they are. Players that know a bearer token only send ``key.<key>`` as one."""
    bearer = _bearer(headers) or ""
    of_bearer = bearer.removeprefix(KEY_PREFIX) if bearer.startswith(KEY_PREFIX) else None
    return Shown(
        key=headers.get(KEY_HEADER) or query.get("key") or of_bearer,
        code=headers.get(CODE_HEADER) or query.get("code"),
        seat=headers.get(SEAT_HEADER) or query.get("seat"),
    )


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def presented_ticket(query: Mapping[str, str], subprotocols: list[str]) -> str | None:
    """The ticket of a WebSocket's handshake."""
    return _offered(TICKET_SUBPROTOCOL, subprotocols) or query.get("ticket") or None


def _offered(prefix: str, subprotocols: list[str]) -> str | None:
    found = (name.removeprefix(prefix) for name in subprotocols if name.startswith(prefix))
    return next(found, None)
