"""One subscription to a shard, kept up for every reader of this process.

Kinesis allows a consumer one subscription a shard, so readers share it: a task writes what is
pushed into a ``ShardTail``, and each reader reads there from its own position. Whoever cannot be
served from there (too far back, or no subscription just now) is told to poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto

from connectors.amazon.shard_tail import ShardTail
from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind

_log = logging.getLogger(__name__)

RENEW_AFTER_S = 290.0
"""Kinesis ends a subscription after 300 s."""
AGAIN_AFTER_S = 5.0
"""Kinesis refuses a consumer's second subscription to a shard this soon behind the first."""
REST_S = 30.0
"""Behind a refusal for good, and where another process took the subscription over: were it taken
back at once, the two would take it from each other every 5 s."""
UNREAD_FOR_S = 60.0
CONNECT_WITHIN_S = 1.0


class SubscriptionInUseError(RetryableError):
    """Somebody subscribed to the same shard in the consumer's name, or did 5 s ago."""


@dataclass(frozen=True, slots=True)
class ShardEvent:
    """One push. ``continues_after``: everything up to this sequence number was pushed.

    ``behind_ms``: how far behind the tip of the shard; ``closed``: nothing comes after it.
    """

    records: tuple[ShardRecord, ...]
    continues_after: str
    behind_ms: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class PushedRead:
    """What a reader gets; ``behind_ms`` reckoned from the moment it asked."""

    records: tuple[ShardRecord, ...]
    behind_ms: int
    at_end: bool


Subscribe = Callable[[StartAt], AsyncGenerator[ShardEvent, None]]
"""Pushes behind a position until the service ends it. Raises ``interfaces.errors.*``."""


class _State(Enum):
    CONNECTING = auto()
    LIVE = auto()
    RESTING = auto()
    ENDED = auto()


class ShardSubscription:
    """Runs from its making until nobody reads, the shard ends, or the service refuses for good."""

    def __init__(self, shard_id: str, start: StartAt, subscribe: Subscribe) -> None:
        self._shard_id = shard_id
        self._subscribe = subscribe
        self._tail = ShardTail(start)
        self._continue_at = start
        self._time_s = asyncio.get_running_loop().time
        self._state = _State.CONNECTING
        self._since_s = self._read_at_s = self._event_at_s = self._time_s()
        self._behind_ms = 0
        self._events = 0
        self._closed = False
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._keep_up())

    @property
    def is_over(self) -> bool:
        """Ended while the shard goes on: a reader needs another one."""
        return self._state is _State.ENDED and not self._closed

    async def read(self, position: StartAt, limit: int, within_s: float) -> PushedRead | None:
        """What is behind ``position``, or None: poll. Waits at most ``within_s`` for a push."""
        asked_s = self._read_at_s = self._time_s()
        events = self._events
        while self._tail.holds_behind(position):
            records = self._tail.behind(position, limit)
            wait_s = asked_s + within_s - self._time_s()
            is_live = self._state is _State.LIVE
            if records or self._closed or (is_live and (wait_s <= 0 or self._events > events)):
                return self._answer(position, records, asked_s)
            if self._state is _State.CONNECTING:
                wait_s = min(wait_s, self._since_s + CONNECT_WITHIN_S - self._time_s())
            elif not is_live:
                return None
            if wait_s <= 0:
                return None
            await self._wait(wait_s)
        return None

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _answer(
        self, position: StartAt, records: tuple[ShardRecord, ...], asked_s: float
    ) -> PushedRead:
        """Nothing that arrived behind the last push is known of, however long ago that was."""
        if records:
            position = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, records[-1].sequence_number)
        age_ms = max(0, round((asked_s - self._event_at_s) * 1000))
        unread_ms = self._tail.unread_ms(position)
        at_end = self._closed and not self._tail.behind(position, 1)
        return PushedRead(records, self._behind_ms + age_ms + unread_ms, at_end)

    async def _wait(self, for_s: float) -> None:
        try:
            async with asyncio.timeout(for_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _enter(self, state: _State) -> None:
        self._state, self._since_s = state, self._time_s()
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _is_wanted(self) -> bool:
        return not self._closed and self._time_s() - self._read_at_s < UNREAD_FOR_S

    async def _keep_up(self) -> None:
        try:
            while self._is_wanted():
                self._enter(_State.CONNECTING)
                try:
                    rest_s = await self._follow()
                except PermanentError as error:
                    _log.error("no subscription to %s: %s", self._shard_id, error)
                    await self._rest(REST_S)
                    return
                except Exception:  # of a client that cannot read the service: polling goes on
                    _log.exception("no subscription to %s", self._shard_id)
                    await self._rest(REST_S)
                    return
                if rest_s > 0 and not self._closed:
                    await self._rest(rest_s)
        finally:
            self._enter(_State.ENDED)

    async def _rest(self, for_s: float) -> None:
        self._enter(_State.RESTING)
        await asyncio.sleep(for_s)

    async def _follow(self) -> float:
        """One subscription, from its call to its end; the pause that is due behind it."""
        began_s, events = self._time_s(), self._events
        renewal = asyncio.timeout(RENEW_AFTER_S)
        try:
            async with renewal, aclosing(self._subscribe(self._continue_at)) as pushed:
                async for event in pushed:
                    self._take(event)
                    if not self._is_wanted():
                        return 0.0
        except TimeoutError:
            if not renewal.expired():
                raise
        except SubscriptionInUseError as error:
            _log.warning("subscription to %s: %s", self._shard_id, error)
            if self._events > events:  # it was ours
                return REST_S
        except PermanentError:
            raise
        except ConnectorError as error:
            _log.warning("subscription to %s: %s", self._shard_id, error)
        return max(0.0, began_s + AGAIN_AFTER_S - self._time_s())

    def _take(self, event: ShardEvent) -> None:
        self._tail.add(event.records)
        if event.continues_after:
            self._continue_at = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, event.continues_after)
        self._event_at_s, self._behind_ms = self._time_s(), event.behind_ms
        self._events += 1
        self._closed = self._closed or event.closed
        if self._state is _State.LIVE:
            self._announce()
        else:
            self._enter(_State.LIVE)
