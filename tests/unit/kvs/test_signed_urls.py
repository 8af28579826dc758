"""Signed addresses, checked as the service checks them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.interfaces.signaling_channels import TemporaryCredentials
from ingest_gateway.kvs.connection import signed_url
from local_stack.amazon_servers.signatures import BadSignatureError
from tests.kvs_server.keys import Key, Keys
from tests.kvs_server.signed_urls import check_url

pytestmark = pytest.mark.unit

ARN = "arn:aws:kinesisvideo:us-east-1:000000000000:channel/session-joyful-mountain-789/1790"
OWN = TemporaryCredentials("test", "test")


def checked(url: str, keys: Keys) -> Key:
    parts = urlsplit(url)
    return check_url(parts.netloc, parts.path, dict(parse_qsl(parts.query)), keys)


def url_for(client_id: str | None = "ingest-1", keys: TemporaryCredentials = OWN) -> str:
    return signed_url("wss://v-1.kinesisvideo.example:8443", ARN, "us-east-1", keys, client_id)


def test_the_service_finds_who_signed_for_what() -> None:
    parts = urlsplit(url_for())
    query = dict(parse_qsl(parts.query))
    assert parts.scheme == "wss"
    assert (query["X-Amz-ChannelARN"], query["X-Amz-ClientId"]) == (ARN, "ingest-1")
    assert query["X-Amz-Expires"] == "299"
    assert checked(url_for(), Keys()).secret == "test"


def test_a_master_has_no_client_id() -> None:
    assert "ClientId" not in url_for(None)
    checked(url_for(None), Keys())


def test_a_session_s_token_is_signed_too() -> None:
    service = Keys()
    key_id, key = service.hand_out(("ConnectAsViewer",), (ARN,), 60)
    keys = TemporaryCredentials(key_id, key.secret, key.token)
    assert checked(url_for(keys=keys), service) == key
    with pytest.raises(BadSignatureError, match="token"):
        checked(url_for(keys=TemporaryCredentials(key_id, key.secret)), service)


@pytest.mark.parametrize(
    ("before", "after"),
    [("ingest-1", "ingest-2"), ("mountain-789", "mountain-790"), ("Expires=299", "Expires=9999")],
)
def test_a_changed_address_is_refused(before: str, after: str) -> None:
    url = url_for()
    assert before in url
    with pytest.raises(BadSignatureError, match="match"):
        checked(url.replace(before, after), Keys())


def test_another_s_secret_and_keys_that_have_ended_are_refused() -> None:
    with pytest.raises(BadSignatureError, match="match"):
        checked(url_for(keys=TemporaryCredentials("test", "guessed")), Keys())
    service = Keys()
    key_id, key = service.hand_out(("*",), ("*",), -1)
    with pytest.raises(BadSignatureError, match="expired"):
        checked(url_for(keys=TemporaryCredentials(key_id, key.secret, key.token)), service)
