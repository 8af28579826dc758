"""Who is in a room, between two events: rows in the table of connections, beside listeners'.

A connection that is in a room and listens has two rows. That of the room stands under a key and a
session id that no connection and no session has.
"""

from __future__ import annotations

from connectors.interfaces.session_tables import ConnectionRow
from ingest_gateway.hosts.aws.open_connections import OpenConnection
from ingest_gateway.sessions.live_sessions import LiveSessions

_PREFIX = "room#"
_ANY_LANGUAGE = "-"


def room_scope(room_id: str) -> str:
    """What stands in the place of a session's id."""
    return _PREFIX + room_id


def connection_in_room(key: str) -> str:
    return key.removeprefix(_PREFIX)


async def remember_room(
    live: LiveSessions, connection: OpenConnection, room_id: str, gateway_id: str
) -> None:
    row = ConnectionRow(
        connection_id=_PREFIX + connection.connection_id,
        session_id=room_scope(room_id),
        language=_ANY_LANGUAGE,
        gateway_id=gateway_id,
        connected_at_ms=connection.connected_at_ms,
        expires_at_ms=connection.expires_at_ms,
    )
    await live.ask(lambda: live.tables.add_connection(row))


async def forget_room(live: LiveSessions, connection_id: str) -> None:
    await live.ask(lambda: live.tables.remove_connection(_PREFIX + connection_id))
