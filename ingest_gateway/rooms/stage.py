"""What happens on a room's stage, as functions of what the tables say. No I/O; time is an argument.

    the stage                          a talk asks for it          becomes
    empty                              any that is not over        held by that talk
    held, by the same talk             again, from any device      as it was: the talk goes on
    held, its speaker is there         another one                 refused: STAGE_TAKEN
    held, its session is over          another one                 held by the other talk
    held, its speaker is long away     another one                 held by the other talk

What listeners are told follows from the same: see ``state_of``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import TalkPhase
from schemas.rooms import Room, Stage, Talk, in_order

LONG_AWAY_MS = 60_000
"""A stage whose speaker has been away for so long may be taken for another talk."""
MADE_WITHIN_MS = 15_000
"""A talk's session is made within this; after that its maker has died."""

Standing = Literal["silent", "live", "paused", "away", "over"]


@dataclass(frozen=True, slots=True)
class SessionStanding:
    """The session of the talk on the stage. ``silent``: nobody has spoken into it yet; ``away``:
    the speaker's connection is lost. ``since_ms``: when that began, as far as it is known."""

    state: Standing
    since_ms: int


@dataclass(frozen=True, slots=True)
class RoomState:
    """What listeners are told. ``talk`` is on the stage, ``next`` comes after it; ``session_id``
    None: there is nothing to join yet."""

    phase: TalkPhase
    since_ms: int
    session_id: str | None
    talk: Talk | None
    next: Talk | None


def admit(
    room: Room | None, key: str, code: str | None, *, listeners: int, is_in: bool = False
) -> Room:
    """Let a listener in. ``listeners``: how many are in the room; ``is_in``: this one has been let
    in before, and comes back. Raises Refusal: NO_ROOM (also for a wrong key: nobody learns
    which rooms there are), WRONG_CODE, ROOM_LOCKED, ROOM_FULL."""
    if room is None or not _same(room.secret, key):
        raise Refusal("NO_ROOM", "this link leads to no room: ask for it again")
    if room.access_code is not None and not _same(room.access_code, code or ""):
        raise Refusal("WRONG_CODE", "this room asks for its access code")
    if is_in:
        return room
    if room.is_locked:
        raise Refusal("ROOM_LOCKED", "this room is locked: nobody else is let in")
    if room.most_listeners is not None and listeners >= room.most_listeners:
        raise Refusal("ROOM_FULL", f"this room has its {room.most_listeners} listeners")
    return room


def take(room: Room, talk: Talk, session: SessionStanding | None, now_ms: int) -> Room:
    """The room with ``talk`` on its stage. ``session``: that of the talk that holds it. Raises
    Refusal: TALK_OVER, STAGE_TAKEN."""
    if talk.is_over:
        raise Refusal("TALK_OVER", "this talk is over")
    stage = room.stage
    if stage is None:
        return replace(room, stage=Stage(talk.talk_id, now_ms, talk.session_id))
    if stage.talk_id == talk.talk_id:
        if session is not None and session.state == "over":
            raise Refusal("TALK_OVER", "this talk is over")
        return room
    if _is_held(stage, session, now_ms):
        raise Refusal("STAGE_TAKEN", "another talk has the stage of this room")
    return replace(room, stage=Stage(talk.talk_id, now_ms, talk.session_id))


def leave(room: Room, talk_id: str) -> Room:
    """The room without this talk on its stage; as it was if another one is on it."""
    if room.stage is None or room.stage.talk_id != talk_id:
        return room
    return replace(room, stage=None)


def state_of(
    room: Room, talks: Iterable[Talk], session: SessionStanding | None, now_ms: int
) -> RoomState:
    """``session``: that of the talk on the stage; None: it is not made yet, or there is no talk."""
    ordered = in_order(tuple(talks))
    on_stage = None if room.stage is None else _named(ordered, room.stage.talk_id)
    if session is not None and session.state == "over":
        on_stage = None if on_stage is None else on_stage.ended(session.since_ms)
    over = [talk for talk in ordered if talk.is_over]
    if on_stage is not None and on_stage.is_over:
        over.append(on_stage)
    passed = {talk.talk_id for talk in over}
    coming = [talk for talk in ordered if talk.talk_id not in passed and talk != on_stage]
    upcoming = coming[0] if coming else None
    if room.stage is None or on_stage is None or on_stage.is_over:
        ended_at_ms = max((talk.ended_at_ms or 0 for talk in over), default=room.created_at_ms)
        is_over = bool(over) and upcoming is None
        return RoomState("ended" if is_over else "waiting", ended_at_ms, None, None, upcoming)
    if session is None or session.state == "silent":
        since_ms = room.stage.since_ms
        return RoomState("waiting", since_ms, room.stage.session_id, on_stage, upcoming)
    phases: dict[Standing, TalkPhase] = {
        "live": "live",
        "paused": "paused",
        "away": "speakerAway",
    }
    return RoomState(
        phases[session.state],
        min(session.since_ms, now_ms),
        room.stage.session_id,
        on_stage,
        upcoming,
    )


def _is_held(stage: Stage, session: SessionStanding | None, now_ms: int) -> bool:
    if session is None:
        return now_ms - stage.since_ms < MADE_WITHIN_MS
    if session.state == "over":
        return False
    if session.state == "away":
        return now_ms - session.since_ms < LONG_AWAY_MS
    if session.state == "silent":
        return now_ms - stage.since_ms < LONG_AWAY_MS
    return True


def _named(talks: tuple[Talk, ...], talk_id: str) -> Talk | None:
    return next((talk for talk in talks if talk.talk_id == talk_id), None)


def _same(secret: str, shown: str) -> bool:
    return hmac.compare_digest(secret.encode(), shown.encode())
