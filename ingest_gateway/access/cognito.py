"""Speakers' tokens from an Amazon Cognito User Pool.

What is checked, beside signature and time: the algorithm is RS256 and nothing else, the key is one
that the pool publishes (named by ``kid``; a token that brings or names keys of its own is refused),
the issuer is the pool, the client is one of ours (``aud`` of an id token, ``client_id`` of an
access token), and ``token_use`` says which of both it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from connectors.interfaces.errors import ConnectorError, RetryableError
from ingest_gateway.access.auth import (
    CLOCK_LEEWAY_S,
    Identity,
    InvalidTokenError,
    expiry_ms,
    roles_of,
    token_id,
)

KEYS_KEPT_S = 24 * 3600.0
"""A key that the pool has withdrawn is believed for at most this long."""
KEYS_ASKED_EVERY_S = 30.0
"""However many tokens with unknown keys come."""
FAILED_AGAIN_S = 1.0
"""The pool is asked again, when it did not answer."""
_ASK_TIMEOUT = aiohttp.ClientTimeout(total=3)
_MOST_TOKEN_BYTES = 8 * 1024
_ALGORITHM = "RS256"
_OWN_KEYS = ("jku", "jwk", "x5u", "x5c", "crit")
_ROLES_CLAIM = "cognito:groups"
_SESSION_CLAIM = "custom:sessionId"

_log = logging.getLogger(__name__)

FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]
"""The pool's key set as JSON (``keys``); raises ``errors.*``."""


@dataclass(frozen=True, slots=True)
class UserPool:
    """``client_ids``: the app clients whose tokens are ours; ``token_uses``: ``access``, ``id``.
    ``endpoint_url`` None: Cognito itself; else a stand-in that serves the pool's keys."""

    region: str
    pool_id: str
    client_ids: frozenset[str]
    token_uses: frozenset[str] = frozenset({"access", "id"})
    endpoint_url: str | None = None

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{self.region}.amazonaws.com/{self.pool_id}"

    @property
    def keys_url(self) -> str:
        base = self.issuer
        if self.endpoint_url is not None:
            base = f"{self.endpoint_url.rstrip('/')}/{self.pool_id}"
        return f"{base}/.well-known/jwks.json"


class SignIn(msgspec.Struct, frozen=True, rename="camel"):
    """Where people sign in: the pool's own pages, as ``client_id``. The pages come back with a code
    (OAuth 2.0 with PKCE) to the address that they left."""

    url: str
    client_id: str


