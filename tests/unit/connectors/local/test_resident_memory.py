"""When a process that decodes gives memory back."""

from __future__ import annotations

import psutil
import pytest

from connectors.local.resident_memory import ResidentMemory, resident_mb

pytestmark = pytest.mark.unit


class Heap:
    """``free_mb`` of ``used_mb`` and ``free_mb`` can be given back."""

    def __init__(self) -> None:
        self.used_mb, self.free_mb, self.given_back = 200.0, 0.0, 0

    def resident_mb(self) -> float:
        return self.used_mb + self.free_mb

    def give_back(self) -> None:
        self.free_mb = 0.0
        self.given_back += 1


def test_what_is_free_is_given_back_as_soon_as_it_is_much() -> None:
    heap = Heap()
    memory = ResidentMemory(64.0, heap.resident_mb, heap.give_back)
    highest_mb = 0.0
    for _ in range(40):
        heap.free_mb += 20.0
        memory.trim_when_grown()
        highest_mb = max(highest_mb, heap.resident_mb())
    assert highest_mb <= 200 + 64
    assert heap.given_back == 10


def test_a_process_that_uses_more_gives_back_no_more_often() -> None:
    heap = Heap()
    memory = ResidentMemory(64.0, heap.resident_mb, heap.give_back)
    heap.used_mb = 300.0
    for _ in range(40):
        memory.trim_when_grown()
    assert heap.given_back == 1


def test_the_resident_memory_is_this_processs() -> None:
    assert resident_mb() == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.1)
