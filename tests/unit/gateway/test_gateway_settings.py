"""What the gateway's command line makes of a user pool."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ingest_gateway.access.cognito import SignIn
from ingest_gateway.settings import GatewaySettings

pytestmark = pytest.mark.unit

POOL = "eu-central-1_AbCdEf"


def test_people_sign_in_as_the_pools_first_client() -> None:
    settings = GatewaySettings(
        user_pool_id=POOL,
        user_pool_clients=["pages", "programs"],
        sign_in_url="https://speakers.auth.eu-central-1.amazoncognito.com/",
    )
    assert settings.sign_in() == SignIn(
        "https://speakers.auth.eu-central-1.amazoncognito.com", "pages"
    )


def test_without_an_address_people_bring_their_token() -> None:
    assert GatewaySettings(user_pool_id=POOL, user_pool_clients=["pages"]).sign_in() is None


def test_nobody_signs_in_without_a_pool() -> None:
    with pytest.raises(ValidationError, match="--sign-in-url together with --user-pool-id"):
        GatewaySettings(sign_in_url="https://speakers.example")
