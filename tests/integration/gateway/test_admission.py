"""Who gets in by a token or a ticket, and what the event bus hears of sessions: both hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

from connectors.calls.policy import Policies, Policy
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.session_events import SessionEvent
from connectors.memory.session_events import MemorySessionEvents
from ingest_gateway.access.tickets import TICKET_LIFETIME_S
from tests.integration.gateway.conftest import RunningGateway, RunningHandlers

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Start

pytestmark = pytest.mark.integration


async def ticket_for(host: RunningGateway, subject: str = "ada") -> str:
    async with host.http() as http:
        headers = {"authorization": f"Bearer {host.token(subject)}"}
        answer = await http.post("/tickets", headers=headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        assert answer.json()["expiresInS"] == TICKET_LIFETIME_S
        return answer.json()["ticket"]


async def refused(host: RunningGateway, *, token: str | None = None, **how: str) -> None:
    """A server can say why; API Gateway refuses the handshake."""
    if isinstance(host, RunningHandlers):
        with pytest.raises(InvalidStatus) as raised:
            await host.connect(token, **how)
        assert raised.value.response.status_code == 403
        return
    client = await host.connect(token, **how)
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert (await client.closed())[0] == 4401


async def test_a_ticket_opens_one_socket(host: RunningGateway) -> None:
    ticket = await ticket_for(host)
    speaker = await host.connect(ticket=ticket)
    created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en")
    assert created["speakerId"] == "ada"
    await refused(host, ticket=ticket)


async def test_a_ticket_may_stand_in_the_address(host: RunningGateway) -> None:
    ticket = await ticket_for(host, "grace")
    speaker = await host.connect(query=f"?ticket={ticket}")
    created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en")
    assert created["speakerId"] == "grace"
    await refused(host, query=f"?ticket={ticket}")


async def test_an_old_ticket_opens_nothing(start_host: Start) -> None:
    now_ms = 1_790_000_000_000
    host = await start_host(now_ms=lambda: now_ms)
    ticket = await ticket_for(host)
    now_ms += TICKET_LIFETIME_S * 1000
    await refused(host, ticket=ticket)


async def test_tickets_are_for_speakers(host: RunningGateway) -> None:
    async with host.http() as http:
        answer = await http.post("/tickets")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
        answer = await http.post("/tickets", headers={"authorization": "Bearer no.good.token"})
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


async def test_a_bad_token_or_ticket_makes_no_guest(host: RunningGateway) -> None:
    await refused(host, token="not.a.token")
    await refused(host, ticket="made-up")


async def test_the_bus_hears_when_sessions_begin_and_end(start_host: Start) -> None:
    events = MemorySessionEvents()
    host = await start_host(events=events)
    speaker, session_id = await host.speaker()
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await speaker.send("endSession", sessionId=session_id)
    await speaker.ask("heartbeat", "heartbeatAck")
    await host.durable(session_id)
    row = await host.tables.get(session_id)
    assert row is not None
    assert [one.detail() for one in events.published] == [
        {
            "sessionId": session_id,
            "eventType": "SESSION_CREATED",
            "status": "active",
            "sourceLanguage": "en",
            "timestamp": row.info.created_at_ms,
        },
        {
            "sessionId": session_id,
            "eventType": "SESSION_ENDED",
            "status": "ended",
            "sourceLanguage": "en",
            "timestamp": row.info.ended_at_ms,
        },
    ]


async def test_a_talk_goes_on_without_a_bus(start_host: Start) -> None:
    def away(_call: int, _event: SessionEvent) -> None:
        raise RetryableError("the bus is away")

    once = Policies(notify=Policy(attempts=2, first_wait_s=0.01))
    events = MemorySessionEvents(away)
    host = await start_host(events=events, policies=once)
    speaker, session_id = await host.speaker()
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await host.durable(session_id)
    assert events.calls >= 2
