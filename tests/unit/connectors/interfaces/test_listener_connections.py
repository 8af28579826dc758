"""Who gets a message, by the gateway's tables, and what happens to who has gone."""

from __future__ import annotations

import pytest

from connectors.interfaces.listener_connections import Listener, TableListenerConnections
from connectors.interfaces.notifier import INLINE_AUDIO, PARTIAL_CAPTIONS
from connectors.interfaces.session_tables import (
    ConnectionRow,
    CountChange,
    SessionRow,
    count_change,
)
from connectors.memory.session_tables import MemorySessionTables
from schemas.session_info import SessionInfo

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"
NOW_MS = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tables(clock: Clock) -> MemorySessionTables:
    """Two listeners to es, one of them for all there is, one to ca, one of another session."""
    tables = MemorySessionTables(clock)
    heard = {"a": (SESSION, "es"), "b": (SESSION, "es"), "c": (SESSION, "ca"), "d": ("o-1", "es")}
    for connection_id, (session_id, language) in heard.items():
        row = ConnectionRow(
            connection_id,
            session_id,
            language,
            "gateway-1",
            NOW_MS,
            NOW_MS + 60_000,
            (INLINE_AUDIO, PARTIAL_CAPTIONS) if connection_id == "b" else (),
        )
        await tables.add_connection(row)
        await tables.count_listeners(session_id, count_change(None, row), NOW_MS)
    return tables


async def test_listeners_of_one_session_and_language(
    tables: MemorySessionTables, clock: Clock
) -> None:
    connections = TableListenerConnections(tables, clock)
    assert set(await connections.connections(SESSION, "es")) == {
        Listener("a"),
        Listener("b", frozenset({INLINE_AUDIO, PARTIAL_CAPTIONS})),
    }
    assert await connections.connections(SESSION, "fr") == ()


async def test_a_connection_without_heartbeats_gets_nothing(
    tables: MemorySessionTables, clock: Clock
) -> None:
    await tables.keep_connection("a", NOW_MS + 120_000)
    clock.now_ms = NOW_MS + 60_000
    found = await TableListenerConnections(tables, clock).connections(SESSION, "es")
    assert found == (Listener("a"),)


async def test_who_is_not_met_counts_for_half_a_minute(
    tables: MemorySessionTables, clock: Clock
) -> None:
    """The gateway that answered Gone may not be the one that has the connection."""
    await tables.keep_connection("b", NOW_MS + 120_000)
    connections = TableListenerConnections(tables, clock)
    await connections.lose("b")
    clock.now_ms += 29_999
    await connections.lose("b")  # met again: not put off
    assert {each.connection_id for each in await connections.connections(SESSION, "es")} == {
        "a",
        "b",
    }
    clock.now_ms += 1
    assert await connections.connections(SESSION, "es") == (Listener("a"),)
    counts = await tables.listener_counts(SESSION)
    assert counts.by_language == {"es": 2, "ca": 1}, "a gateway's look at the tables mends it"


async def test_whose_gateway_has_it_stays(tables: MemorySessionTables, clock: Clock) -> None:
    connections = TableListenerConnections(tables, clock)
    await connections.lose("a")
    await tables.keep_connection("a", NOW_MS + 120_000)  # as its gateway does every few seconds
    clock.now_ms += 60_000
    assert await connections.connections(SESSION, "es") == (Listener("a"),)


async def test_the_speaker_is_where_it_joined_last(
    tables: MemorySessionTables, clock: Clock
) -> None:
    connections = TableListenerConnections(tables, clock)
    assert await connections.speaker(SESSION) is None
    info = SessionInfo(SESSION, "ada", "en", (), "standard", "active", NOW_MS)
    await tables.create(SessionRow(info))
    assert await connections.speaker(SESSION) is None
    await tables.open_stream(SESSION, "ada", "s1", "c1", NOW_MS)
    await tables.open_stream(SESSION, "ada", "s1", "c2", NOW_MS)
    assert await connections.speaker(SESSION) == "c2"


def row(language: str, *capabilities: str) -> ConnectionRow:
    return ConnectionRow("a", SESSION, language, "g", NOW_MS, NOW_MS, capabilities)


def test_what_a_change_of_a_connection_counts() -> None:
    plain, eager, moved = row("es"), row("es", PARTIAL_CAPTIONS), row("ca", PARTIAL_CAPTIONS)
    assert count_change(None, eager) == CountChange({"es": 1}, {"es": 1})
    assert count_change(plain, eager) == CountChange({}, {"es": 1})
    assert count_change(eager, moved) == CountChange({"es": -1, "ca": 1}, {"es": -1, "ca": 1})
    assert count_change(moved, None) == CountChange({"ca": -1}, {"ca": -1})
    assert not count_change(plain, row("es", INLINE_AUDIO))
