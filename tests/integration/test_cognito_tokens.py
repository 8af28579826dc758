"""Tokens that a User Pool of the local cloud signed, checked with the keys it publishes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from connectors.amazon.clients import boto_options
from ingest_gateway.access.auth import InvalidTokenError
from ingest_gateway.access.cognito import UserPool, cognito_verifier

if TYPE_CHECKING:
    from tests.conftest import LocalCloud

pytestmark = pytest.mark.integration

PASSWORD = "Correct-horse-7"


def sign_in(cloud: LocalCloud) -> tuple[str, str, dict[str, str]]:
    """A new pool with one user: (pool, client, tokens by their use)."""
    session: Any = boto3.session.Session()
    cognito = session.client("cognito-idp", **boto_options(cloud.settings()))
    pool = cognito.create_user_pool(PoolName="speakers")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="pages", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ada", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="ada", Password=PASSWORD, Permanent=True
    )
    answer = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    return pool, client, {"access": answer["AccessToken"], "id": answer["IdToken"]}


async def test_who_signs_in_may_speak(local_cloud: LocalCloud) -> None:
    pool, client, tokens = await asyncio.to_thread(sign_in, local_cloud)

    def verifier(*clients: str) -> Any:
        ours = UserPool(
            "us-east-1", pool, frozenset(clients), endpoint_url=local_cloud.endpoint_url
        )
        return cognito_verifier(ours)

    good, strict = verifier(client), verifier("another-client")
    subjects: set[str] = set()
    for token in tokens.values():
        await good.prepare(token)
        subjects.add(good.verify(token).subject)
        await strict.prepare(token)
        with pytest.raises(InvalidTokenError, match="another client"):
            strict.verify(token)
    assert len(subjects) == 1
    assert subjects != {""}
