"""When which act is played: seeded, bounded, and never two at once that touch the same thing. Pure.

There are two lanes. Acts of the foreground follow one another, each with time to recover after it;
those of the background take the tables away, for longer, and acts of the foreground fall into them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

FIRST_AT_S = 15.0
"""Every session has spoken and been heard by then."""
QUIET_S = 25.0
"""At the talks' end: the last act is over, and what it held up has been said."""
RECOVERY_S = 12.0
_PAUSE_S = {False: (0.0, 8.0), True: (25.0, 55.0)}
"""Between two acts of a lane, beside the recovery; of the background it is longer: most acts of the
foreground meet a system that has its tables."""
_LONGEST_SHARE = 0.25
"""Of the talk: no act lasts longer, so that a short run has several of them."""
_STRATA = 3


class Touched(StrEnum):
    """What an act disturbs. Acts that touch the same thing are never played at once."""

    JOB = "job"
    GATEWAY = "gateway"
    STREAM = "stream"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class ActKind:
    """``lasts_s``: the shortest and longest time that the disturbance is held, drawn so that short
    ones are as likely as ten times longer ones. ``takes_s``: what the system is expected to need
    beyond that until it is whole again; the run itself waits for as long as it does need."""

    name: str
    touches: frozenset[Touched]
    lasts_s: tuple[float, float] | None = None
    takes_s: float = 5.0
    in_background: bool = False


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """``pick``, from 0 to 1: which of several workers, servers or shards it is."""

    at_s: float
    kind: ActKind
    lasts_s: float
    pick: float

    @property
    def over_s(self) -> float:
        return self.at_s + self.lasts_s + self.kind.takes_s

    def conflicts_with(self, other: PlannedAct) -> bool:
        """Whether both touch the same thing at once, the time to recover included."""
        return bool(self.kind.touches & other.kind.touches) and (
            self.at_s < other.over_s + RECOVERY_S and other.at_s < self.over_s + RECOVERY_S
        )


def make_schedule(kinds: Sequence[ActKind], seed: int, talk_s: float) -> tuple[PlannedAct, ...]:
    """The acts in the order of their times, the same for the same seed. Kinds of a lane take turns,
    shuffled in each round; one that would be in the way of another waits for the next turn."""
    until_s = talk_s - QUIET_S
    longest_s = talk_s * _LONGEST_SHARE
    planned: list[PlannedAct] = []
    for in_background in (True, False):
        lane = [kind for kind in kinds if kind.in_background is in_background]
        chance = random.Random(f"{seed}/{in_background}")  # noqa: S311 - not a secret
        planned += _lane(lane, chance, until_s, longest_s, tuple(planned))
    return tuple(sorted(planned, key=lambda act: act.at_s))


def _lane(
    kinds: Sequence[ActKind],
    chance: random.Random,
    until_s: float,
    longest_s: float,
    others: Sequence[PlannedAct],
) -> list[PlannedAct]:
    planned: list[PlannedAct] = []
    rounds = _rounds(kinds, chance, longest_s)
    waiting: list[PlannedAct] = []
    at_s = FIRST_AT_S + chance.uniform(*_PAUSE_S[False])
    while kinds:
        if not any(_is_free(replace(act, at_s=at_s), others) for act in waiting):
            waiting += next(rounds)
        free = [act for act in waiting if _is_free(replace(act, at_s=at_s), others)]
        act = (free or waiting)[0]
        waiting.remove(act)
        act = _later(replace(act, at_s=at_s), others)
        if act.over_s > until_s:
            break
        planned.append(act)
        at_s = act.over_s + RECOVERY_S + chance.uniform(*_PAUSE_S[act.kind.in_background])
    return planned


def _is_free(act: PlannedAct, others: Sequence[PlannedAct]) -> bool:
    return not any(act.conflicts_with(other) for other in others)


def _later(act: PlannedAct, others: Sequence[PlannedAct]) -> PlannedAct:
    """The act, as much later as it takes to conflict with none of the others."""
    for other in sorted(others, key=lambda one: one.at_s):
        if act.conflicts_with(other):
            act = replace(act, at_s=other.over_s + RECOVERY_S)
    return act


def _rounds(
    kinds: Sequence[ActKind], chance: random.Random, longest_s: float
) -> Iterator[list[PlannedAct]]:
    """Each kind once, shuffled, again and again; their times are not set yet."""
    draws = {kind.name: _draws(chance) for kind in kinds}
    while True:
        yield [
            PlannedAct(
                0.0, kind, _duration_s(kind, next(draws[kind.name]), longest_s), chance.random()
            )
            for kind in chance.sample(kinds, len(kinds))
        ]


def _draws(chance: random.Random) -> Iterator[float]:
    """Numbers from 0 to 1, of each third one in three: no run is without long and short ones."""
    while True:
        for stratum in chance.sample(range(_STRATA), _STRATA):
            yield (stratum + chance.random()) / _STRATA


def _duration_s(kind: ActKind, draw: float, longest_s: float) -> float:
    if kind.lasts_s is None:
        return 0.0
    shortest_s, most_s = kind.lasts_s
    most_s = max(shortest_s, min(most_s, longest_s))
    return shortest_s * (most_s / shortest_s) ** draw