class PublishedKeys:
    """The pool's keys, by ``kid``. ``now_s`` is a monotonic clock."""

    def __init__(self, fetch: FetchKeys, now_s: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now_s = now_s
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at_s = float("-inf")
        self._asked_at_s = float("-inf")
        self._failed_at_s: float | None = None
        self._asking = asyncio.Lock()

    def get(self, kid: str) -> RSAKey | None:
        return self._keys.get(kid)

    async def look_for(self, kid: str) -> None:
        """Ask the pool when this key is unknown or the keys are old, unless it was just asked.
        Raises ConnectorError when it does not answer and the key is not known: such a token is not
        wrong, and its holder is to try again."""
        if self._knows(kid):
            return
        async with self._asking:  # while another caller asks already, wait for the answer
            if self._knows(kid):
                return
            if not self._has_just_failed() and not self._was_just_asked():
                await self._ask()
            if self._failed_at_s is not None and kid not in self._keys:
                raise RetryableError("the pool's keys are not known yet")

    async def _ask(self) -> None:
        try:
            published = await self._fetch()
        except ConnectorError as error:  # the keys we know are still good
            _log.warning("the pool's keys were not fetched: %s", error)
            self._failed_at_s = self._now_s()
            return
        self._failed_at_s = None
        self._keys = _rsa_keys(published)
        self._fetched_at_s = self._asked_at_s = self._now_s()

    def _was_just_asked(self) -> bool:
        return self._now_s() - self._asked_at_s < KEYS_ASKED_EVERY_S

    def _has_just_failed(self) -> bool:
        failed_at_s = self._failed_at_s
        return failed_at_s is not None and self._now_s() - failed_at_s < FAILED_AGAIN_S

    def _knows(self, kid: str) -> bool:
        return kid in self._keys and self._now_s() - self._fetched_at_s < KEYS_KEPT_S


class CognitoVerifier:
    def __init__(self, pool: UserPool, keys: PublishedKeys) -> None:
        self._pool = pool
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_LEEWAY_S,
            iss={"essential": True, "value": pool.issuer},
            exp={"essential": True},
            sub={"essential": True, "allow_blank": False},
            token_use={"essential": True, "values": sorted(pool.token_uses)},
        )

    async def prepare(self, token: str) -> None:
        """Ask for the key that the token names. What is wrong with it, ``verify`` says."""
        try:
            kid = _key_id(token)
        except InvalidTokenError:
            return
        await self._keys.look_for(kid)

    def verify(self, token: str) -> Identity:
        key = self._keys.get(_key_id(token))
        if key is None:
            raise InvalidTokenError("invalid token: the pool publishes no such key")
        try:
            decoded = jwt.decode(token, key, algorithms=[_ALGORITHM])
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise InvalidTokenError(f"invalid token: {type(error).__name__}") from None
        claims = decoded.claims
        use = claims["token_use"]
        audience = claims.get("aud" if use == "id" else "client_id")
        if not isinstance(audience, str) or audience not in self._pool.client_ids:
            raise InvalidTokenError("invalid token: it was made for another client")
        subject, session_id = claims["sub"], claims.get(_SESSION_CLAIM)
        if not isinstance(subject, str) or len(subject) > 128:
            raise InvalidTokenError("invalid token: sub is a text of at most 128 characters")
        if session_id is not None and not isinstance(session_id, str):
            raise InvalidTokenError(f"invalid token: {_SESSION_CLAIM} is a text")
        roles = roles_of(claims.get(_ROLES_CLAIM, []))
        return Identity(subject, session_id, roles, token_id(token), expiry_ms(claims))


def cognito_verifier(pool: UserPool) -> CognitoVerifier:
    return CognitoVerifier(pool, PublishedKeys(lambda: fetch_keys(pool.keys_url)))


async def fetch_keys(url: str) -> Mapping[str, Any]:
    """Raises RetryableError."""
    try:
        async with aiohttp.ClientSession(timeout=_ASK_TIMEOUT) as session, session.get(url) as got:
            if got.status != 200:
                raise RetryableError(f"the pool's keys: HTTP {got.status}")
            return msgspec.json.decode(await got.read(), type=dict[str, Any])
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        raise RetryableError(f"the pool's keys: {type(error).__name__}") from None


def _key_id(token: str) -> str:
    """The key that an unverified token names. Raises InvalidTokenError."""
    if len(token) > _MOST_TOKEN_BYTES:
        raise InvalidTokenError("invalid token: it is too long")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError):
        raise InvalidTokenError("invalid token: it is no signed token") from None
    if header.get("alg") != _ALGORITHM:
        raise InvalidTokenError(f"invalid token: it must be signed with {_ALGORITHM}")
    if any(name in header for name in _OWN_KEYS):
        raise InvalidTokenError("invalid token: it must not bring keys of its own")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidTokenError("invalid token: it names no key")
    return kid


def _rsa_keys(published: Mapping[str, Any]) -> dict[str, RSAKey]:
    """Those that may sign tokens; anything else in the set is passed over."""
    keys: dict[str, RSAKey] = {}
    listed = published.get("keys")
    for one in cast("list[Any]", listed) if isinstance(listed, list) else []:
        if not isinstance(one, dict):
            continue
        fields = cast("dict[str, Any]", one)
        kid = fields.get("kid")
        signs = fields.get("use", "sig") == "sig" and fields.get("alg", _ALGORITHM) == _ALGORITHM
        if fields.get("kty") != "RSA" or not signs or not isinstance(kid, str):
            continue
        try:
            keys[kid] = RSAKey.import_key(fields)
        except (JoseError, ValueError):
            continue
    return keys
