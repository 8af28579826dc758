"""A schedule is played as planned, unless the system needs longer than planned. Virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.chaos.acts import picked
from benchmarks.chaos.play import Player
from benchmarks.chaos.reshard import OpenShard, open_shards, shard_to_split, shards_to_merge
from benchmarks.chaos.schedule import QUIET_S, RECOVERY_S, ActKind, PlannedAct, Touched
from local_stack.processes import ProcessError

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, None]], None]
JOB = ActKind("job", frozenset({Touched.JOB}))
TABLES = ActKind("tables", frozenset({Touched.TABLES}), in_background=True)
BOTH = ActKind("both", frozenset({Touched.JOB, Touched.TABLES}))


@dataclass
class Struck:
    """Notes when each act began; acts take ``takes_s``, by name."""

    takes_s: dict[str, float]
    began: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    fails: bool = False

    async def __call__(self, act: PlannedAct) -> None:
        self.began.append((act.kind.name, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.takes_s[act.kind.name])
        if self.fails:
            raise ProcessError("not whole")


def planned(at_s: float, kind: ActKind, lasts_s: float = 0.0) -> PlannedAct:
    return PlannedAct(at_s, kind, lasts_s, 0.5)


def play(run_virtual: RunVirtual, struck: Struck, acts: Sequence[PlannedAct]) -> Player:
    player = Player(struck, 300.0, lambda _: None)
    run_virtual(player.play(acts))
    return player


def test_acts_begin_when_they_are_planned_to(run_virtual: RunVirtual) -> None:
    struck = Struck({"job": 5.0, "tables": 100.0})
    acts = [planned(10.0, TABLES), planned(20.0, JOB), planned(60.0, JOB)]
    player = play(run_virtual, struck, acts)
    assert struck.began == [("tables", 10.0), ("job", 20.0), ("job", 60.0)]
    assert [act.beside for act in sorted(player.played, key=lambda act: act.at_s)] == [
        (),
        ("tables",),
        ("tables",),
    ]
    assert player.not_played == []


def test_who_takes_longer_than_planned_puts_off_the_next_of_its_lane(
    run_virtual: RunVirtual,
) -> None:
    struck = Struck({"job": 50.0})
    play(run_virtual, struck, [planned(20.0, JOB), planned(40.0, JOB)])
    assert struck.began == [("job", 20.0), ("job", 70.0 + RECOVERY_S)]


def test_what_still_disturbs_the_same_is_waited_for(run_virtual: RunVirtual) -> None:
    struck = Struck({"tables": 100.0, "both": 1.0})
    play(run_virtual, struck, [planned(10.0, TABLES), planned(20.0, BOTH)])
    assert struck.began == [("tables", 10.0), ("both", 110.0)]


def test_what_would_reach_into_the_quiet_at_the_end_is_left_out(run_virtual: RunVirtual) -> None:
    struck = Struck({"job": 200.0})
    acts = [planned(20.0, JOB), planned(30.0, JOB, lasts_s=60.0), planned(40.0, JOB, lasts_s=1.0)]
    player = play(run_virtual, struck, acts)
    assert 220.0 + RECOVERY_S + 60.0 > 300.0 - QUIET_S
    assert struck.began == [("job", 20.0), ("job", 220.0 + RECOVERY_S)]
    assert player.not_played == ["job"]


def test_an_act_that_fails_is_told_and_the_next_is_played(run_virtual: RunVirtual) -> None:
    struck = Struck({"job": 1.0}, fails=True)
    player = play(run_virtual, struck, [planned(20.0, JOB), planned(40.0, JOB)])
    assert [act.failure for act in player.played] == ["ProcessError: not whole"] * 2


def test_every_pick_is_one_of_the_choices() -> None:
    assert [picked("abc", pick) for pick in (0.0, 0.34, 0.99, 1.0)] == ["a", "b", "c", "c"]
    with pytest.raises(ProcessError):
        picked((), 0.5)


def listed(shard_id: str, first: int, last: int, *, closed: bool = False) -> dict[str, Any]:
    ended = {"EndingSequenceNumber": "9"} if closed else {}
    return {
        "ShardId": shard_id,
        "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
        "SequenceNumberRange": {"StartingSequenceNumber": "1", **ended},
    }


def test_only_open_shards_are_split_and_only_neighbours_merged() -> None:
    shards = open_shards(
        [listed("old", 0, 99, closed=True), listed("right", 60, 99), listed("left", 0, 59)]
    )
    assert shards == (OpenShard("left", 0, 59), OpenShard("right", 60, 99))
    assert [shard_to_split(shards, pick).shard_id for pick in (0.0, 0.5, 0.7, 1.0)] == [
        "left",
        "left",
        "right",
        "right",
    ]
    assert shards[0].middle == 30
    for pick in (0.0, 0.5, 1.0):
        assert shards_to_merge(shards, pick) == shards
    with pytest.raises(ProcessError):
        shards_to_merge(shards[:1], 0.5)
