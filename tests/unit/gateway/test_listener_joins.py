"""Listeners who come at once, whose join fails half way, or whose talk is deleted while they are
there."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from connectors.interfaces.errors import ConnectorError, RetryableError
from connectors.interfaces.session_tables import CountChange, ListenerCounts, SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import JoinSession
from ingest_gateway.read_side.event_line import EventLine
from ingest_gateway.sessions.hub import Connection, Peer
from tests.unit.gateway.two_gateways import SESSION, RunVirtual, Socket, Story

if TYPE_CHECKING:
    from ingest_gateway.gateway import Gateway

pytestmark = pytest.mark.unit

OTHER = "calm-harbour-412"
LANGUAGES = "es pt ca fr de it nl sv da fi pl cs el tr hu ro bg hr".split()  # noqa: SIM905 - shorter


def listener(name: str) -> Connection:
    return Connection(name, Peer("192.0.2.7", "", Identity(name)), Socket(), 0, 1 << 20)


async def close(story: Story) -> None:
    for host in story.hosts:
        await host.close()


def slow_counts(gateway: Gateway) -> None:
    """As tables are that are not in memory."""
    tables = gateway.live.tables
    counts = tables.listener_counts

    async def slow(session_id: str) -> ListenerCounts:
        found = await counts(session_id)
        await asyncio.sleep(0.01)
        return found

    tables.listener_counts = slow  # type: ignore[method-assign]


def test_listeners_who_come_at_once_switch_on_no_more_languages(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        slow_counts(gateway)
        joins = [
            gateway.listeners.join(listener(f"{tag}{at}"), JoinSession(SESSION, tag))
            for tag in LANGUAGES
            for at in range(2)
        ]
        came = await asyncio.gather(*joins, return_exceptions=True)
        refused = [one.code for one in came if isinstance(one, Refusal)]
        most = gateway.needs.limits.languages_per_session
        assert refused == ["BAD_LANGUAGE"] * 2 * (len(LANGUAGES) - most)
        counts = await gateway.live.tables.listener_counts(SESSION)
        assert len(counts.languages) == most
        assert set(counts.by_language.values()) == {2}
        await close(story)

    run_virtual(run())


def test_who_could_not_be_counted_is_when_asking_again(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        tables = gateway.live.tables
        count, away = tables.count_listeners, True

        async def counted(session_id: str, change: CountChange, now_ms: int) -> ListenerCounts:
            if away:
                raise RetryableError("away")
            return await count(session_id, change, now_ms)

        tables.count_listeners = counted  # type: ignore[method-assign]
        one, wanted = listener("one"), JoinSession(SESSION, "es")
        with pytest.raises(ConnectorError):
            await gateway.listeners.join(one, wanted)
        away = False
        await gateway.listeners.join(one, wanted)
        assert (await tables.listener_counts(SESSION)).by_language == {"es": 1}
        away = True
        with pytest.raises(ConnectorError):
            await gateway.listeners.join(one, JoinSession(SESSION, "pt"))
        away = False
        await gateway.listeners.join(one, JoinSession(SESSION, "pt"))
        assert (await tables.listener_counts(SESSION)).by_language == {"pt": 1}
        await close(story)

    run_virtual(run())


def test_a_stream_of_events_whose_join_fails_leaves_nothing_behind(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway

        async def broken(*_given: object) -> NoReturn:
            raise KeyError("a fault of ours")

        gateway.captions.history = broken  # type: ignore[method-assign]
        wanted = JoinSession(SESSION, "es")
        peer = Peer("192.0.2.7", "", None)
        line = EventLine(
            gateway, peer, "joinSession", lambda one: gateway.listeners.join(one, wanted)
        )
        with suppress(KeyError):
            await line.run()
        assert gateway.hub.listeners(SESSION) == []
        assert (await gateway.live.tables.listener_counts(SESSION)).languages == ()
        assert [text async for text in line.read()] == []  # it ends
        await close(story)

    run_virtual(run())


def test_a_refused_stream_of_events_says_why_and_ends(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        wanted = JoinSession("no-such-1", "es")
        peer = Peer("192.0.2.7", "", None)
        line = EventLine(
            gateway, peer, "joinSession", lambda one: gateway.listeners.join(one, wanted)
        )
        await line.run()
        (told,) = [text async for text in line.read()]
        assert json.loads(told.removeprefix(b"data: "))["code"] == "NO_SESSION"
        await close(story)

    run_virtual(run())


def test_who_does_not_read_has_no_place_for_ever(run_virtual: RunVirtual) -> None:
    """The gateway ends it while what it was sent waits: nobody waits for it to be read."""

    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        wanted = JoinSession(SESSION, "es")
        peer = Peer("192.0.2.7", "", None)
        line = EventLine(
            gateway, peer, "joinSession", lambda one: gateway.listeners.join(one, wanted)
        )
        running = asyncio.create_task(line.run())
        await asyncio.sleep(1)
        (connection,) = gateway.hub.listeners(SESSION)
        for _ in range(3):  # with sessionJoined all that is kept for it
            connection.post("{}")
        await asyncio.sleep(1)
        connection.close(1001, "closed by the service")
        await asyncio.sleep(60)
        assert running.done()
        assert gateway.hub.all() == ()
        await close(story)

    run_virtual(run())


def test_who_stays_when_a_talk_is_deleted_may_go_to_the_next(run_virtual: RunVirtual) -> None:
    """A room that keeps nothing forgets a talk five minutes after it, while the room waits."""

    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        info = replace(story.sessions[SESSION].info, session_id=OTHER)
        story.sessions[OTHER] = SessionRow(info)
        one = listener("one")
        await gateway.listeners.join(one, JoinSession(SESSION, "es"))
        gateway.live.tables.forget(SESSION)  # type: ignore[attr-defined] - of memory
        gateway.live.forget(SESSION)
        joined = await gateway.listeners.join(one, JoinSession(OTHER, "es"))
        assert joined.session_id == OTHER
        await close(story)

    run_virtual(run())
