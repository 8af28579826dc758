"""What HTTP takes and shows of events, rooms and talks; times are UTC milliseconds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ingest_gateway.protocol.messages import Language, TalkState, TimestampMs
from schemas.rooms import Event, Room, Talk, in_order

Title = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
AccessCode = Annotated[str, Meta(min_length=4, max_length=32)]
Languages = Annotated[tuple[Language, ...], Meta(max_length=64)]
Cap = Annotated[int, Meta(ge=1, le=100_000)]
RetentionDays = Literal[0, 1, 7, 30]


class EventWish(Struct, frozen=True, rename="camel"):
    title: Title


class RoomWish(Struct, frozen=True, rename="camel"):
    """``languages`` empty: all that a talk can be heard in."""

    event_id: str
    name: Name
    languages: Languages = ()
    access_code: AccessCode | None = None
    most_listeners: Cap | None = None
    retention_days: RetentionDays = 1


class RoomPatch(Struct, frozen=True, rename="camel"):
    """What ``PATCH`` may change; null takes a code or a cap away. Talks that have begun keep the
    retention that they began with."""

    name: Name | UnsetType = UNSET
    languages: Languages | UnsetType = UNSET
    access_code: AccessCode | UnsetType | None = UNSET
    most_listeners: Cap | UnsetType | None = UNSET
    retention_days: RetentionDays | UnsetType = UNSET
    locked: bool | UnsetType = UNSET


class TalkWish(Struct, frozen=True, rename="camel"):
    room_id: str
    title: Title
    speaker: Annotated[str, Meta(max_length=200)]
    language: Language
    planned_at: TimestampMs | None = None


class TalkPatch(Struct, frozen=True, rename="camel"):
    """What ``PATCH`` may change. The language stays once the talk has begun."""

    title: Title | UnsetType = UNSET
    speaker: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    planned_at: TimestampMs | UnsetType | None = UNSET


class EventView(Struct, frozen=True, rename="camel"):
    event_id: str
    title: str
    created_at: int
    room_ids: tuple[str, ...]


class OwnTalkView(Struct, frozen=True, rename="camel"):
    """A talk as its organiser sees it. ``link``: path and secret for its speaker."""

    talk_id: str
    room_id: str
    title: str
    speaker: str
    language: str
    planned_at: int | None
    session_id: str | None
    ended_at: int | None
    link: str


class RoomView(Struct, frozen=True, rename="camel"):
    """A room as its organiser sees it. ``link``: path and secret for its listeners; ``on_stage``:
    the talk that has the stage."""

    room_id: str
    event_id: str
    event_title: str
    name: str
    languages: tuple[str, ...]
    access_code: str | None
    most_listeners: int | None
    retention_days: int
    locked: bool
    link: str
    on_stage: str | None
    talks: tuple[OwnTalkView, ...]


class EventPlan(Struct, frozen=True, rename="camel"):
    """An event with all that is in it."""

    event_id: str
    title: str
    created_at: int
    rooms: tuple[RoomView, ...]


class RoomDoor(Struct, frozen=True, rename="camel"):
    """A room as whoever has its link sees it, before they listen."""

    room_id: str
    event_title: str
    name: str
    languages: tuple[str, ...]
    retention_days: int
    state: TalkState


class TalkSheet(Struct, frozen=True, rename="camel"):
    """A talk as its speaker sees it. ``listener_link``: path and secret of the room."""

    talk_id: str
    title: str
    speaker: str
    language: str
    planned_at: int | None
    ended_at: int | None
    room_id: str
    room_name: str
    event_title: str
    listener_link: str
    retention_days: int
    on_stage: str | None


class StageTaken(Struct, frozen=True, rename="camel"):
    """``session_id``: to join as its speaker, with the same token."""

    talk_id: str
    session_id: str
    language: str
    listener_link: str
    retention_days: int


class ErasedView(Struct, frozen=True, rename="camel"):
    """What was removed at once. It is looked for once more after three minutes. Backups of tables
    (point-in-time recovery) and the audio stream keep theirs for as long as docs/data.md says."""

    objects: int
    rows: int


def room_link(room: Room) -> str:
    """The secret stands behind the ``#``, which browsers send to nobody."""
    return f"/room/{room.room_id}#{room.secret}"


def speaker_link(talk: Talk) -> str:
    return f"/speak/{talk.talk_id}#{talk.secret}"


def event_view(event: Event) -> EventView:
    return EventView(event.event_id, event.title, event.created_at_ms, event.room_ids)


def own_talk_view(talk: Talk) -> OwnTalkView:
    return OwnTalkView(
        talk.talk_id,
        talk.room_id,
        talk.title,
        talk.speaker,
        talk.language,
        talk.planned_at_ms,
        talk.session_id,
        talk.ended_at_ms,
        speaker_link(talk),
    )


def room_view(room: Room, talks: tuple[Talk, ...]) -> RoomView:
    return RoomView(
        room.room_id,
        room.event_id,
        room.event_title,
        room.name,
        room.languages,
        room.access_code,
        room.most_listeners,
        room.keep_days,
        room.is_locked,
        room_link(room),
        None if room.stage is None else room.stage.talk_id,
        tuple(map(own_talk_view, in_order(talks))),
    )


def talk_sheet(room: Room, talk: Talk) -> TalkSheet:
    return TalkSheet(
        talk.talk_id,
        talk.title,
        talk.speaker,
        talk.language,
        talk.planned_at_ms,
        talk.ended_at_ms,
        room.room_id,
        room.name,
        room.event_title,
        room_link(room),
        room.keep_days,
        None if room.stage is None else room.stage.talk_id,
    )
