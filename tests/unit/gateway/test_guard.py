"""Who makes room for whom, who is cut off when, and what an attack leaves in the logs."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field

import pytest

from ingest_gateway.hosts.server.guard import Guard, GuardLimits
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.security_events import LINES_PER_MINUTE, EventKind, SecurityEvents

pytestmark = pytest.mark.unit


@dataclass(eq=False)
class Peer:
    address: str = "192.0.2.7"
    late: EventKind | None = None
    aborted: bool = False

    def overdue(self, now_s: float, limits: GuardLimits) -> EventKind | None:
        return self.late

    def abort(self) -> None:
        self.aborted = True


@dataclass
class World:
    metrics: Metrics = field(default_factory=Metrics)
    now_ms: int = 0

    def __post_init__(self) -> None:
        self.events = SecurityEvents(self.metrics, lambda: self.now_ms)
        limits = GuardLimits(connections=12, kept_for_known=4)
        self.guard = Guard(limits, self.events, lambda: self.now_ms / 1000)

    def opened(self, count: int) -> list[Peer]:
        peers = [Peer() for _ in range(count)]
        for one in peers:
            self.guard.opened(one)
        return peers

    def count(self, kind: str) -> float:
        name = "gateway_security_events_total"
        return self.metrics.registry.get_sample_value(name, {"kind": kind}) or 0.0


def test_who_has_waited_longest_makes_room() -> None:
    world = World()
    peers = world.opened(30)
    assert [one.aborted for one in peers] == [True] * 22 + [False] * 8
    assert world.guard.connections == 8
    assert world.count("no_room") == 22


def test_nobody_who_asks_speaks_or_listens_makes_room() -> None:
    world = World()
    settled, asking, guests, waiting = (world.opened(2) for _ in range(4))
    for one in settled:
        world.guard.is_settled(one)
    for one in asking:
        world.guard.asks(one)
    for one in guests:
        world.guard.is_guest(one)
    world.opened(2)
    assert [one.aborted for one in (*waiting, *guests)] == [True, True, False, False]
    assert not any(one.aborted for one in (*settled, *asking))


def test_a_guest_who_has_not_joined_makes_room_when_nobody_waits() -> None:
    world = World()
    guests = world.opened(8)
    for one in guests:
        world.guard.is_guest(one)
    (new,) = world.opened(1)
    assert (guests[0].aborted, new.aborted) == (True, False)


def test_the_last_places_are_kept_for_who_shows_a_token() -> None:
    world = World()
    for one in world.opened(8):
        world.guard.is_settled(one)
    assert world.guard.has_room_for_guest()
    for _ in range(4):
        (speaker,) = world.opened(1)
        world.guard.asks(speaker)
        assert not speaker.aborted
    assert not world.guard.has_room_for_guest()
    (thirteenth,) = world.opened(1)
    assert thirteenth.aborted


def test_one_that_was_cut_off_gets_no_place_again() -> None:
    world = World()
    (one,) = world.opened(1)
    world.guard.cut_off(one, "small_frames")
    world.guard.is_settled(one)
    assert (one.aborted, world.guard.connections) == (True, 0)


def test_who_is_overdue_is_cut_off() -> None:
    world = World()
    early, late = world.opened(2)
    late.late = "slow_request"
    world.guard.sweep()
    assert (early.aborted, late.aborted) == (False, True)
    assert world.count("slow_request") == 1


def test_an_attack_leaves_few_lines_and_no_address(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.WARNING, "ingest_gateway.security"):
        for _ in range(5_000):
            world.events.report("token_refused", address="198.51.100.23")
        world.now_ms = 60_000
        world.events.report("token_refused", address="198.51.100.23")
    lines = [json.loads(one.getMessage()) for one in caplog.records]
    assert len(lines) == LINES_PER_MINUTE + 1
    assert lines[-1]["untold"] == 5_000 - LINES_PER_MINUTE
    assert len({one["source"] for one in lines}) == 1
    assert "198.51.100.23" not in caplog.text
    assert world.count("token_refused") == 5_001
