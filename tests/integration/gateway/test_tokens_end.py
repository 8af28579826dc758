"""Connections end with their token, or when it is signed out; a newer one keeps them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ingest_gateway.access.auth import CLOCK_LEEWAY_S
from ingest_gateway.access.revocation import CHECKED_EVERY_MS
from ingest_gateway.sessions.token_watch import ANNOUNCED_MS
from tests.integration.gateway.conftest import ISSUER, RunningGateway, RunningHandlers, in_memory
from tests.integration.gateway.test_admission import refused, ticket_for

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, Start

pytestmark = pytest.mark.integration

LIFETIME_S = 3600


class Clock:
    """The gateway's; tokens are made and verified by the machine's."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


def issued(subject: str = "ada", lifetime_s: int = LIFETIME_S) -> str:
    return ISSUER.issue(subject, lifetime_s=lifetime_s)


async def looked_at(host: RunningGateway, client: Client) -> None:
    """The server looks every few seconds, functions when a frame comes."""
    if isinstance(host, RunningHandlers):
        await client.send("heartbeat")
        return
    for connection in host.gateway.hub.all():
        await host.gateway.tokens.look(connection)


async def ended(host: RunningGateway, client: Client, reason: str) -> None:
    assert (await client.expect("tokenEnded"))["reason"] == reason
    closed = await client.closed()
    assert isinstance(host, RunningHandlers) or closed == (4401, "TOKEN_ENDED")


async def test_a_connection_is_told_and_ends_with_its_token(start_host: Start) -> None:
    clock = Clock()
    host = await start_host(now_ms=clock.now_ms)
    speaker = await host.connect(issued())
    guest = await host.connect()
    await looked_at(host, speaker)
    clock.ahead_ms = LIFETIME_S * 1000 - ANNOUNCED_MS + 5000
    await looked_at(host, speaker)
    expires_at = (await speaker.expect("tokenExpiring"))["expiresAt"]
    assert 0 < expires_at - clock.now_ms() <= ANNOUNCED_MS
    await looked_at(host, speaker)
    clock.ahead_ms += ANNOUNCED_MS + CLOCK_LEEWAY_S * 1000
    await looked_at(host, speaker)
    await ended(host, speaker, "expired")
    told = [one["type"] for one in speaker.received]
    assert told.count("tokenExpiring") == 1
    await guest.ask("heartbeat", "heartbeatAck")


async def test_a_newer_token_keeps_a_connection(start_host: Start) -> None:
    clock = Clock()
    host = await start_host(now_ms=clock.now_ms)
    speaker = await host.connect(issued())
    created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en")
    newer = issued(lifetime_s=3 * LIFETIME_S)
    refreshed = await speaker.ask("refreshToken", "tokenRefreshed", token=newer)
    assert refreshed["expiresAt"] > clock.now_ms() + 2 * LIFETIME_S * 1000
    clock.ahead_ms = 2 * LIFETIME_S * 1000
    await looked_at(host, speaker)
    join = {"sessionId": created["sessionId"], "streamId": "s1", "nextSequence": 0}
    await speaker.ask("joinAsSpeaker", "speakerJoined", **join)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (issued("eve"), "FORBIDDEN"),
        (ISSUER.issue("ada", session_id="another-1"), "FORBIDDEN"),
        ("not.a.token", "UNAUTHORIZED"),
        (issued(lifetime_s=-2 * CLOCK_LEEWAY_S), "UNAUTHORIZED"),
    ],
)
async def test_only_the_same_persons_token_does(
    host: RunningGateway, token: str, code: str
) -> None:
    speaker = await host.connect(issued())
    assert (await speaker.ask("refreshToken", "error", token=token))["code"] == code
    guest = await host.connect()
    assert (await guest.ask("refreshToken", "error", token=issued()))["code"] == "FORBIDDEN"


async def test_signing_out_ends_what_the_token_opened(host: RunningGateway) -> None:
    token, other = issued(), issued(lifetime_s=LIFETIME_S + 1)
    speaker = await host.connect(token)
    stays = await host.connect(other)
    headers = {"authorization": f"Bearer {token}"}
    async with host.http(headers=headers) as http:
        ticket = (await http.post("/tickets")).json()["ticket"]
        unused = (await http.post("/tickets")).json()["ticket"]
        by_ticket = await host.connect(ticket=ticket)
        assert (await http.delete("/tickets")).status_code == 200
        answer = await http.post("/tickets")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    for client in (speaker, by_ticket):
        await looked_at(host, client)
        await ended(host, client, "revoked")
    await refused(host, token=token)
    await refused(host, ticket=unused)
    await stays.ask("heartbeat", "heartbeatAck")
    await ticket_for(host)


async def test_other_gateways_learn_of_it(start: Start) -> None:
    clock = Clock()
    one = await start(now_ms=clock.now_ms)
    needs = in_memory(now_ms=clock.now_ms, documents=one.needs.documents)
    other = await start(now_ms=clock.now_ms, documents=needs.documents, gateway_id="gateway-2")
    token = issued()
    speaker = await other.connect(token)
    await looked_at(other, speaker)
    headers = {"authorization": f"Bearer {token}"}
    async with one.http(headers=headers) as http:
        await http.delete("/tickets")
    clock.ahead_ms = CHECKED_EVERY_MS + 1
    await looked_at(other, speaker)
    await ended(other, speaker, "revoked")
