"""A line of the OpenAPI document, and the lines of events, rooms and talks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ingest_gateway.rooms.messages import (
    ErasedView,
    EventPlan,
    EventView,
    EventWish,
    OwnTalkView,
    RoomDoor,
    RoomPatch,
    RoomView,
    RoomWish,
    StageTaken,
    TalkPatch,
    TalkSheet,
    TalkWish,
)

Method = Literal["get", "post", "patch", "delete"]
Body = type[msgspec.Struct] | str
"""A JSON type, or another media type."""
Caller = Literal["anybody", "speaker", "operator", "job"]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; ``answer`` None: a body that is empty or has no fixed form."""

    method: Method
    path: str
    summary: str
    status: int
    caller: Caller = "anybody"
    body: Body | None = None
    answer: Body | None = None
    query: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    headers: tuple[str, ...] = ()


_EVENT = "/events/{event_id}"
_ROOM = "/rooms/{room_id}"
_TALK = "/talks/{talk_id}"

ROOM_OPERATIONS = (
    Operation("post", "/events", "Make an event.", 201, "speaker", EventWish, EventView),
    Operation("get", "/events", "Your events, the newest first.", 200, "speaker", answer=JSON),
    Operation("get", _EVENT, "An event with its rooms.", 200, "speaker", answer=EventPlan),
    Operation(
        "delete",
        _EVENT,
        "Delete an event and all that was said in it.",
        200,
        "speaker",
        answer=ErasedView,
    ),
    Operation("post", "/rooms", "Make a room.", 201, "speaker", RoomWish, RoomView),
    Operation("get", _ROOM, "A room with its talks.", 200, "speaker", answer=RoomView),
    Operation("patch", _ROOM, "Change or lock a room.", 200, "speaker", RoomPatch, RoomView),
    Operation(
        "delete",
        _ROOM,
        "Delete a room and all that was said in it.",
        200,
        "speaker",
        answer=ErasedView,
    ),
    Operation(
        "get",
        f"{_ROOM}/door",
        "A room by its link: the key in x-room-key, the code in x-access-code.",
        200,
        answer=RoomDoor,
    ),
    Operation(
        "get",
        f"{_ROOM}/events",
        "What who is in a room is told, as server-sent events: for networks that break WebSockets.",
        200,
        answer="text/event-stream",
        query=(("key", {"type": "string"}), ("code", {"type": "string"})),
    ),
    Operation("post", "/talks", "Plan a talk in a room.", 201, "speaker", TalkWish, OwnTalkView),
    Operation("get", _TALK, "A talk as its speaker sees it.", 200, "speaker", answer=TalkSheet),
    Operation("patch", _TALK, "Change a talk.", 200, "speaker", TalkPatch, OwnTalkView),
    Operation(
        "delete",
        _TALK,
        "Delete a talk and all that was said in it.",
        200,
        "speaker",
        answer=ErasedView,
    ),
    Operation(
        "post",
        f"{_TALK}/stage",
        "Take the stage of the talk's room, or go on from another device.",
        200,
        "speaker",
        answer=StageTaken,
    ),
    Operation(
        "delete",
        f"{_TALK}/stage",
        "End the talk and leave the stage to the next one.",
        200,
        "speaker",
        answer=TalkSheet,
    ),
)
