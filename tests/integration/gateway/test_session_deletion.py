"""A session without a room is deleted by its speaker, on both hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from ingest_gateway.rooms.deletion import AGAIN_AFTER_MS
from tests.integration.gateway.test_rooms import Clock, Venue, leave_traces, sweep, token_of, traces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.gateway.conftest import Start

pytestmark = pytest.mark.integration


@pytest.fixture
async def venue(start_host: Start) -> AsyncIterator[Venue]:
    clock = Clock()
    one = Venue(await start_host(now_ms=clock), clock)
    yield one
    await one.http.aclose()


async def erase(venue: Venue, session_id: str, subject: str = "ada") -> httpx.Response:
    return await venue.ask("DELETE", f"/sessions/{session_id}/data", venue.host.token(subject))


async def test_nothing_is_left_of_a_deleted_session(venue: Venue) -> None:
    speaker, session_id = await venue.host.speaker()
    _, other_id = await venue.host.speaker()
    listener = await venue.host.listener(session_id)
    await leave_traces(venue, session_id)
    await leave_traces(venue, other_id)
    assert (await erase(venue, session_id, "eve")).status_code == 403
    assert len(await traces(venue, session_id)) > 2
    deleted = await erase(venue, session_id)
    assert (deleted.status_code, deleted.json()["objects"]) == (200, 1)
    assert deleted.json()["rows"] >= 3  # the session, its listener's connection, its utterance
    for client in (speaker, listener):
        await client.expect("broadcastState", state="ended")
    late = await venue.host.connect()
    wish = {"sessionId": session_id, "targetLanguage": "es"}
    assert (await late.ask("joinSession", "error", **wish))["code"] == "NO_SESSION"
    assert (await venue.http.get(f"/transcripts/{session_id}/es.txt")).status_code == 404
    assert (await erase(venue, session_id)).status_code == 404
    await leave_traces(venue, session_id)  # its job was not done yet
    await venue.host.hung_up(listener, speaker)
    venue.clock.ahead_ms += AGAIN_AFTER_MS
    await sweep(venue)
    assert await traces(venue, session_id) == []
    assert await venue.host.needs.rooms.deletions() == ()
    assert len(await traces(venue, other_id)) > 2


async def test_a_speakers_link_deletes_no_talk(venue: Venue) -> None:
    talk = await venue.talk(await venue.room(), "One")
    session_id = (await venue.take(talk))["sessionId"]
    by_link = await venue.ask("DELETE", f"/sessions/{session_id}/data", token_of(talk))
    assert by_link.status_code == 403
    assert (await venue.take(talk))["sessionId"] == session_id  # it goes on
