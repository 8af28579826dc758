"""Events, rooms and talks over HTTP."""

from __future__ import annotations

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath

from connectors.interfaces.erasure import Erased
from ingest_gateway.access.auth import CODE_HEADER
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.messages import JoinRoom
from ingest_gateway.rooms.messages import (
    ErasedView,
    EventPlan,
    EventWish,
    RoomDoor,
    RoomPatch,
    RoomWish,
    StageTaken,
    TalkPatch,
    TalkWish,
    event_view,
    own_talk_view,
    room_link,
    room_view,
    talk_sheet,
)
from ingest_gateway.routes.bodies import json_answer, read_body
from ingest_gateway.routes.callers import AnyRequest, ItsCaller, ItsGateway, peer_of
from ingest_gateway.sessions.hub import known

ROOM_KEY_HEADER = "x-room-key"


@post("/events")
async def create_event(
    request: AnyRequest, caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    event = await gateway.organiser.create_event(caller, await read_body(request, EventWish))
    return json_answer(event_view(event), 201)


@get("/events")
async def list_events(caller: ItsCaller, gateway: ItsGateway) -> Response[bytes]:
    events = await gateway.organiser.events(caller)
    return json_answer([event_view(event) for event in events])


@get("/events/{event_id:str}")
async def get_event(
    event_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    event = await gateway.organiser.event(caller, event_id)
    rooms = await gateway.organiser.plan(event)
    views = tuple(room_view(room, talks) for room, talks in rooms)
    return json_answer(EventPlan(event.event_id, event.title, event.created_at_ms, views))


@delete("/events/{event_id:str}", status_code=200)
async def delete_event(
    event_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    return _erased(await gateway.organiser.delete_event(caller, event_id))


@post("/rooms")
async def create_room(
    request: AnyRequest, caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    room = await gateway.organiser.create_room(caller, await read_body(request, RoomWish))
    return json_answer(room_view(room, ()), 201)


@get("/rooms/{room_id:str}")
async def get_room(
    room_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    return json_answer(room_view(*await gateway.organiser.room(caller, room_id)))


@patch("/rooms/{room_id:str}")
async def patch_room(
    room_id: FromPath[str], request: AnyRequest, caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    wish = await read_body(request, RoomPatch)
    await gateway.organiser.change_room(caller, room_id, wish)
    return json_answer(room_view(*await gateway.organiser.room(caller, room_id)))


@delete("/rooms/{room_id:str}", status_code=200)
async def delete_room(
    room_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    return _erased(await gateway.organiser.delete_room(caller, room_id))


@get("/rooms/{room_id:str}/door")
async def room_door(
    room_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """For who has the room's link: its key, and the code if there is one, come in headers."""
    shown = JoinRoom(
        room_id, request.headers.get(ROOM_KEY_HEADER, ""), request.headers.get(CODE_HEADER)
    )
    room = await gateway.stages.admit(peer_of(request, gateway), shown, is_in=True)
    door = RoomDoor(
        room.room_id,
        room.event_title,
        room.name,
        room.languages,
        room.keep_days,
        await gateway.stages.state(room_id),
    )
    return json_answer(door)


@post("/talks")
async def create_talk(
    request: AnyRequest, caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    talk = await gateway.organiser.create_talk(caller, await read_body(request, TalkWish))
    return json_answer(own_talk_view(talk), 201)


@get("/talks/{talk_id:str}")
async def get_talk(
    talk_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    return json_answer(talk_sheet(*await gateway.organiser.talk(caller, talk_id)))


@patch("/talks/{talk_id:str}")
async def patch_talk(
    talk_id: FromPath[str], request: AnyRequest, caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    wish = await read_body(request, TalkPatch)
    return json_answer(own_talk_view(await gateway.organiser.change_talk(caller, talk_id, wish)))


@delete("/talks/{talk_id:str}", status_code=200)
async def delete_talk(
    talk_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    return _erased(await gateway.organiser.delete_talk(caller, talk_id))


@post("/talks/{talk_id:str}/stage", status_code=200)
async def take_stage(
    talk_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """Begin the talk, or go on with it from another device."""
    peer = peer_of(request, gateway)
    room, talk = await gateway.organiser.talk(known(peer), talk_id)
    session_id = await gateway.stages.take(peer, talk_id)
    taken = StageTaken(talk_id, session_id, talk.language, room_link(room), room.keep_days)
    return json_answer(taken)


@delete("/talks/{talk_id:str}/stage", status_code=200)
async def leave_stage(
    talk_id: FromPath[str], caller: ItsCaller, gateway: ItsGateway
) -> Response[bytes]:
    """End the talk, and leave the stage to the next one."""
    await gateway.organiser.talk(caller, talk_id)
    await gateway.stages.hand_over(talk_id)
    return await _sheet(gateway, talk_id)


async def _sheet(gateway: Gateway, talk_id: str) -> Response[bytes]:
    talk = await gateway.organiser.records.talk(talk_id)
    room, _ = await gateway.organiser.records.room_and_talks(talk.room_id)
    return json_answer(talk_sheet(room, talk))


def _erased(erased: Erased) -> Response[bytes]:
    return json_answer(ErasedView(erased.objects, erased.rows))


ROOM_ROUTES = [
    create_event,
    list_events,
    get_event,
    delete_event,
    create_room,
    get_room,
    patch_room,
    delete_room,
    room_door,
    create_talk,
    get_talk,
    patch_talk,
    delete_talk,
    take_stage,
    leave_stage,
]
