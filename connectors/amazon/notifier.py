"""Messages through the API Gateway Management API, one post per connection.

API Gateway takes 10,000 posts a second an account; our own gateway takes one call per message
instead (``gateway_notifier``). The gateway serves the same API, so this sink is the same code
here and on AWS.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors
from connectors.calls.policy import Policies, Policy, call
from connectors.calls.single_flight_cache import SingleFlightCache
from connectors.interfaces.errors import ConnectorError, GoneError, RetryableError
from connectors.interfaces.listener_connections import Listener, ListenerConnections
from connectors.interfaces.notifier import Audience, Delivery

_log = logging.getLogger(__name__)
_MOST_SUSPECTS = 10_000


@dataclass(frozen=True, slots=True)
class AmazonNotifierSettings:
    """``endpoint_url``: ``https://{api}.execute-api.{region}.amazonaws.com/{stage}``, or our own
    gateway's. ``posts_at_once`` bounds the posts in flight of this process, ``slow_posts_at_once``
    those to connections whose last post failed; ``answer_timeout_s`` is how long one post may take.
    A list of connections is asked for again when older than ``listeners_cached_s``: a new
    listener misses at most the messages of that time.
    """

    endpoint_url: str
    posts_at_once: int = 32
    slow_posts_at_once: int = 4
    answer_timeout_s: float = 2.0
    listeners_cached_s: float = 0.5
    post: Policy = Policies().post_to_listener


class AmazonNotifier:
    """Posts to each connection by itself, as many at once as the settings say.

    A connection whose post failed or timed out takes one of the few slow places until a post
    succeeds, so that hanging listeners never hold the places that the others need.
    """

    def __init__(
        self,
        settings: AmazonNotifierSettings,
        aws: AwsSettings,
        connections: ListenerConnections,
    ) -> None:
        self._settings = settings
        self._clients = AwsClients(
            replace(
                aws,
                endpoint_url=settings.endpoint_url,
                read_timeout_s=settings.answer_timeout_s,
                connect_timeout_s=settings.answer_timeout_s,
                max_connections=settings.posts_at_once + settings.slow_posts_at_once,
            )
        )
        self._connections = connections
        self._places = asyncio.Semaphore(settings.posts_at_once)
        self._slow_places = asyncio.Semaphore(settings.slow_posts_at_once)
        self._suspects: set[str] = set()
        fresh_s = settings.listeners_cached_s
        self._listeners = SingleFlightCache[tuple[str, str], tuple[Listener, ...]](
            lambda key: connections.connections(*key), fresh_s
        )
        self._speakers = SingleFlightCache[str, str | None](connections.speaker, fresh_s)

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        """As the interface says; looks up once, posts as often as ``settings.post`` says."""
        listeners = await self._listeners.get((session_id, language))
        ids = [one.connection_id for one in listeners if audience.includes(one.capabilities)]
        results = await self._post_all(ids, message)
        gone = [one for one, result in results.items() if isinstance(result, GoneError)]
        await asyncio.gather(*(self._lose(one) for one in gone))
        return _delivery(results)

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        speaker = await self._speakers.get(session_id)
        return _delivery(await self._post_all([] if speaker is None else [speaker], message))

    def knows_nobody_inline(self, session_id: str, language: str) -> bool:
        """No: the look-up for them is the one that the others need too."""
        return False

    async def close(self) -> None:
        """Waits for no post: one that is under way fails."""
        self._listeners.close()
        self._speakers.close()
        await self._clients.close()

    async def _post_all(
        self, ids: list[str], message: dict[str, object]
    ) -> dict[str, ConnectorError | None]:
        """What became of each post; None: it was taken."""
        data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        results = await asyncio.gather(*(self._post(connection, data) for connection in ids))
        return dict(zip(ids, results, strict=True))

    async def _post(self, connection_id: str, data: bytes) -> ConnectorError | None:
        """None when the listener took it."""
        places = self._slow_places if connection_id in self._suspects else self._places
        try:
            await call(self._settings.post, lambda: self._post_once(places, connection_id, data))
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

    async def _post_once(self, places: asyncio.Semaphore, connection_id: str, data: bytes) -> None:
        async with places:
            api = await self._clients.management()
            with aws_errors("post to a connection"):
                await api.post_to_connection(ConnectionId=connection_id, Data=data)

    async def _lose(self, connection_id: str) -> None:
        try:
            await self._connections.lose(connection_id)
        except ConnectorError as error:
            # Its row expires by itself, a little later.
            _log.warning("a connection that has gone was not forgotten: %s", error)


def _delivery(results: dict[str, ConnectorError | None]) -> Delivery:
    """Raises RetryableError when nobody could be asked."""
    failures = [failure for failure in results.values() if failure is not None]
    unreached = [failure for failure in failures if isinstance(failure, RetryableError)]
    if results and len(unreached) == len(results):
        raise unreached[0]
    return Delivery(
        delivered=len(results) - len(failures),
        listeners=len(results),
        gone=sum(isinstance(failure, GoneError) for failure in failures),
    )
