"""Amazon Kinesis Data Streams with enhanced fan-out: records are pushed, not asked for.

Polling stands behind it: a reader who is further back than what was pushed, or who has no
subscription at the moment, polls until it has caught up (docs/decisions/0012-fan-out.md).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.shard_source import READ_EVERY_S, AmazonShardSource, shard_record, timestamp
from connectors.amazon.shard_subscription import (
    ShardEvent,
    ShardSubscription,
    SubscriptionInUseError,
)
from connectors.interfaces.errors import ExpiredIteratorError, PermanentError, RetryableError
from connectors.interfaces.shard_source import RecordBatch, Shard, StartAt, StartKind

if TYPE_CHECKING:
    from types_aiobotocore_kinesis.type_defs import SubscribeToShardEventTypeDef

LONGEST_WAIT_S = 1.0
"""Of one read: longer, and the reader would not learn how far the shard is read."""
_IN_USE = "ResourceInUseException"
_ACTIVE_WITHIN_S = 60.0
_ACTIVE_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class _Place:
    """What an iterator stands for; ``polled``: Kinesis' own iterator there, or empty."""

    shard_id: str
    position: StartAt
    polled: str = ""

    @property
    def text(self) -> str:
        kind, value = self.position.kind.value, self.position.value
        return json.dumps([self.shard_id, kind, value, self.polled])

    @classmethod
    def of(cls, text: str) -> _Place:
        try:
            shard_id, kind, value, polled = json.loads(text)
            return cls(shard_id, StartAt(StartKind(kind), value), polled)
        except (TypeError, ValueError):
            raise ExpiredIteratorError("not an iterator of this source") from None

    def behind(self, batch_last: str, polled: str = "") -> _Place:
        if not batch_last:
            return replace(self, polled=polled)
        return _Place(self.shard_id, StartAt(StartKind.AFTER_SEQUENCE_NUMBER, batch_last), polled)


class AmazonFanOutSource:
    """Reads one stream as the registered consumer ``consumer``.

    A consumer has one subscription a shard: processes that read the same shard need a consumer
    each, or take the subscription from one another and poll meanwhile.
    """

    def __init__(self, clients: AwsClients, consumer: str, stream_name: str | None = None) -> None:
        self._clients = clients
        self._stream = stream_name or clients.settings.names.audio_stream
        self._polled = AmazonShardSource(clients, stream_name)
        self._consumer = _Consumer(clients, self._stream, consumer)
        self._subscriptions: dict[str, ShardSubscription] = {}
        self._poll_at_s: dict[str, float] = {}

    @property
    def read_every_s(self) -> float:
        return 0.0

    async def list_shards(self) -> tuple[Shard, ...]:
        return await self._polled.list_shards()

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        """Kinesis is asked too: it knows whether there is such a shard, and what LATEST is."""
        return _Place(shard_id, start, await self._polled.iterator(shard_id, start)).text

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        place = _Place.of(iterator)
        subscription = self._subscription(place)
        pushed = await subscription.read(place.position, limit, LONGEST_WAIT_S)
        if pushed is None:
            return await self._poll(place, limit)
        if pushed.records:
            place = place.behind(pushed.records[-1].sequence_number)
        records = await self._polled.unpacked(place.shard_id, pushed.records)
        return RecordBatch(records, None if pushed.at_end else place.text, pushed.behind_ms)

    async def oldest(self, shard_id: str) -> str | None:
        """Polled: a subscription from there would push the whole log."""
        return await self._polled.oldest(shard_id)

    async def close(self) -> None:
        """End every subscription; the consumer stays registered for the next start."""
        subscriptions = tuple(self._subscriptions.values())
        self._subscriptions.clear()
        await asyncio.gather(*(each.close() for each in subscriptions))

    def _subscription(self, place: _Place) -> ShardSubscription:
        """The shard's, begun where its first reader is."""
        found = self._subscriptions.get(place.shard_id)
        if found is None or found.is_over:
            subscribe = partial(self._subscribe, place.shard_id)
            found = ShardSubscription(place.shard_id, place.position, subscribe)
            self._subscriptions[place.shard_id] = found
        return found

    async def _poll(self, place: _Place, limit: int) -> RecordBatch:
        """No oftener than Kinesis allows a shard, whichever reader asks."""
        now_s = asyncio.get_running_loop().time()
        at_s = max(now_s, self._poll_at_s.get(place.shard_id, now_s))
        self._poll_at_s[place.shard_id] = at_s + READ_EVERY_S
        await asyncio.sleep(at_s - now_s)
        iterator = place.polled or await self._polled.iterator(place.shard_id, place.position)
        batch = await self._polled.read(iterator, limit)
        if batch.next_iterator is None:
            return batch
        last = batch.records[-1].sequence_number if batch.records else ""
        return replace(batch, next_iterator=place.behind(last, batch.next_iterator).text)

    async def _subscribe(self, shard_id: str, start: StartAt) -> AsyncGenerator[ShardEvent, None]:
        kinesis = await self._clients.kinesis()
        with _subscription_errors(f"subscribe to {shard_id} of {self._stream}", self._consumer):
            answer = await kinesis.subscribe_to_shard(
                ConsumerARN=await self._consumer.arn(),
                ShardId=shard_id,
                StartingPosition=_starting_position(start),
            )
            stream: Any = answer["EventStream"]
            try:
                async for event in stream:
                    if "SubscribeToShardEvent" in event:
                        yield _event(event["SubscribeToShardEvent"])
            finally:
                stream.close()


