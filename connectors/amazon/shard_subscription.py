"""One subscription to a shard, kept up for every reader of this process.

Kinesis allows a consumer one subscription a shard, so readers share it: a task writes what is
pushed into a ``ShardTail``, and each reader reads there from its own position. A reader that cannot
be served from there (too far back, or no subscription just now) is told to poll.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto

from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind

MOST_RECORDS = 4_000
MOST_BYTES = 8 << 20
"""About eight seconds of a shard at the most that Kinesis takes."""


class ShardTail:
    """Every record behind ``start``, in order; the oldest fall out when there are too many.

    ``start`` then moves on, so that a reader who is further back is told so and reads elsewhere.
    """

    def __init__(
        self, start: StartAt, *, most_records: int = MOST_RECORDS, most_bytes: int = MOST_BYTES
    ) -> None:
        self.start = start
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._records: list[ShardRecord] = []
        self._numbers: list[int] = []
        self._bytes = 0

    def add(self, records: Iterable[ShardRecord]) -> None:
        """Records that are there already (a subscription that was renewed) are passed over."""
        for record in records:
            number = int(record.sequence_number)
            if self._numbers and number <= self._numbers[-1]:
                continue
            self._records.append(record)
            self._numbers.append(number)
            self._bytes += len(record.data)
        self._drop_oldest()

    def holds_behind(self, position: StartAt) -> bool:
        """Whether every record behind ``position`` is here, as far as the shard was pushed.

        LATEST is a place only to the caller that gives it, and only then.
        """
        if position.kind is StartKind.LATEST:
            return False
        if position == self.start:
            return True
        if position.kind is not StartKind.AFTER_SEQUENCE_NUMBER:
            return False
        number = int(position.value)
        if self.start.kind is StartKind.TRIM_HORIZON:
            return True
        if self.start.kind is StartKind.AFTER_SEQUENCE_NUMBER:
            return number >= int(self.start.value)
        return bool(self._numbers) and number >= self._numbers[0]

    def behind(self, position: StartAt, limit: int) -> tuple[ShardRecord, ...]:
        """At most ``limit`` records behind a position that ``holds_behind`` agrees to."""
        first = self._index(position)
        return tuple(self._records[first : first + limit])

    def unread_ms(self, position: StartAt) -> int:
        """How much older the first record behind ``position`` is than the newest; 0: none is."""
        first = self._index(position)
        if first == len(self._records):
            return 0
        return self._records[-1].arrived_at_ms - self._records[first].arrived_at_ms

    def _index(self, position: StartAt) -> int:
        if position.kind is StartKind.AFTER_SEQUENCE_NUMBER:
            return bisect_right(self._numbers, int(position.value))
        return 0

    def _drop_oldest(self) -> None:
        """A quarter at once: moving the whole list for every record would cost more."""
        if len(self._records) <= self._most_records and self._bytes <= self._most_bytes:
            return
        dropped = 0
        while dropped < len(self._records) and (
            len(self._records) - dropped > self._most_records * 3 // 4
            or self._bytes > self._most_bytes * 3 // 4
        ):
            self._bytes -= len(self._records[dropped].data)
            dropped += 1
        last = self._records[dropped - 1].sequence_number
        self.start = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, last)
        del self._records[:dropped], self._numbers[:dropped]


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
    """Another reader subscribed to the same shard in the consumer's name, or did 5 s ago."""


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
