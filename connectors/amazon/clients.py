"""Clients of AWS (or of a local stand-in), kept open for the process, and their errors.

The settings of connections and the meaning of botocore's errors stand here and nowhere else.
botocore's own retries are off: ``policy`` retries, so that attempts, deadlines and rates are
counted once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from connectors.interfaces.errors import (
    ConnectorError,
    ExpiredIteratorError,
    GoneError,
    PermanentError,
    RetryableError,
    ThrottledError,
    UnsentError,
)
from schemas.names import Names

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_kinesis import KinesisClient
    from types_aiobotocore_polly import PollyClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_translate import TranslateClient

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Where AWS is and whose names to use.

    ``endpoint_url`` None: the real services of ``region``. Without keys the SDK finds credentials
    its own way (environment, role). ``max_connections`` bounds the sockets of each service.
    """

    stage: str
    region: str = "us-east-1"
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 10.0
    max_connections: int = 64

    @classmethod
    def local(cls, endpoint_url: str, stage: str) -> AwsSettings:
        """A stand-in on this machine, which takes any key."""
        key = "test"
        return cls(stage, endpoint_url=endpoint_url, access_key_id=key, secret_access_key=key)

    @property
    def names(self) -> Names:
        return Names(self.stage)


def boto_options(settings: AwsSettings) -> dict[str, Any]:
    """Keyword arguments of a client of boto3 or aiobotocore, all but its ``config``."""
    return {
        "region_name": settings.region,
        "endpoint_url": settings.endpoint_url,
        "aws_access_key_id": settings.access_key_id,
        "aws_secret_access_key": settings.secret_access_key,
    }


def boto_config_options(settings: AwsSettings) -> dict[str, Any]:
    """Keyword arguments of botocore's ``Config`` and aiobotocore's ``AioConfig``."""
    return {
        "connect_timeout": settings.connect_timeout_s,
        "read_timeout": settings.read_timeout_s,
        "max_pool_connections": settings.max_connections,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        # Browsers reach a local stand-in by address, where a bucket cannot be a host name.
        "s3": {"addressing_style": "path" if settings.endpoint_url else "virtual"},
        # TLS already protects what travels; a checksum of each clip would be paid for twice.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }


class EventBridge(Protocol):
    """What is called of ``events``: its typed stubs would be a package for one call."""

    async def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]: ...  # noqa: N803


class BedrockRuntime(Protocol):
    """What is called of ``bedrock-runtime``."""

    async def converse(self, **request: Any) -> dict[str, Any]: ...


class ManagementApi(Protocol):
    """What is called of ``apigatewaymanagementapi``."""

    async def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> Any: ...  # noqa: N803

    async def delete_connection(self, *, ConnectionId: str) -> Any: ...  # noqa: N803


