"""Who listens, in which language: counted in the table, and told to job and speaker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.interfaces.listener_connections import TableListenerConnections
from connectors.interfaces.session_tables import (
    SETTLED_AFTER_MS,
    ConnectionRow,
    CountChange,
    ListenerCounts,
)
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.gateway import wall_clock_ms
from tests.integration.gateway.conftest import listened_languages
from tests.integration.gateway.sample_talk import T0_MS

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


class Clock:
    at_ms = wall_clock_ms()

    def __call__(self) -> int:
        return self.at_ms


async def test_the_stream_says_what_is_heard_whenever_the_set_changes(
    host: RunningGateway,
) -> None:
    _, session_id = await host.speaker()
    one = await host.listener(session_id, "es")
    two = await host.listener(session_id, "es")
    three = await host.listener(session_id, "ca")
    assert await listened_languages(host, session_id) == [(0, ("es",)), (2, ("ca", "es"))]

    await two.ask("changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="ca")
    await one.ask("leaveSession", "sessionLeft", sessionId=session_id)
    await host.hung_up(two, three)
    await host.until(lambda: 6 in [one.revision for one in host.controls("listeners")])
    records = await listened_languages(host, session_id)
    assert records[2:] == [(4, ("ca",)), (6, ())]
    assert await host.tables.listener_counts(session_id) == ListenerCounts({}, 6)
    assert await host.tables.connections(session_id, 0) == ()


async def partials(host: RunningGateway, session_id: str) -> list[tuple[int, tuple[str, ...]]]:
    """The ``listeners`` records of the session's stream: (revision, partial languages)."""
    await host.durable(session_id)
    return [
        (one.revision, one.partial_languages or ())
        for one in host.controls("listeners")
        if one.session_id == session_id
    ]