class _Consumer:
    """A registered consumer of a stream; registered when first needed."""

    def __init__(self, clients: AwsClients, stream_name: str, name: str) -> None:
        self._clients = clients
        self._stream = stream_name
        self._name = name
        self._arn = ""
        self._registering = asyncio.Lock()

    def forget(self) -> None:
        """It may have been removed: look again."""
        self._arn = ""

    async def arn(self) -> str:
        async with self._registering:
            if not self._arn:
                with aws_errors(f"register {self._name} with {self._stream}"):
                    self._arn = await self._register()
            return self._arn

    async def _register(self) -> str:
        kinesis = await self._clients.kinesis()
        described = await kinesis.describe_stream_summary(StreamName=self._stream)
        consumer: Any = {
            "StreamARN": described["StreamDescriptionSummary"]["StreamARN"],
            "ConsumerName": self._name,
        }
        try:
            await kinesis.register_stream_consumer(**consumer)
        except ClientError as error:
            if error_code(error) != _IN_USE:  # it is there already
                raise
        async with asyncio.timeout(_ACTIVE_WITHIN_S):
            while True:
                answer = await kinesis.describe_stream_consumer(**consumer)
                found = answer["ConsumerDescription"]
                if found["ConsumerStatus"] == "ACTIVE":
                    return found["ConsumerARN"]
                if found["ConsumerStatus"] == "DELETING":
                    raise RetryableError(f"consumer {self._name} is being removed")
                await asyncio.sleep(_ACTIVE_POLL_S)


@contextmanager
def _subscription_errors(action: str, consumer: _Consumer) -> Generator[None, None, None]:
    try:
        with aws_errors(action):
            try:
                yield
            except ClientError as error:
                if error_code(error) == _IN_USE:
                    raise SubscriptionInUseError(f"{action}: {_IN_USE}") from None
                raise
    except PermanentError:
        consumer.forget()
        raise


def _starting_position(start: StartAt) -> Any:
    position: dict[str, Any] = {"Type": start.kind.name}
    if start.kind is StartKind.AT_TIMESTAMP:
        position["Timestamp"] = timestamp(start)
    elif start.kind is StartKind.AFTER_SEQUENCE_NUMBER:
        position["SequenceNumber"] = start.value
    return position


def _event(found: SubscribeToShardEventTypeDef) -> ShardEvent:
    return ShardEvent(
        records=tuple(shard_record(each) for each in found["Records"]),
        continues_after=found.get("ContinuationSequenceNumber") or "",
        behind_ms=found.get("MillisBehindLatest", 0),
        closed=bool(found.get("ChildShards")),
    )
