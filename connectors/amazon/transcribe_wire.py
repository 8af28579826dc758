"""Transcribe's event stream by the official SDK (``amazon-transcribe``), as few types of our own.

The one module that knows the SDK, which is no longer developed, and what has to be mended in it:

- its reader of audio spins a whole core for each open stream; here it waits a little instead;
- a broken connection looks like the end of the results; here it is an error;
- streams share one connection, which cannot give up one stream of it; here each has its own;
- a certificate authority other than the system's cannot be named; here it can.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import ParseResult

from amazon_transcribe import exceptions as sdk
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.eventstream import ParserError
from amazon_transcribe.httpsession import AwsCrtHttpResponse, AwsCrtHttpSessionManager
from amazon_transcribe.model import Result, StartStreamTranscriptionEventStream, TranscriptEvent
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpClientConnection
from awscrt.io import ClientTlsContext, TlsContextOptions
from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsSettings, connector_error
from connectors.amazon.transcript import TranscriptItem, TranscriptResult
from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError

LULL_S = 0.001
"""How long awscrt's thread waits when a stream has no audio for it; the streams of a thread take
turns, so many wait longer but cost no more."""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What one stream asks for. ``locale`` None: identify it among ``among`` (at least two)."""

    locale: str | None
    sample_rate_hz: int
    among: tuple[str, ...] = ()
    preferred: str | None = None
    vocabularies: tuple[str, ...] = ()
    vocabulary_filters: tuple[str, ...] = ()
    filter_method: str | None = None
    stability: str = "high"

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the SDK. Several names are for several languages only."""
        identifies = self.locale is None
        options: dict[str, Any] = {
            "language_code": self.locale,
            "media_sample_rate_hz": self.sample_rate_hz,
            "media_encoding": "pcm",
            "enable_partial_results_stabilization": True,
            "partial_results_stability": self.stability,
        }
        if identifies:
            options["identify_language"] = True
            options["language_options"] = list(self.among)
            options["preferred_language"] = self.preferred
        if self.vocabularies:
            options |= _named("vocabulary_name", self.vocabularies, several=identifies)
        if self.vocabulary_filters:
            options |= _named("vocab_filter_name", self.vocabulary_filters, several=identifies)
            options["vocab_filter_method"] = self.filter_method
        return options


def _named(option: str, names: tuple[str, ...], *, several: bool) -> dict[str, Any]:
    return {f"{option}s": list(names)} if several else {option: names[0]}


class TranscribeWire:
    """Opens streams. ``ca_file``: PEM of the authority to trust instead of the system's."""

    def __init__(self, aws: AwsSettings, ca_file: str | None = None) -> None:
        resolver = StaticEndpointResolver(aws.endpoint_url) if aws.endpoint_url else None
        credentials = None
        if aws.access_key_id and aws.secret_access_key:
            credentials = StaticCredentialResolver(aws.access_key_id, aws.secret_access_key)
        self._client = TranscribeStreamingClient(
            region=aws.region, endpoint_resolver=resolver, credential_resolver=credentials
        )
        bootstrap = self._client._eventloop  # pyright: ignore[reportPrivateUsage]
        self._connections = _SessionManager(bootstrap, ca_file)
        self._client._session_manager = self._connections  # pyright: ignore[reportPrivateUsage]

    async def open(self, request: StreamRequest) -> WireStream:
        """ConnectorError: the service, or the way to it, refused."""
        try:
            stream = await self._client.start_stream_transcription(**request.options())
        except BaseException as error:  # also when the caller gives up
            connection = self._connections.taken()
            if connection is not None:
                connection.close()
            if isinstance(error, sdk.SDKError | AwsCrtError | RuntimeError):
                raise meaning("open a recognition", error) from None
            raise
        self._connections.taken()
        return WireStream(stream)