async def test_the_stream_says_where_partial_captions_are_asked_for(
    host: RunningGateway,
) -> None:
    """Through joins, a change of mind, a change of language, a leave and a lost connection."""
    _, session_id = await host.speaker()
    eager: dict[str, Any] = {"capabilities": ["partialCaptions"]}
    plain = await host.listener(session_id, "es")
    one = await host.listener(session_id, "es", **eager)
    two = await host.listener(session_id, "es", **eager)
    expected = [(0, ()), (1, ("es",))]
    assert await partials(host, session_id) == expected

    join = {"sessionId": session_id, "targetLanguage": "es"}
    await plain.ask("joinSession", "sessionJoined", **join, **eager)
    await plain.ask("joinSession", "sessionJoined", **join, capabilities=["inlineAudio"])
    await two.ask("changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="ca")
    expected.append((5, ("ca", "es")))
    assert await partials(host, session_id) == expected

    await host.hung_up(one)
    await host.until(lambda: 6 in [each.revision for each in host.controls("listeners")])
    await two.ask("leaveSession", "sessionLeft", sessionId=session_id)
    expected += [(6, ("ca",)), (7, ())]
    assert await partials(host, session_id) == expected
    assert await host.tables.listener_counts(session_id) == ListenerCounts({"es": 1}, 7)
    (row,) = await host.tables.connections(session_id, 0)
    assert row.capabilities == ("inlineAudio",)


@pytest.mark.parametrize("is_back", [True, False])
async def test_a_language_stays_active_for_a_listener_that_is_lost(
    start: Start, is_back: bool
) -> None:
    """Its socket is gone without a close; within half a minute it may be back."""
    clock = Clock()
    gateway = await start(now_ms=clock)
    _, session_id = await gateway.speaker()
    lost = await gateway.listener(session_id, "es", capabilities=["partialCaptions"])
    lost.socket.transport.abort()
    await gateway.until(lambda: len(gateway.gateway.hub.all()) == 1)
    if is_back:
        await gateway.listener(session_id, "es", capabilities=["partialCaptions"])
    clock.at_ms += 29_000
    await gateway.gateway.listeners.forget_lost()
    assert await listened_languages(gateway, session_id) == [(0, ("es",))]

    clock.at_ms += 1_000
    await gateway.gateway.listeners.forget_lost()
    counts = await gateway.tables.listener_counts(session_id)
    assert counts.by_language == ({"es": 1} if is_back else {})
    heard = await listened_languages(gateway, session_id)
    assert heard == [(0, ("es",))] + ([] if is_back else [(1, ())])


@pytest.mark.parametrize("gateway_has_it", [True, False])
async def test_a_job_that_meets_no_connection_does_not_count_its_listener_out(
    start: Start, gateway_has_it: bool
) -> None:
    """Another gateway answered that, while one replaced the other, or the listener will be back."""
    clock = Clock()
    gateway = await start(now_ms=clock)
    _, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es")
    (row,) = await gateway.tables.connections(session_id, 0)
    if not gateway_has_it:
        listener.socket.transport.abort()
        await gateway.until(lambda: len(gateway.gateway.hub.all()) == 1)
    await TableListenerConnections(gateway.tables, clock).lose(row.connection_id)
    assert (await gateway.tables.listener_counts(session_id)).by_language == {"es": 1}

    await gateway.gateway.sweeper.keep_connections()
    clock.at_ms += 30_000
    await gateway.gateway.listeners.forget_lost()
    still = {"es": 1} if gateway_has_it else {}
    assert (await gateway.tables.listener_counts(session_id)).by_language == still
    assert bool(await gateway.tables.connections(session_id, clock.at_ms)) == gateway_has_it


async def test_a_speakers_gateway_mends_what_a_gateway_that_ended_left(start: Start) -> None:
    clock = Clock()
    gateway = await start(now_ms=clock, tables=MemorySessionTables(clock))
    _, session_id = await gateway.speaker()
    row = ConnectionRow("lost", session_id, "es", "gateway-2", clock.at_ms, clock.at_ms + 30_000)
    await gateway.tables.add_connection(row)
    await gateway.tables.count_listeners(session_id, CountChange({"es": 1}), clock.at_ms)
    clock.at_ms += SETTLED_AFTER_MS
    await gateway.gateway.sweeper.sweep()
    assert (await gateway.tables.listener_counts(session_id)).by_language == {}
    assert (await listened_languages(gateway, session_id))[-1][1] == ()


@pytest.mark.parametrize("code", [1000, 1001])
async def test_who_closes_its_socket_has_left(gateway: RunningGateway, code: int) -> None:
    _, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es")
    await listener.socket.close(code)
    await gateway.until(lambda: len(gateway.controls("listeners")) == 2)
    assert await listened_languages(gateway, session_id) == [(0, ("es",)), (1, ())]


async def test_a_page_that_gives_its_socket_up_has_not_left(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es")
    await listener.socket.close(4000)
    await gateway.until(lambda: len(gateway.gateway.hub.all()) == 1)
    assert await listened_languages(gateway, session_id) == [(0, ("es",))]
    assert len(await gateway.tables.connections(session_id, 0)) == 1


async def test_who_is_back_as_the_same_listener_is_counted_once(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    lost = await gateway.listener(session_id, "es", key=await gateway.key(session_id))
    seat = lost.received[-1]["seat"]
    lost.socket.transport.abort()
    await gateway.until(lambda: len(gateway.gateway.hub.all()) == 1)
    await gateway.listener(session_id, "es", seat=seat)
    assert (await gateway.tables.listener_counts(session_id)).by_language == {"es": 1}


async def test_the_speaker_sees_its_listeners(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    await host.listener(session_id, "es")
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1}
    await host.listener(session_id, "ca")
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1, "ca": 1}
    status = await speaker.ask("getSessionStatus", "sessionStatus", sessionId=session_id)
    assert (status["state"], status["listeners"]) == ("live", {"es": 1, "ca": 1})


async def test_joining_twice_counts_once(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    listener = await host.listener(session_id, "es")
    join = {"sessionId": session_id, "targetLanguage": "es"}
    await listener.ask("joinSession", "sessionJoined", **join)
    counts = await host.tables.listener_counts(session_id)
    assert counts == ListenerCounts({"es": 1}, 0)


async def test_joining_another_session_leaves_the_first(host: RunningGateway) -> None:
    _, first = await host.speaker()
    _, second = await host.speaker()
    listener = await host.listener(first, "es")
    await listener.ask("joinSession", "sessionJoined", sessionId=second, targetLanguage="ca")
    assert await listened_languages(host, first) == [(0, ("es",)), (1, ())]
    assert await listened_languages(host, second) == [(0, ("ca",))]


async def test_a_restart_has_lost_its_earlier_lifes_listeners(start: Start) -> None:
    clock = Clock()
    gateway = await start(now_ms=clock)
    _, session_id = await gateway.speaker()
    # What a killed gateway leaves: a row and a count that nobody will take back.
    row = ConnectionRow(
        "dead-1", session_id, "es", "gateway-1", T0_MS, T0_MS + 10**12, ("partialCaptions",)
    )
    await gateway.tables.add_connection(row)
    await gateway.tables.count_listeners(session_id, CountChange({"es": 1}, {"es": 1}), T0_MS)
    foreign = replace(row, connection_id="alive-1", language="ca", gateway_id="gateway-2")
    await gateway.tables.add_connection(foreign)
    await gateway.tables.count_listeners(session_id, CountChange({"ca": 1}), T0_MS)
    await gateway.restart()
    assert await listened_languages(gateway, session_id) == []

    clock.at_ms += 30_000
    await gateway.gateway.listeners.forget_lost()
    assert await gateway.tables.listener_counts(session_id) == ListenerCounts({"ca": 1}, 2)
    assert await gateway.tables.connections(session_id, 0) == (foreign,)
    assert await listened_languages(gateway, session_id) == [(2, ("ca",))]
    assert await partials(gateway, session_id) == [(2, ())]


async def test_a_listener_that_was_counted_out_is_not_counted_out_twice(
    host: RunningGateway,
) -> None:
    """Another gateway, which took it for lost, did so before its host came to it."""
    _, session_id = await host.speaker()
    lost = await host.listener(session_id, "es")
    await host.listener(session_id, "ca")
    row = next(one for one in await host.tables.connections(session_id, 0) if one.language == "es")
    await host.tables.remove_connection(row.connection_id)
    await host.tables.count_listeners(session_id, CountChange({"es": -1}), host.needs.now_ms())
    await host.hung_up(lost)
    # Nobody may have written it into the session's stream; the host tells it there what is heard.
    await host.until(lambda: 2 in [one.revision for one in host.controls("listeners")])
    assert (await listened_languages(host, session_id))[-1] == (2, ("ca",))
    assert await host.tables.listener_counts(session_id) == ListenerCounts({"ca": 1}, 2)


async def test_a_listener_that_says_nothing_for_too_long_is_gone(start: Start) -> None:
    limits = replace((await start()).needs.limits, heartbeat_timeout_ms=3000)
    gateway = await start(replace(limits, lost_listener_ms=0))
    _, session_id = await gateway.speaker()
    silent = await gateway.listener(session_id, "es")
    beating = await gateway.listener(session_id, "ca")
    closing = asyncio.create_task(silent.closed())
    while not closing.done():
        await beating.ask("heartbeat", "heartbeatAck")
        await asyncio.sleep(0.05)
    assert (await closing)[0] == 4408
    await beating.ask("heartbeat", "heartbeatAck")
    await gateway.gateway.listeners.forget_lost()
    assert (await listened_languages(gateway, session_id))[-1] == (2, ("ca",))
