"""What the gateway's command line makes of a user pool."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ingest_gateway.access.cognito import SignIn
from ingest_gateway.hosts.aws.environment import FunctionSettings
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


def test_pages_may_fetch_from_the_clips_store_and_where_people_sign_in() -> None:
    bucket = "https://translation-audio-prod.s3"
    aws = GatewaySettings(stage="prod", region="eu-west-1")
    assert aws.asked_by_pages() == (
        f"{bucket}.amazonaws.com",
        f"{bucket}.eu-west-1.amazonaws.com",
    )
    local = GatewaySettings(
        aws_endpoint="http://127.0.0.1:4566/",
        user_pool_id=POOL,
        user_pool_clients=["pages"],
        sign_in_url="https://speakers.example/a",
    )
    assert local.asked_by_pages() == ("http://127.0.0.1:4566", "https://speakers.example")


def test_a_viewers_address_is_cloudfronts_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_VIEWER_HEADER", "cloudfront-viewer-address")
    monkeypatch.setenv("GATEWAY_TRUSTED_PROXIES", '["*"]')
    edge = FunctionSettings(connections_endpoint="https://a.example/prod").edge()
    shown = {"cloudfront-viewer-address": "203.0.113.9:4711", "x-forwarded-for": "198.51.100.1"}
    assert edge.viewer("130.176.0.1", shown) == "203.0.113.9"
    monkeypatch.setenv("GATEWAY_VIEWER_HEADER", "x-viewer")
    with pytest.raises(ValidationError, match="viewer_header"):
        GatewaySettings()