class WireStream:
    """One open recognition. ``results`` has one reader, which must not be cancelled: ``close``
    ends it."""

    def __init__(self, stream: StartStreamTranscriptionEventStream) -> None:
        self._audio = stream.input_stream
        self._output = stream.output_stream
        self._response: AwsCrtHttpResponse = self._output._raw_stream  # pyright: ignore[reportPrivateUsage]

    async def send(self, pcm: bytes) -> None:
        """A signed audio event. Audio behind the stream's end is dropped: ``results`` tells."""
        try:
            await self._audio.send_audio_event(pcm)
        except (sdk.SDKError, AwsCrtError, OSError) as error:
            if not isinstance(error, OSError):
                raise meaning("send audio", error) from None

    async def end(self) -> None:
        try:
            await self._audio.end_stream()
        except (sdk.SDKError, AwsCrtError, OSError) as error:
            if not isinstance(error, OSError):
                raise meaning("end a recognition", error) from None

    async def results(self) -> AsyncIterator[tuple[TranscriptResult, ...]]:
        """Until the service ends the stream. ConnectorError: it failed, or the network did."""
        try:
            async for event in self._output:
                if isinstance(event, TranscriptEvent):
                    yield tuple(_result(each) for each in event.transcript.results)
            await self._response.done
        except (sdk.SDKError, AwsCrtError, ParserError) as error:
            raise meaning("recognise", error) from None

    def close(self) -> None:
        """Drop the connection, finished or not. May be repeated."""
        stream = self._response._stream  # pyright: ignore[reportPrivateUsage]
        if stream is not None:
            stream.connection.close()
        body = self._audio._input_stream  # pyright: ignore[reportPrivateUsage]
        body.close()


class _SessionManager(AwsCrtHttpSessionManager):
    def __init__(self, bootstrap: Any, ca_file: str | None) -> None:
        super().__init__(bootstrap)
        if ca_file is not None:
            options = TlsContextOptions()
            options.override_default_trust_store_from_path(None, ca_file)
            self._tls_ctx = ClientTlsContext(options)
        self._opening: dict[asyncio.Task[Any] | None, HttpClientConnection] = {}

    def taken(self) -> HttpClientConnection | None:
        """The connection that the running task's request was given."""
        return self._opening.pop(asyncio.current_task(), None)

    async def _get_connection(self, parsed_url: ParseResult) -> HttpClientConnection:
        connection = await self._create_connection(parsed_url)
        self._opening[asyncio.current_task()] = connection
        return connection

    async def make_request(
        self,
        url: str,
        method: str = "GET",
        headers: list[tuple[str, str]] | None = None,
        body: Any = None,
    ) -> AwsCrtHttpResponse:
        return await super().make_request(url, method, headers, cast("Any", _CalmBody(body)))


class _CalmBody:
    """The SDK's audio buffer for awscrt's thread, which asks again at once when it is empty."""

    def __init__(self, body: io.BufferedIOBase) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        try:
            return self._body.read(size)
        except BlockingIOError:
            time.sleep(LULL_S)
            raise

    def readinto(self, buffer: memoryview) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def meaning(action: str, error: Exception) -> ConnectorError:
    """The SDK's error for a retry policy. The service's own text is not repeated.

    A stream without audio for too long is a bad request to Transcribe, and so is one whose
    parameters are wrong: only its text says which, and only the latter is permanent.
    """
    if isinstance(error, sdk.ServiceException):
        code, status = type(error).__name__, int(getattr(error, "status_code", 0))
        if isinstance(error, sdk.UnknownServiceException):
            code = str(error.error_code)
        text = str(getattr(error, "message", error)).lower()
        if isinstance(error, sdk.ConflictException) or "timed out" in text:
            return RetryableError(f"{action}: {code}")
        answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return connector_error(action, ClientError(answer, "StartStreamTranscription"))
    if isinstance(error, AwsCrtError):
        return RetryableError(f"{action}: {error.name}")
    if isinstance(error, sdk.ValidationException | sdk.CredentialsException):
        return PermanentError(f"{action}: {type(error).__name__}")
    return RetryableError(f"{action}: {type(error).__name__}")


def _result(result: Result) -> TranscriptResult:
    alternatives = result.alternatives or []
    items = tuple(
        TranscriptItem(
            item.content or "",
            item.start_time or 0.0,
            item.end_time or 0.0,
            is_punctuation=item.item_type == "punctuation",
            is_stable=bool(item.stable),
        )
        for item in (alternatives[0].items if alternatives else ())
    )
    return TranscriptResult(
        items,
        result.end_time or 0.0,
        is_partial=bool(result.is_partial),
        locale=result.language_code,
    )
