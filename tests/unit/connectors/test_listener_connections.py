"""Who gets a message, by the gateway's tables, and what happens to who has gone."""

from __future__ import annotations

import pytest

from connectors.listener_connections import TableListenerConnections
from connectors.memory_session_tables import MemorySessionTables
from connectors.session_tables import ConnectionRow

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
    """Two listeners to es, one to ca, and one of another session."""
    tables = MemorySessionTables(clock)
    heard = {"a": (SESSION, "es"), "b": (SESSION, "es"), "c": (SESSION, "ca"), "d": ("o-1", "es")}
    for connection_id, (session_id, language) in heard.items():
        row = ConnectionRow(
            connection_id, session_id, language, "gateway-1", NOW_MS, NOW_MS + 60_000
        )
        await tables.add_connection(row)
        await tables.count_listeners(session_id, {language: 1}, NOW_MS)
    return tables


async def test_listeners_of_one_session_and_language(
    tables: MemorySessionTables, clock: Clock
) -> None:
    connections = TableListenerConnections(tables, clock)
    assert sorted(await connections.connections(SESSION, "es")) == ["a", "b"]
    assert await connections.connections(SESSION, "fr") == ()


async def test_a_connection_without_heartbeats_gets_nothing(
    tables: MemorySessionTables, clock: Clock
) -> None:
    await tables.keep_connection("a", NOW_MS + 120_000)
    clock.now_ms = NOW_MS + 60_000
    assert await TableListenerConnections(tables, clock).connections(SESSION, "es") == ("a",)


async def test_who_has_gone_is_counted_down_once(tables: MemorySessionTables, clock: Clock) -> None:
    """The job meets the 410 twice, and the gateway has removed b itself."""
    connections = TableListenerConnections(tables, clock)
    await connections.remove(SESSION, "es", "a")
    await connections.remove(SESSION, "es", "a")
    assert (await tables.listener_counts(SESSION)).by_language == {"es": 1, "ca": 1}

    await tables.remove_connection("b")
    await tables.count_listeners(SESSION, {"es": -1}, NOW_MS)
    await connections.remove(SESSION, "es", "b")
    assert (await tables.listeners(SESSION)).languages == ("ca",)
    assert await connections.connections(SESSION, "es") == ()
