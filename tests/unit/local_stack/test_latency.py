from __future__ import annotations

import pytest

from local_stack.latency import Notified, percentile, stage_spreads

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.95, 0.0),
        ([7], 0.5, 7),
        ([4, 1, 3, 2], 0.5, 2),
        (list(range(1, 101)), 0.95, 95),
        (list(range(1, 101)), 0.99, 99),
        ([1, 2, 3], 1.0, 3),
    ],
)
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_stages_come_in_the_order_an_utterance_passes_them() -> None:
    stages = {"publish": 5, "capture": 10, "something new": 1}
    spreads = stage_spreads([Notified("es", 0, 0.0, 0, 0, stages)])

    assert list(spreads) == ["capture", "publish", "something new"]
    assert spreads["capture"].p50_ms == 10
