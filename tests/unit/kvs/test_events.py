"""Session events as EventBridge posts them, and who may post."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from connectors.interfaces.session_events import SessionEvent, SessionEventType
from connectors.memory.signaling_channels import MemorySignalingAccess, MemorySignalingChannels
from ingest_gateway.access.auth import Identity
from ingest_gateway.gateway import Gateway
from ingest_gateway.kvs.events import create_app, session_event
from ingest_gateway.kvs.viewer import ViewerDependencies
from ingest_gateway.kvs.worker import KvsWorker
from ingest_gateway.protocol.messages import CreateSession
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.webrtc.ice import IceSettings
from tests.integration.gateway.conftest import in_memory

pytestmark = pytest.mark.unit

DETAIL = {
    "sessionId": "joyful-mountain-789",
    "eventType": "SESSION_CREATED",
    "status": "active",
    "sourceLanguage": "en",
    "timestamp": 1_790_000_000_000,
}


def document(**changes: Any) -> bytes:
    """As the bus sends it, with what it adds."""
    envelope = {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Session Status Change",
        "source": "session-management.http-api",
        "account": "000000000000",
        "time": "2026-11-21T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": DETAIL,
    }
    return json.dumps(envelope | changes).encode()


def test_an_event_is_read_from_its_envelope() -> None:
    assert session_event(document()) == SessionEvent(
        "joyful-mountain-789", SessionEventType.CREATED, "active", "en", 1_790_000_000_000
    )


@pytest.mark.parametrize("changes", [{"source": "aws.ecs"}, {"detail-type": "Something Else"}])
def test_others_events_are_none_of_ours(changes: dict[str, str]) -> None:
    assert session_event(document(**changes)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        document(detail={}),
        document(detail=DETAIL | {"eventType": "SESSION_PAINTED"}),
        document(detail=DETAIL | {"timestamp": "now"}),
        document(detail="SESSION_CREATED"),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several parsers, with their own texts
        session_event(body)


@asynccontextmanager
async def a_worker(
    *, key: str | None, most: int = 2
) -> AsyncIterator[tuple[AsyncTestClient[Any], KvsWorker, Gateway]]:
    channels = MemorySignalingChannels()
    gateway = Gateway(in_memory(channels=channels))
    needs = ViewerDependencies(
        gateway=gateway,
        channels=channels,
        access=MemorySignalingAccess(),
        region="us-east-1",
        ice=IceSettings(),
    )
    worker = KvsWorker(needs, most)
    async with AsyncTestClient(create_app(gateway, worker, key)) as client:
        yield client, worker, gateway


async def a_session(gateway: Gateway) -> str:
    peer = Peer("127.0.0.1", "test", Identity("ada"))
    return (await gateway.speakers.create(peer, CreateSession("en"))).session_id


async def test_a_session_s_begin_and_end_start_and_stop_its_viewer() -> None:
    async with a_worker(key="secret") as (client, worker, gateway):
        session_id = await a_session(gateway)
        shown = {"x-events-key": "secret"}
        created = document(detail=DETAIL | {"sessionId": session_id})
        for _ in range(2):  # the bus may say it twice
            told = await client.post("/session-events", content=created, headers=shown)
            assert told.status_code == 202
        assert worker.sessions == (session_id,)
        ended = document(detail=DETAIL | {"sessionId": session_id, "eventType": "SESSION_ENDED"})
        await client.post("/session-events", content=ended, headers=shown)
        assert worker.sessions == ()


async def test_a_full_worker_has_the_bus_try_again() -> None:
    async with a_worker(key="secret", most=1) as (client, _, gateway):
        answers: list[int] = []
        for _ in range(2):
            created = document(detail=DETAIL | {"sessionId": await a_session(gateway)})
            told = await client.post(
                "/session-events", content=created, headers={"x-events-key": "secret"}
            )
            answers.append(told.status_code)
        assert answers == [202, 503]


@pytest.mark.parametrize("headers", [{}, {"x-events-key": "guessed"}, {"x-events-key": "sécret"}])
async def test_without_the_key_nobody_is_heard(headers: dict[str, str]) -> None:
    async with a_worker(key="secret") as (client, worker, _):
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        told = await client.post("/session-events", content=document(), headers=raw)
        assert told.status_code == 403
        assert worker.sessions == ()


async def test_nonsense_is_a_bad_request_and_others_events_are_taken() -> None:
    async with a_worker(key="secret") as (client, worker, _):
        shown = {"x-events-key": "secret"}
        bad = await client.post("/session-events", content=b"{", headers=shown)
        other = await client.post(
            "/session-events", content=document(source="aws.ecs"), headers=shown
        )
        assert (bad.status_code, other.status_code) == (400, 202)
        assert worker.sessions == ()


async def test_without_a_key_only_this_machine_may_tell() -> None:
    async with a_worker(key=None) as (client, _, _gateway):
        told = await client.post("/session-events", content=document())
        assert told.status_code == 403  # the test's client is no address of this machine
