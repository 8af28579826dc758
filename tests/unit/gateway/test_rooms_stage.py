"""A room's stage in virtual time: who takes it, who is refused, and what listeners are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.rooms.stage import (
    LONG_AWAY_MS,
    MADE_WITHIN_MS,
    SessionStanding,
    admit,
    leave,
    state_of,
    take,
)
from schemas.rooms import Room, Stage, Talk, in_order

pytestmark = pytest.mark.unit

T0_MS = 1_790_000_000_000
MINUTE_MS = 60_000
ROOM = Room("calm-1", "kind-1", "ada", "Tides", "Hall 1", "s3cret", T0_MS)


def talk(name: str, planned_min: int | None = None, **fields: object) -> Talk:
    planned_at_ms = None if planned_min is None else T0_MS + planned_min * MINUTE_MS
    one = Talk("calm-1", name, name.title(), "Grace", "en", "k", T0_MS, planned_at_ms)
    return replace(one, **fields)  # type: ignore[arg-type]


ONE, TWO, THREE = talk("one", 0), talk("two", 30), talk("three", 60)
TALKS = (THREE, ONE, TWO)


def standing(state: str, since_ms: int = T0_MS) -> SessionStanding:
    return SessionStanding(state, since_ms)  # type: ignore[arg-type]


def on_stage(name: str, session_id: str | None = "session-1") -> Room:
    return replace(ROOM, stage=Stage(name, T0_MS, session_id))


def refused(code: str) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


# Who is let in


def test_the_link_and_the_code_let_in() -> None:
    assert admit(ROOM, "s3cret", None, listeners=0) is ROOM
    coded = replace(ROOM, access_code="1234")
    assert admit(coded, "s3cret", "1234", listeners=0) is coded


@pytest.mark.parametrize("key", ["", "s3cre", "s3cret ", "é"])
def test_a_wrong_link_leads_to_no_room(key: str) -> None:
    with refused("NO_ROOM"):
        admit(ROOM, key, None, listeners=0)
    with refused("NO_ROOM"):
        admit(None, key, None, listeners=0)


@pytest.mark.parametrize("code", [None, "", "123", "12345"])
def test_a_wrong_code_is_refused(code: str | None) -> None:
    with refused("WRONG_CODE"):
        admit(replace(ROOM, access_code="1234"), "s3cret", code, listeners=0)


def test_a_locked_room_keeps_who_is_in() -> None:
    locked = replace(ROOM, is_locked=True)
    with refused("ROOM_LOCKED"):
        admit(locked, "s3cret", None, listeners=0)
    assert admit(locked, "s3cret", None, listeners=0, is_in=True) is locked


def test_a_full_room_keeps_who_is_in() -> None:
    small = replace(ROOM, most_listeners=2)
    assert admit(small, "s3cret", None, listeners=1) is small
    with refused("ROOM_FULL"):
        admit(small, "s3cret", None, listeners=2)
    assert admit(small, "s3cret", None, listeners=2, is_in=True) is small


# Who takes the stage


def test_an_empty_stage_is_taken() -> None:
    taken = take(ROOM, ONE, None, T0_MS + 5)
    assert taken.stage == Stage("one", T0_MS + 5, None)


def test_the_same_talk_goes_on_from_another_device() -> None:
    room = on_stage("one")
    for state in ("silent", "live", "paused", "away"):
        assert take(room, ONE, standing(state), T0_MS + LONG_AWAY_MS) is room


@pytest.mark.parametrize("state", ["live", "paused"])
def test_a_stage_with_its_speaker_is_not_taken_away(state: str) -> None:
    with refused("STAGE_TAKEN"):
        take(on_stage("one"), TWO, standing(state), T0_MS + 10 * LONG_AWAY_MS)


def test_a_speaker_who_is_away_for_long_loses_the_stage() -> None:
    away = standing("away", T0_MS)
    with refused("STAGE_TAKEN"):
        take(on_stage("one"), TWO, away, T0_MS + LONG_AWAY_MS - 1)
    taken = take(on_stage("one"), TWO, away, T0_MS + LONG_AWAY_MS)
    assert taken.stage == Stage("two", T0_MS + LONG_AWAY_MS, None)


def test_who_took_the_stage_and_never_spoke_loses_it() -> None:
    with refused("STAGE_TAKEN"):
        take(on_stage("one"), TWO, standing("silent"), T0_MS + LONG_AWAY_MS - 1)
    assert take(on_stage("one"), TWO, standing("silent"), T0_MS + LONG_AWAY_MS).stage is not None


def test_a_stage_whose_session_was_never_made_is_free_again() -> None:
    room = on_stage("one", None)
    with refused("STAGE_TAKEN"):
        take(room, TWO, None, T0_MS + MADE_WITHIN_MS - 1)
    assert take(room, TWO, None, T0_MS + MADE_WITHIN_MS).stage is not None


def test_the_next_talk_follows_one_that_ended_by_itself() -> None:
    taken = take(on_stage("one"), TWO, standing("over"), T0_MS + 1)
    assert taken.stage == Stage("two", T0_MS + 1, None)


def test_a_talk_that_is_over_stays_over() -> None:
    with refused("TALK_OVER"):
        take(ROOM, ONE.ended(T0_MS), None, T0_MS)
    with refused("TALK_OVER"):
        take(on_stage("one"), ONE, standing("over"), T0_MS)


def test_a_talk_leaves_its_own_stage_alone() -> None:
    room = on_stage("one")
    assert leave(room, "two") is room
    assert leave(room, "one").stage is None
    assert leave(ROOM, "one") is ROOM


# What listeners are told


def told(room: Room, talks: tuple[Talk, ...], state: str | None = None) -> tuple[object, ...]:
    session = None if state is None else standing(state, T0_MS + 7)
    found = state_of(room, talks, session, T0_MS + MINUTE_MS)
    names = [None if one is None else one.talk_id for one in (found.talk, found.next)]
    return (found.phase, found.session_id, *names)


def test_before_the_first_talk_it_is_told_what_comes() -> None:
    assert told(ROOM, TALKS) == ("waiting", None, None, "one")
    assert told(ROOM, ()) == ("waiting", None, None, None)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (None, "waiting"),
        ("silent", "waiting"),
        ("live", "live"),
        ("paused", "paused"),
        ("away", "speakerAway"),
    ],
)
def test_a_talk_on_the_stage_is_as_its_session(state: str | None, phase: str) -> None:
    assert told(on_stage("one"), TALKS, state) == (phase, "session-1", "one", "two")


def test_between_two_talks_the_next_one_is_waited_for() -> None:
    over = (THREE, ONE.ended(T0_MS + 5), TWO)
    assert told(ROOM, over) == ("waiting", None, None, "two")
    assert state_of(ROOM, over, None, T0_MS + 9).since_ms == T0_MS + 5
    # Nobody has cleared the stage yet: its session says that it is over.
    assert told(on_stage("one"), TALKS, "over") == ("waiting", None, None, "two")


def test_after_the_last_talk_it_is_over_and_goes_on_when_one_is_added() -> None:
    over = tuple(one.ended(T0_MS + 5) for one in TALKS)
    assert told(ROOM, over) == ("ended", None, None, None)
    assert told(on_stage("one"), (ONE,), "over") == ("ended", None, None, None)
    assert told(ROOM, (*over, talk("four"))) == ("waiting", None, None, "four")


def test_talks_may_be_held_in_another_order_than_planned() -> None:
    assert told(on_stage("three"), TALKS, "live") == ("live", "session-1", "three", "one")


def test_a_stage_whose_talk_was_deleted_is_waited_for() -> None:
    assert told(on_stage("gone"), TALKS, "live") == ("waiting", None, None, "one")


def test_talks_without_a_time_come_last_as_they_were_made() -> None:
    later = talk("b", created_at_ms=T0_MS + 2)
    earlier = talk("c", created_at_ms=T0_MS + 1)
    assert [one.talk_id for one in in_order((later, TWO, earlier, ONE))] == ["one", "two", "c", "b"]


def test_the_clock_of_another_gateway_may_be_ahead() -> None:
    ahead = standing("live", T0_MS + 10 * MINUTE_MS)
    assert state_of(on_stage("one"), TALKS, ahead, T0_MS + MINUTE_MS).since_ms == T0_MS + MINUTE_MS
