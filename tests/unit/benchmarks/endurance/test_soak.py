"""A soak fails when what it watches has grown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.endurance.soak import FLAT_ROLES, MOST_CHECKPOINT_BYTES, Look, growth
from benchmarks.footprint import Footprint

pytestmark = pytest.mark.unit

FIRST = Look(180.0, 71, 18_000, 1, {role: Footprint(0.1, 100.0) for role in FLAT_ROLES})
LAST = replace(FIRST, at_s=900.0)


def with_memory(role: str, memory_mb: float) -> Look:
    return replace(LAST, processes={**LAST.processes, role: Footprint(0.1, memory_mb)})


def test_what_stays_as_it_is_is_flat() -> None:
    assert growth([FIRST, with_memory("worker", 109.0)]) == ()
    assert growth([FIRST, with_memory("local cloud", 900.0)]) == ()


def test_what_grew_is_told() -> None:
    assert growth([FIRST, with_memory("worker", 111.0)]) == ("worker grew from 100 to 111 MB",)
    full = replace(LAST, checkpoint_bytes=MOST_CHECKPOINT_BYTES + 1024, checkpoints_failed=3)
    assert growth([FIRST, full]) == ("a checkpoint has 65 KB", "2 checkpoints failed")


def test_a_process_that_was_not_there_is_told() -> None:
    ended = {role: each for role, each in LAST.processes.items() if role != "gateway"}
    assert growth([FIRST, replace(LAST, processes=ended)]) == ("gateway was not seen",)
