"""The suite that every publisher of session events passes."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import boto3
import pytest

from connectors.amazon.clients import AwsClients, boto_options
from connectors.amazon.session_events import AmazonSessionEvents
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.session_events import (
    DETAIL_TYPE,
    SOURCE,
    SessionEvent,
    SessionEvents,
    SessionEventType,
    event_of,
)
from connectors.memory.session_events import MemorySessionEvents

pytestmark = pytest.mark.contract

CREATED = SessionEvent(
    "joyful-mountain-789", SessionEventType.CREATED, "active", "en", 1_790_000_000_123
)
ENDED = SessionEvent(
    "joyful-mountain-789", SessionEventType.ENDED, "ended", "en", 1_790_000_060_000
)
Arrived = Callable[[], Awaitable[list[SessionEvent]]]


class SessionEventsContract(ABC):
    """``arrived``: what a consumer of the bus has seen since it was asked last."""

    @pytest.fixture
    @abstractmethod
    def events(self) -> SessionEvents: ...

    @pytest.fixture
    @abstractmethod
    def arrived(self) -> Any: ...

    async def test_what_is_published_arrives_whole(
        self, events: SessionEvents, arrived: Arrived
    ) -> None:
        await events.publish(CREATED)
        assert await arrived() == [CREATED]
        await events.publish(ENDED)
        assert await arrived() == [ENDED]


class TestMemorySessionEvents(SessionEventsContract):
    @pytest.fixture
    def events(self) -> MemorySessionEvents:
        return MemorySessionEvents()

    @pytest.fixture
    def arrived(self, events: MemorySessionEvents) -> Arrived:
        async def seen() -> list[SessionEvent]:
            new = list(events.published)
            events.published.clear()
            return new

        return seen

    async def test_it_fails_as_it_is_told(self) -> None:
        def first_fails(call: int, _event: SessionEvent) -> None:
            if call == 0:
                raise RetryableError("the bus is away")

        events = MemorySessionEvents(first_fails)
        with pytest.raises(RetryableError):
            await events.publish(CREATED)
        await events.publish(CREATED)
        assert list(events.published) == [CREATED]


class TestAmazonSessionEvents(SessionEventsContract):
    """On the wire: a rule as the viewer of WebRTC has it, and a queue behind it."""

    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ()

    @pytest.fixture
    def events(self, aws_clients: AwsClients) -> SessionEvents:
        return AmazonSessionEvents(aws_clients)

    @pytest.fixture
    async def arrived(self, aws_clients: AwsClients) -> AsyncIterator[Arrived]:
        options = boto_options(aws_clients.settings)
        session: Any = boto3.session.Session()
        bus, queues = session.client("events", **options), session.client("sqs", **options)
        name = f"session-events-{aws_clients.settings.stage}"

        def open_queue() -> str:
            url = queues.create_queue(QueueName=name)["QueueUrl"]
            asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            pattern = {"source": [SOURCE], "detail-type": [DETAIL_TYPE]}
            bus.put_rule(Name=name, EventPattern=json.dumps(pattern))
            target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
            bus.put_targets(Rule=name, Targets=[target])
            return str(url)

        url = await asyncio.to_thread(open_queue)

        def receive() -> list[SessionEvent]:
            answer = queues.receive_message(QueueUrl=url, WaitTimeSeconds=10)
            seen: list[SessionEvent] = []
            for message in answer.get("Messages", []):
                body = json.loads(message["Body"])
                assert (body["source"], body["detail-type"]) == (SOURCE, DETAIL_TYPE)
                seen.append(event_of(body["detail"]))
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return seen

        yield lambda: asyncio.to_thread(receive)
        await asyncio.to_thread(bus.remove_targets, Rule=name, Ids=["queue"])
        await asyncio.to_thread(bus.delete_rule, Name=name)


class _RefusingBus:
    """A bus that answers well for the call and badly for its entry, as EventBridge may."""

    def __init__(self, code: str) -> None:
        self.code = code

    async def events(self) -> _RefusingBus:
        return self

    async def put_events(self, **_request: Any) -> Any:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": self.code}]}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", RetryableError),
        ("InternalFailure", RetryableError),
        ("InvalidArgument", PermanentError),
    ],
)
async def test_an_entry_that_the_bus_refused_is_an_error(code: str, kind: type[Exception]) -> None:
    refusing: Any = _RefusingBus(code)
    with pytest.raises(kind, match=code):
        await AmazonSessionEvents(refusing).publish(CREATED)


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {**CREATED.detail(), "eventType": "SESSION_PAUSED"},
        {**CREATED.detail(), "timestamp": "yesterday"},
        {**CREATED.detail(), "sessionId": None},
    ],
)
def test_what_is_not_a_sessions_event_is_refused(detail: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not a session|is not a valid"):
        event_of(detail)
