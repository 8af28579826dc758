"""Tokens of a Cognito User Pool: what is taken, and every attack that is not."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from connectors.interfaces.errors import RetryableError
from ingest_gateway.access.auth import Identity, InvalidTokenError
from ingest_gateway.access.cognito import (
    FAILED_AGAIN_S,
    KEYS_ASKED_EVERY_S,
    KEYS_KEPT_S,
    CognitoVerifier,
    PublishedKeys,
    UserPool,
)

pytestmark = pytest.mark.unit

POOL = UserPool("eu-central-1", "eu-central-1_AbCdEf", frozenset({"pages", "programs"}))
KEY = RSAKey.generate_key(2048, private=True)
STRANGERS_KEY = RSAKey.generate_key(2048, private=True)
ACCESS = {
    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf",
    "sub": "5b1f0c3e-ada",
    "client_id": "pages",
    "token_use": "access",
    "exp": 4_000_000_000,
}
ID = {**{k: v for k, v in ACCESS.items() if k != "client_id"}, "aud": "pages", "token_use": "id"}


def published(*keys: tuple[str, RSAKey]) -> dict[str, Any]:
    return {
        "keys": [
            {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": "RS256"}
            for kid, key in keys
        ]
    }


class Pool:
    """What the pool publishes, and how often it was asked."""

    def __init__(self, *keys: tuple[str, RSAKey]) -> None:
        self.now_s = 1000.0
        self.asked = 0
        self.answer: Mapping[str, Any] | RetryableError = published(*keys)
        self.keys = PublishedKeys(self.fetch, lambda: self.now_s)
        self.verifier = CognitoVerifier(POOL, self.keys)

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, RetryableError):
            raise self.answer
        return self.answer

    async def verify(self, token: str) -> Identity:
        await self.verifier.prepare(token)
        return self.verifier.verify(token)


def signed(claims: Mapping[str, Any] = ACCESS, key: RSAKey = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, dict(claims), key, ["RS256"])


def by_hand(header: Mapping[str, Any], claims: Mapping[str, Any], signature: str = "") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, signature])


@pytest.fixture
def pool() -> Pool:
    return Pool(("one", KEY))


# What is taken


@pytest.mark.parametrize("claims", [ACCESS, ID])
async def test_access_and_id_tokens_of_the_pool_are_taken(
    pool: Pool, claims: dict[str, Any]
) -> None:
    identity = await pool.verify(signed(claims))
    assert (identity.subject, identity.session_id, identity.roles) == (
        "5b1f0c3e-ada",
        None,
        frozenset(),
    )
    assert identity.expires_at_ms == claims["exp"] * 1000


async def test_groups_are_roles_and_a_token_may_be_for_one_session(pool: Pool) -> None:
    more = {"cognito:groups": ["operator"], "custom:sessionId": "joyful-mountain-789"}
    identity = await pool.verify(signed({**ID, **more}))
    assert identity.session_id == "joyful-mountain-789"
    assert identity.roles == frozenset({"operator"})


# What is not


async def refused(pool: Pool, token: str, why: str) -> None:
    with pytest.raises(InvalidTokenError, match=why) as raised:
        await pool.verify(token)
    assert "ada" not in str(raised.value)


async def test_none_is_no_algorithm(pool: Pool) -> None:
    for name in ("none", "None", "NONE"):
        await refused(pool, by_hand({"alg": name, "kid": "one"}, ACCESS), "RS256")


async def test_the_public_key_is_no_secret(pool: Pool) -> None:
    """HS256 with the published key as its secret: the confusion of algorithms."""
    for secret in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode()):
        unsigned = by_hand({"alg": "HS256", "kid": "one"}, ACCESS)
        digest = hmac.digest(secret, unsigned.removesuffix(".").encode(), "sha256")
        forged = unsigned + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        await refused(pool, forged, "RS256")


async def test_a_foreign_key_is_refused(pool: Pool) -> None:
    await refused(pool, signed(key=STRANGERS_KEY, kid="strange"), "no such key")


async def test_a_foreign_signature_under_a_known_name_is_refused(pool: Pool) -> None:
    await refused(pool, signed(key=STRANGERS_KEY), "BadSignatureError")


@pytest.mark.parametrize(
    "own",
    [
        {"jku": "https://evil.example/jwks.json"},
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"x5u": "https://evil.example/cert.pem"},
        {"crit": ["exp"]},
    ],
    ids=["jku", "jwk", "x5u", "crit"],
)
async def test_a_token_that_brings_its_own_key_is_refused(pool: Pool, own: dict[str, Any]) -> None:
    """Though its key is known: such a header is nothing that Cognito writes. Nobody is asked."""
    header = {"alg": "RS256", "kid": "one", **own}
    genuine = signed().split(".")
    await refused(pool, by_hand(header, ACCESS, genuine[2]), "keys of its own")
    assert pool.asked == 0


async def test_a_token_without_a_key_id_is_refused(pool: Pool) -> None:
    token = jwt.encode({"alg": "RS256"}, dict(ACCESS), KEY, ["RS256"])
    await refused(pool, token, "names no key")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other"}, "Claim"),
        ({"iss": None}, "Claim"),
        ({"exp": 1_000_000_000}, "Expired"),
        ({"exp": None}, "Claim"),
        ({"sub": ""}, "Claim"),
        ({"sub": None}, "Claim"),
        ({"token_use": "refresh"}, "Claim"),
        ({"token_use": None}, "Claim"),
        ({"client_id": "another"}, "another client"),
        ({"client_id": None}, "another client"),
        ({"client_id": None, "aud": "pages"}, "another client"),
        ({"token_use": "id"}, "another client"),
        ({"token_use": "id", "aud": ["pages"]}, "another client"),
    ],
)
async def test_claims_of_others_are_refused(pool: Pool, change: dict[str, Any], why: str) -> None:
    claims = {name: value for name, value in {**ACCESS, **change}.items() if value is not None}
    await refused(pool, signed(claims), why)


async def test_a_pool_may_be_held_to_access_tokens() -> None:
    only = UserPool(POOL.region, POOL.pool_id, POOL.client_ids, token_uses=frozenset({"access"}))
    pool = Pool(("one", KEY))
    pool.verifier = CognitoVerifier(only, pool.keys)
    await pool.verify(signed())
    await refused(pool, signed(ID), "Claim")


async def test_expiry_has_half_a_minute_of_patience_with_clocks(pool: Pool) -> None:
    now_s = int(time.time())
    await pool.verify(signed({**ACCESS, "exp": now_s - 10}))
    await refused(pool, signed({**ACCESS, "exp": now_s - 60}), "Expired")


@pytest.mark.parametrize("token", ["", "a.b", "not.a.token", "ñ.ñ.ñ", "x" * 9000])
async def test_what_is_no_token_asks_nobody(pool: Pool, token: str) -> None:
    await refused(pool, token, "invalid token")
    assert pool.asked == 0


# The keys


async def test_a_hundred_tokens_ask_for_the_keys_once(pool: Pool) -> None:
    await asyncio.gather(*(pool.verify(signed()) for _ in range(100)))
    assert pool.asked == 1


async def test_unknown_keys_do_not_make_us_ask_more_often(pool: Pool) -> None:
    await pool.verify(signed())
    for number in range(20):
        await refused(pool, signed(key=STRANGERS_KEY, kid=f"made-up-{number}"), "no such key")
    assert pool.asked == 1
    pool.now_s += KEYS_ASKED_EVERY_S
    for number in range(20):
        await refused(pool, signed(key=STRANGERS_KEY, kid=f"made-up-{number}"), "no such key")
    assert pool.asked == 2


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(pool: Pool) -> None:
    await pool.verify(signed())
    pool.answer = published(("two", STRANGERS_KEY))
    pool.now_s += KEYS_ASKED_EVERY_S
    await pool.verify(signed(key=STRANGERS_KEY, kid="two"))
    await refused(pool, signed(), "no such key")


async def test_a_withdrawn_key_is_believed_for_a_day_at_most(pool: Pool) -> None:
    await pool.verify(signed())
    pool.answer = published(("two", STRANGERS_KEY))
    pool.now_s += KEYS_KEPT_S - 1
    await pool.verify(signed())
    pool.now_s += 1
    await refused(pool, signed(), "no such key")


async def test_while_the_pool_is_away_known_keys_serve(pool: Pool) -> None:
    await pool.verify(signed())
    pool.answer = RetryableError("away")
    pool.now_s += KEYS_KEPT_S
    await pool.verify(signed())
    assert pool.asked == 2


async def test_a_pool_that_never_answered_is_an_error_and_is_not_hammered() -> None:
    pool = Pool()
    pool.answer = RetryableError("away")
    for _ in range(3):  # a token is not wrong because its key is not known yet
        with pytest.raises(RetryableError):
            await pool.verify(signed())
    assert pool.asked == 1
    pool.answer = published(("one", KEY))
    pool.now_s += FAILED_AGAIN_S
    await pool.verify(signed())
    assert pool.asked == 2


async def test_a_key_that_is_new_while_the_pool_is_away_is_not_refused(pool: Pool) -> None:
    await pool.verify(signed())
    pool.answer = RetryableError("away")
    pool.now_s += KEYS_ASKED_EVERY_S
    with pytest.raises(RetryableError):
        await pool.verify(signed(key=STRANGERS_KEY, kid="two"))
    await pool.verify(signed())


async def test_other_keys_in_the_set_are_passed_over() -> None:
    pool = Pool()
    good = published(("one", KEY))["keys"][0]
    pool.answer = {
        "keys": [
            "nonsense",
            {"kty": "oct", "kid": "secret", "k": "AAAA"},
            {**good, "kid": "for-encryption", "use": "enc"},
            {**good, "kid": "broken", "n": "!"},
            good,
        ]
    }
    await pool.verify(signed())
    for kid in ("secret", "for-encryption", "broken"):
        assert pool.keys.get(kid) is None
