"""A talk on the stage and its session: what fails half way is made good, and nothing said is left
behind when the talk is deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from connectors.interfaces.errors import ConnectorError, RetryableError
from connectors.interfaces.session_tables import SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.gateway import Gateway
from ingest_gateway.rooms.messages import EventWish, RoomWish, TalkWish
from ingest_gateway.sessions.hub import Peer
from schemas.rooms import Talk
from schemas.session_info import KEEP_DAYS
from tests.unit.gateway.two_gateways import SESSION, RunVirtual, Story

pytestmark = pytest.mark.unit

ORGANISER = Identity("olga")
PEER = Peer("192.0.2.7", "", ORGANISER)


async def talk_whose_row_was_not_written(gateway: Gateway) -> Talk:
    """It has the stage and a session; writing down which one failed."""
    organiser = gateway.organiser
    event = await organiser.create_event(ORGANISER, EventWish("Tides"))
    room = await organiser.create_room(ORGANISER, RoomWish(event.event_id, "Harbour"))
    talk = await organiser.create_talk(ORGANISER, TalkWish(room.room_id, "One", "Ada", "en"))
    tables = gateway.needs.rooms
    replace_talk = tables.replace_talk

    async def away(_talk: Talk) -> Talk | None:
        raise RetryableError("away")

    tables.replace_talk = away  # type: ignore[method-assign]
    with pytest.raises(ConnectorError):
        await gateway.stages.take(PEER, talk.talk_id)
    tables.replace_talk = replace_talk  # type: ignore[method-assign]
    return talk


def test_a_talk_that_is_taken_again_knows_its_session(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        talk = await talk_whose_row_was_not_written(gateway)
        session_id = await gateway.stages.take(PEER, talk.talk_id)
        assert (await gateway.organiser.records.talk(talk.talk_id)).session_id == session_id
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_deleting_a_talk_finds_the_session_that_its_stage_has(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        talk = await talk_whose_row_was_not_written(gateway)
        room = await gateway.needs.rooms.room(talk.room_id)
        assert room is not None
        assert room.stage is not None
        session_id = room.stage.session_id
        assert session_id is not None
        await gateway.organiser.delete_talk(ORGANISER, talk.talk_id)
        assert story.sessions[session_id].info.status == "ended"
        assert [one.session_id for one in await gateway.needs.rooms.deletions()] == [session_id]
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_a_talk_of_which_nothing_is_kept_is_noted_before_it_ends(run_virtual: RunVirtual) -> None:
    """The process may die between the two, and is not to leave what was said."""

    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        info = story.sessions[SESSION].info
        nothing_kept = replace(info, extra={**info.extra, KEEP_DAYS: "0"})
        story.sessions[SESSION] = replace(story.sessions[SESSION], info=nothing_kept)
        live = await gateway.live.find(SESSION)
        tables = gateway.needs.rooms

        async def dies(_session_id: str, _now_ms: int) -> SessionRow | None:
            raise RetryableError("the process died")

        end, gateway.live.tables.end = gateway.live.tables.end, dies  # type: ignore[method-assign]
        with pytest.raises(ConnectorError):
            await gateway.speakers.end_by_itself(live)
        (noted,) = await tables.deletions()
        await asyncio.sleep(3600)
        assert await gateway.deletions.carry_out() == 0, "it has not ended"
        gateway.live.tables.end = end  # type: ignore[method-assign]
        await gateway.speakers.end_by_itself(live)
        (noted_again,) = await tables.deletions()
        assert noted_again.due_ms > noted.due_ms
        await asyncio.sleep(3600)
        assert await gateway.deletions.carry_out() == 1
        for host in story.hosts:
            await host.close()

    run_virtual(run())
