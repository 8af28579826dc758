"""Messages to listeners through the API Gateway Management API, one post per connection.

API Gateway takes 10,000 posts a second an account; our own gateway takes one call per message
instead (``gateway_notifier``). The gateway serves the same API, so this sink is the same code
here and on AWS.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import boto3

from connectors.amazon_clients import AwsSettings, aws_errors, boto_config, boto_options
from connectors.errors import ConnectorError, GoneError, RetryableError
from connectors.listener_connections import ListenerConnections
from connectors.notifier import Delivery
from connectors.policy import Policies, Policy, call

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

_log = logging.getLogger(__name__)
_MOST_LISTS = 1024
_MOST_SUSPECTS = 10_000


@dataclass(frozen=True, slots=True)
class AmazonNotifierSettings:
    """``endpoint_url``: ``https://{api}.execute-api.{region}.amazonaws.com/{stage}``, or our own
    gateway's. ``threads`` bounds the posts in flight of this process, ``slow_threads`` those to
    connections whose last post failed; ``answer_timeout_s`` is how long one post may hold a
    thread. A list of connections is asked for again when older than ``listeners_cached_s``: a new
    listener misses at most the messages of that time.
    """

    endpoint_url: str
    threads: int = 32
    slow_threads: int = 4
    answer_timeout_s: float = 2.0
    listeners_cached_s: float = 0.5
    post: Policy = Policies().post_to_listener


@dataclass(frozen=True, slots=True)
class _Listeners:
    ids: tuple[str, ...]
    fresh_until_s: float


class AmazonNotifier:
    """Posts with boto3 in threads of its own.

    A connection whose post failed or timed out is posted to on the slow threads until a post
    succeeds, so that hanging listeners never hold the threads that the others need.
    """

    def __init__(
        self,
        settings: AmazonNotifierSettings,
        aws: AwsSettings,
        connections: ListenerConnections,
    ) -> None:
        self._settings = settings
        self._aws = replace(
            aws,
            endpoint_url=settings.endpoint_url,
            read_timeout_s=settings.answer_timeout_s,
            connect_timeout_s=settings.answer_timeout_s,
            max_connections=settings.threads + settings.slow_threads,
        )
        self._connections = connections
        self._client: ApiGatewayManagementApiClient | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(settings.threads, "post")
        self._slow_threads = ThreadPoolExecutor(settings.slow_threads, "post-slow")
        self._suspects: set[str] = set()
        self._listeners: dict[tuple[str, str], asyncio.Task[_Listeners]] = {}

    async def notify(self, session_id: str, language: str, message: dict[str, object]) -> Delivery:
        """As the interface says; looks up once, posts as often as ``settings.post`` says."""
        ids = await self._listening(session_id, language)
        data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        results = await asyncio.gather(*(self._post(connection, data) for connection in ids))
        failures = [result for result in results if result is not None]
        gone = [
            connection
            for connection, result in zip(ids, results, strict=True)
            if isinstance(result, GoneError)
        ]
        if gone:
            self._listeners.pop((session_id, language), None)
            await asyncio.gather(*(self._remove(session_id, language, one) for one in gone))
        unreached = [failure for failure in failures if isinstance(failure, RetryableError)]
        if ids and len(unreached) == len(ids):
            raise unreached[0]
        return Delivery(delivered=len(ids) - len(failures), listeners=len(ids), gone=len(gone))

    async def close(self) -> None:
        """Waits for no post: one that is under way ends with its timeout."""
        for threads in (self._threads, self._slow_threads):
            threads.shutdown(wait=False, cancel_futures=True)
        for looking_up in self._listeners.values():
            looking_up.cancel()
        self._listeners.clear()
        if self._client is not None:
            self._client.close()

    async def _post(self, connection_id: str, data: bytes) -> ConnectorError | None:
        """None when the listener took it."""
        loop = asyncio.get_running_loop()
        threads = self._slow_threads if connection_id in self._suspects else self._threads
        try:
            await call(
                self._settings.post,
                lambda: loop.run_in_executor(threads, self._post_now, connection_id, data),
            )
        except GoneError as error:
            self._suspects.discard(connection_id)
            return error
        except ConnectorError as error:
            _log.warning("a listener was not reached: %s", error)
            if len(self._suspects) >= _MOST_SUSPECTS:
                self._suspects.clear()
            self._suspects.add(connection_id)
            return error
        self._suspects.discard(connection_id)
        return None

    def _post_now(self, connection_id: str, data: bytes) -> None:
        """Blocks, on one of the threads."""
        with aws_errors("post to a connection"):
            self._open().post_to_connection(ConnectionId=connection_id, Data=data)

    def _open(self) -> ApiGatewayManagementApiClient:
        with self._opening:
            if self._client is None:
                # A session of its own: boto3's default one is not safe between threads.
                self._client = boto3.session.Session().client(
                    "apigatewaymanagementapi",
                    config=boto_config(self._aws),
                    **boto_options(self._aws),
                )
            return self._client

    async def _remove(self, session_id: str, language: str, connection_id: str) -> None:
        try:
            await self._connections.remove(session_id, language, connection_id)
        except ConnectorError as error:
            # Its row expires by itself, and the slow reconciliation counts again.
            _log.warning("a connection that has gone was not removed: %s", error)

    async def _listening(self, session_id: str, language: str) -> tuple[str, ...]:
        """Who listens; callers at the same time share one look-up."""
        key = (session_id, language)
        looking_up = self._listeners.get(key)
        if looking_up is None or self._is_stale(looking_up):
            self._drop_stale()
            looking_up = asyncio.create_task(self._look_up(session_id, language))
            self._listeners[key] = looking_up
        return (await asyncio.shield(looking_up)).ids

    async def _look_up(self, session_id: str, language: str) -> _Listeners:
        ids = await self._connections.connections(session_id, language)
        now_s = asyncio.get_running_loop().time()
        return _Listeners(ids, now_s + self._settings.listeners_cached_s)

    def _is_stale(self, looking_up: asyncio.Task[_Listeners]) -> bool:
        if not looking_up.done():
            return False
        if looking_up.cancelled() or looking_up.exception() is not None:
            return True
        return looking_up.result().fresh_until_s <= asyncio.get_running_loop().time()

    def _drop_stale(self) -> None:
        if len(self._listeners) >= _MOST_LISTS:
            stale = [key for key, found in self._listeners.items() if self._is_stale(found)]
            for key in stale:
                del self._listeners[key]