class AwsClients:
    """One asynchronous client per service, opened when first asked for, on the running loop.

    Connectors share them; the maker of this object closes it, after the connectors. ``session``
    keeps the descriptions of services that it has read: sets of clients may share one.
    """

    def __init__(self, settings: AwsSettings, session: AioSession | None = None) -> None:
        self.settings = settings
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._clients: dict[str, Any] = {}
        self._session: Any = session
        self._closed = False

    async def kinesis(self) -> KinesisClient:
        return cast("KinesisClient", await self._client("kinesis"))

    async def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", await self._client("dynamodb"))

    async def s3(self) -> S3Client:
        return cast("S3Client", await self._client("s3"))

    async def translate(self) -> TranslateClient:
        return cast("TranslateClient", await self._client("translate"))

    async def bedrock(self) -> BedrockRuntime:
        return cast("BedrockRuntime", await self._client("bedrock-runtime"))

    async def polly(self) -> PollyClient:
        return cast("PollyClient", await self._client("polly"))

    async def kinesis_video(self, endpoint_url: str | None = None) -> Any:
        """Of this and the next two the development set-up holds no types. ``endpoint_url``: not
        where the settings go."""
        return await self._client("kinesisvideo", endpoint_url)

    async def kinesis_video_signaling(self, endpoint_url: str) -> Any:
        """One client for each of the service's hosts: a region has few."""
        return await self._client("kinesis-video-signaling", endpoint_url)

    async def sts(self, endpoint_url: str | None = None) -> Any:
        return await self._client("sts", endpoint_url)

    async def events(self) -> EventBridge:
        return cast("EventBridge", await self._client("events"))

    async def management(self) -> ManagementApi:
        """Of API Gateway's connections: ``settings.endpoint_url`` is that API's own."""
        return cast("ManagementApi", await self._client("apigatewaymanagementapi"))

    async def _client(self, service: str, endpoint_url: str | None = None) -> Any:
        name = f"{service} {endpoint_url or ''}"
        client = self._clients.get(name)
        if client is not None:
            return client
        async with self._opening:
            if self._closed:
                raise PermanentError("these AWS clients are closed")
            if name not in self._clients:
                self._session = self._session or get_session()
                options = boto_config_options(self.settings)
                if service == "s3":
                    # Presigned URLs of the older version end with no error a player could explain.
                    options["signature_version"] = "s3v4"
                config = AioConfig(**options)
                where = boto_options(self.settings)
                if endpoint_url is not None:
                    where["endpoint_url"] = endpoint_url
                opening = self._session.create_client(service, config=config, **where)
                with aws_errors(f"open {service}"):
                    self._clients[name] = await self._stack.enter_async_context(opening)
        return self._clients[name]

    async def close(self) -> None:
        """Close every connection. May be repeated."""
        async with self._opening:
            self._closed = True
            self._clients.clear()
            await self._stack.aclose()


_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_RETRYABLE = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "ModelErrorException",
        "ModelTimeoutException",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "RequestTimeoutException",
        "ReplicatedWriteConflictException",
        "ServiceUnavailable",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_NO_CONNECTION = (ConnectTimeoutError, CredentialRetrievalError, MetadataRetrievalError)
_BROKEN_CONNECTION = (
    HTTPClientError,
    BotoConnectionError,
    ResponseStreamingError,
    IncompleteReadError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
)


@contextmanager
def aws_errors(action: str) -> Generator[None, None, None]:
    """Raise what botocore raises as one of ``errors``; ``action`` says what was tried.

    The service's own text may repeat what was sent (speech), so it goes no further than DEBUG.
    """
    try:
        yield
    except ConnectorError:
        raise
    except ClientError as error:
        _log.debug("%s: %s", action, error)
        raise connector_error(action, error) from None
    except _NO_CONNECTION as error:
        raise UnsentError(f"{action}: {type(error).__name__}") from error
    except _BROKEN_CONNECTION as error:
        meaning = UnsentError if _never_connected(error) else RetryableError
        raise meaning(f"{action}: {type(error).__name__}") from error
    except BotoCoreError as error:
        _log.debug("%s: %s", action, error)
        raise PermanentError(f"{action}: {type(error).__name__}") from None


def _never_connected(error: BaseException) -> bool:
    """aiobotocore says EndpointConnectionError of connections that broke in a request, too."""
    if not isinstance(error, EndpointConnectionError):
        return False
    return isinstance(error.kwargs.get("error"), aiohttp.ClientConnectorError)


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def connector_error(action: str, error: ClientError) -> ConnectorError:
    """What a service's refusal means for a retry policy."""
    code = error_code(error)
    answer = cast("dict[str, Any]", error.response.get("ResponseMetadata", {}))
    status = int(answer.get("HTTPStatusCode", 0))
    text = f"{action}: {code} (HTTP {status}, request {answer.get('RequestId', 'unknown')})"
    if code == "ExpiredIteratorException":
        return ExpiredIteratorError(text)
    if code == "GoneException" or status == 410:
        return GoneError(text)
    if code in _THROTTLED or status == 429:
        return ThrottledError(text, _retry_after_s(answer.get("HTTPHeaders", {})))
    if code in _RETRYABLE or status >= 500:
        return RetryableError(text)
    return PermanentError(text)


def _retry_after_s(headers: dict[str, str]) -> float | None:
    """``Retry-After`` as seconds; its other form, a date, is not used by these services."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None
