"""As many talks at a time as the job's recogniser holds: one more is refused, in words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from ingest_gateway.gateway import wall_clock_ms
from ingest_gateway.sessions.talk_places import ASK_AGAIN_MS, KEPT_MS
from tests.integration.gateway.conftest import LIMITS

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, RunningGateway, Start

pytestmark = pytest.mark.integration

TWO = replace(LIMITS, talks_at_once=2)
FULL = {
    "code": "RATE_LIMITED",
    "message": "2 talks go on, which is all that can be recognised at a time: "
    "start when one has ended",
}


async def created(gateway: RunningGateway) -> tuple[Client, str]:
    """Who has a session and does not speak yet."""
    client = await gateway.connect(gateway.token())
    made = await client.ask("createSession", "sessionCreated", sourceLanguage="en")
    return client, str(made["sessionId"])


async def join(client: Client, session_id: str) -> None:
    await client.send("joinAsSpeaker", sessionId=session_id, streamId="s1", nextSequence=0)


async def test_the_third_of_two_talks_is_refused_until_one_has_ended(start: Start) -> None:
    gateway = await start(TWO)
    first, first_id = await gateway.speaker()
    await gateway.speaker()
    third = await gateway.connect(gateway.token())
    await third.send("createSession", sourceLanguage="en")
    refusal = await third.expect("error", action="createSession")
    assert FULL.items() <= refusal.items()
    assert refusal["retryAfterMs"] == ASK_AGAIN_MS
    await first.ask("endSession", "broadcastState", sessionId=first_id)
    await gateway.speaker()


async def test_the_page_is_told_so_by_http(start: Start) -> None:
    gateway = await start(replace(LIMITS, talks_at_once=1))
    await gateway.speaker()
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{gateway.url}/sessions",
            json={"sourceLanguage": "en"},
            headers={"authorization": f"Bearer {gateway.token()}"},
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["message"].startswith("1 talks go on")


async def test_sessions_that_nobody_speaks_into_take_no_place(start: Start) -> None:
    """Three were made while there was room; the third of them to speak is refused, waits, and
    joins by itself as its page does."""
    gateway = await start(TWO)
    clients = [await created(gateway) for _ in range(3)]
    for client, session_id in clients[:2]:
        await join(client, session_id)
        await client.expect("speakerJoined")
    waiting, waiting_id = clients[2]
    await join(waiting, waiting_id)
    assert FULL.items() <= (await waiting.expect("error", action="joinAsSpeaker")).items()
    ending, ending_id = clients[0]
    await ending.ask("endSession", "broadcastState", sessionId=ending_id)
    await join(waiting, waiting_id)
    await waiting.expect("speakerJoined")


async def test_of_two_who_join_at_the_same_time_one_has_the_last_place(start: Start) -> None:
    gateway = await start(replace(LIMITS, talks_at_once=1))
    clients = [await created(gateway) for _ in range(2)]
    opening = gateway.tables.open_stream
    both = asyncio.Event()

    async def slow(*arguments: object) -> object:
        await both.wait()
        return await opening(*arguments)  # type: ignore[arg-type]

    gateway.tables.open_stream = slow  # type: ignore[method-assign, assignment]
    for client, session_id in clients:
        await join(client, session_id)
    await clients[1][0].expect("error", action="joinAsSpeaker")
    both.set()
    await clients[0][0].expect("speakerJoined")


async def test_a_talk_whose_connection_is_lost_keeps_its_place_for_a_minute(start: Start) -> None:
    late_ms = 0
    gateway = await start(
        replace(LIMITS, talks_at_once=1), now_ms=lambda: wall_clock_ms() + late_ms
    )
    speaker, session_id = await gateway.speaker()
    await gateway.hung_up(speaker)
    other = await gateway.connect(gateway.token("bob"))
    await other.send("createSession", sourceLanguage="en")
    assert (await other.expect("error"))["code"] == "RATE_LIMITED"
    back, _ = await gateway.speaker(session_id)
    await gateway.hung_up(back)
    late_ms = KEPT_MS
    await other.ask("createSession", "sessionCreated", sourceLanguage="en")


async def test_without_the_option_nothing_is_refused(start: Start) -> None:
    gateway = await start()
    for _ in range(4):
        await gateway.speaker()
