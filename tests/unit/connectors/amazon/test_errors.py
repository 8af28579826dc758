"""What AWS refuses, said in the words that a retry policy understands."""

from __future__ import annotations

import logging
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from botocore import exceptions as boto

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors
from connectors.interfaces.errors import (
    ConnectorError,
    ExpiredIteratorError,
    GoneError,
    PermanentError,
    RetryableError,
    ThrottledError,
    UnsentError,
)

pytestmark = pytest.mark.unit

SPEECH = "what somebody said"
REFUSED = aiohttp.ClientConnectorError(
    ConnectionKey(
        "x", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
    ),
    ConnectionRefusedError(),
)


def refusal(code: str, status: int, headers: dict[str, str] | None = None) -> boto.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": f"Value '{SPEECH}' is not valid"},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "RequestId": "r-1",
            "HTTPHeaders": headers or {},
        },
    }
    return boto.ClientError(response, "PutItem")


def raised_as(error: Exception) -> ConnectorError:
    with pytest.raises(ConnectorError) as raised, aws_errors("commit an entry"):
        raise error
    return raised.value


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("ProvisionedThroughputExceededException", 400, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("SlowDown", 503, ThrottledError),
        ("LimitExceededException", 429, ThrottledError),
        ("Unheard", 429, ThrottledError),
        ("ExpiredIteratorException", 400, ExpiredIteratorError),
        ("GoneException", 410, GoneError),
        ("InternalServerError", 500, RetryableError),
        ("Unheard", 502, RetryableError),
        ("ExpiredTokenException", 400, RetryableError),
        ("RequestTimeout", 400, RetryableError),
        ("ResourceNotFoundException", 400, PermanentError),
        ("ValidationException", 400, PermanentError),
        ("AccessDeniedException", 403, PermanentError),
    ],
)
def test_each_refusal_has_one_meaning(
    code: str, status: int, meaning: type[ConnectorError]
) -> None:
    error = raised_as(refusal(code, status))
    assert type(error) is meaning
    assert str(error) == f"commit an entry: {code} (HTTP {status}, request r-1)"


def test_a_service_says_how_long_to_wait() -> None:
    throttled = raised_as(refusal("ThrottlingException", 400, {"retry-after": "2.5"}))
    assert isinstance(throttled, ThrottledError)
    assert throttled.retry_after_s == 2.5
    dated = raised_as(refusal("SlowDown", 503, {"retry-after": "Sat, 21 Nov 2026 07:00:00 GMT"}))
    assert isinstance(dated, ThrottledError)
    assert dated.retry_after_s is None


@pytest.mark.parametrize(
    "error",
    [
        boto.ReadTimeoutError(endpoint_url="x"),
        boto.EndpointConnectionError(endpoint_url="x", error=aiohttp.ClientOSError("reset")),
        boto.ConnectionClosedError(endpoint_url="x"),
        boto.HTTPClientError(error="x"),
        boto.ResponseStreamingError(error="x"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        aiohttp.ClientPayloadError("x"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_a_broken_connection_may_be_tried_again(error: Exception) -> None:
    assert type(raised_as(error)) is RetryableError


@pytest.mark.parametrize(
    "error",
    [
        boto.ConnectTimeoutError(endpoint_url="x"),
        boto.EndpointConnectionError(endpoint_url="x", error=REFUSED),
        boto.CredentialRetrievalError(provider="x", error_msg="x"),
    ],
)
def test_what_never_left_this_machine_was_not_done(error: Exception) -> None:
    assert type(raised_as(error)) is UnsentError


async def test_a_connection_that_cannot_be_made() -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        clients = AwsClients(AwsSettings.local(f"http://127.0.0.1:{taken.getsockname()[1]}", "x"))
        kinesis = await clients.kinesis()
        with pytest.raises(UnsentError), aws_errors("list streams"):
            await kinesis.list_streams()
        await clients.close()


@pytest.mark.parametrize(
    "error", [boto.NoCredentialsError(), boto.ParamValidationError(report=SPEECH)]
)
def test_what_was_set_up_wrong_stays_wrong(error: Exception) -> None:
    assert type(raised_as(error)) is PermanentError


def test_no_speech_in_errors_nor_in_logs_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for error in (
        refusal("ValidationException", 400),
        refusal("InternalServerError", 500),
        boto.ParamValidationError(report=SPEECH),
    ):
        said = raised_as(error)
        assert SPEECH not in str(said)
        assert said.__cause__ is None
    assert SPEECH not in caplog.text


def test_our_own_errors_pass_unchanged() -> None:
    own = PermanentError("no entry")
    assert raised_as(own) is own


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(KeyError), aws_errors("commit an entry"):
        raise KeyError("text")


def test_names_follow_the_stage() -> None:
    assert AwsSettings.local("http://127.0.0.1:1", "demo").names.audio_stream == (
        "audio-ingestion-demo"
    )


def test_a_key_is_not_shown_with_the_settings() -> None:
    assert "made-up" not in repr(AwsSettings("demo", secret_access_key="made-up"))
