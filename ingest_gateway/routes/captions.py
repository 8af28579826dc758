"""Rooms and captions for who cannot have a WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from connectors.interfaces.notifier import PARTIAL_CAPTIONS
from ingest_gateway.access.auth import presented_listening
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import (
    MOST_ID_CHARACTERS,
    JoinRoom,
    JoinSession,
    ServerMessage,
)
from ingest_gateway.read_side.event_line import EventLine
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, peer_of
from ingest_gateway.sessions.hub import Connection, Peer

_HEADERS = {
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",  # asks proxies to pass each event on at once
}


@get("/captions/{session_id:str}/{language:str}")
async def follow_captions(
    session_id: FromPath[str],
    language: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
    since: FromQuery[int | None] = None,
) -> Stream:
    """What a listener with the capability ``partialCaptions`` is told, as server-sent events, from
    ``sessionJoined`` on; ``since``: as ``sinceSequence``."""
    if max(len(session_id), len(language)) > MOST_ID_CHARACTERS or (since or 0) < -1:
        raise Refusal("BAD_FIELD", "that is no session, no language or no number")
    shown = presented_listening(request.headers, request.query_params)
    wanted = JoinSession(
        session_id,
        language,
        capabilities=(PARTIAL_CAPTIONS,),
        since_sequence=since,
        key=shown.key,
        access_code=shown.code,
        seat=shown.seat,
    )
    peer = peer_of(request, gateway)
    return _followed(gateway, peer, "joinSession", lambda one: gateway.listeners.join(one, wanted))


@get("/rooms/{room_id:str}/events")
async def follow_room(room_id: FromPath[str], request: AnyRequest, gateway: ItsGateway) -> Stream:
    """What who is in the room is told, as server-sent events, from its first ``talkState`` on."""
    if len(room_id) > MOST_ID_CHARACTERS:
        raise Refusal("BAD_FIELD", "that is no room")
    shown = presented_listening(request.headers, request.query_params)
    wanted = JoinRoom(room_id, shown.key or "", shown.code)
    peer = peer_of(request, gateway)
    return _followed(gateway, peer, "joinRoom", lambda one: gateway.stages.join(one, wanted))


def _followed(
    gateway: Gateway,
    peer: Peer,
    action: str,
    join: Callable[[Connection], Awaitable[ServerMessage]],
) -> Stream:
    line = EventLine(gateway, peer, action, join)
    gateway.run_beside(line.run())
    return Stream(line.read(), media_type="text/event-stream", headers=_HEADERS)


CAPTION_ROUTES = [follow_captions, follow_room]
