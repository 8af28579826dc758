"""How growth of memory is told from what loading and caches take."""

from __future__ import annotations

import pytest

from benchmarks.engines.memory import Sample, growth_mb_a_min

pytestmark = pytest.mark.unit


def test_growth_is_that_of_the_second_half() -> None:
    samples = [
        Sample(60.0 * minute, {"voices": 100.0 + 40 * min(minute, 5)}, 0.0, 0, 0)
        for minute in range(20)
    ]
    assert growth_mb_a_min(samples, "voices") == pytest.approx(0.0, abs=1e-6)
    leaking = [
        Sample(each.at_s, {"voices": each.memory_mb["voices"] + 3 * each.at_s / 60}, 0.0, 0, 0)
        for each in samples
    ]
    assert growth_mb_a_min(leaking, "voices") == pytest.approx(3.0)
