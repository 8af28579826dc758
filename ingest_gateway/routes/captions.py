"""Captions for who cannot have a WebSocket."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from connectors.interfaces.notifier import PARTIAL_CAPTIONS
from ingest_gateway.access.auth import presented_listening
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import MOST_ID_CHARACTERS, JoinSession
from ingest_gateway.read_side.event_line import EventLine
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, peer_of

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
    line = EventLine(gateway, peer_of(request, gateway), wanted)
    gateway.run_beside(line.run())
    return Stream(line.read(), media_type="text/event-stream", headers=_HEADERS)


CAPTION_ROUTES = [follow_captions]
