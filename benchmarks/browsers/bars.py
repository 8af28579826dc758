"""What is promised of the browsers' figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.bars import Bar
from benchmarks.browsers.report import IN_WORDS

BARS = (
    *(
        bar
        for way in IN_WORDS
        for bar in (
            Bar(f"connect_ms {way}", 4_000.0),
            Bar(f"microphone {way} p50_ms", 400.0),
            Bar(f"microphone {way} p99_ms", 800.0),
            Bar(f"sound {way} utterances", least=1.0),
        )
    ),
    Bar("audience lost", 0.0),
    Bar("audience caption_p99_ms", 250.0),
    Bar("audience clip_p99_ms", 250.0),
    Bar("arrivals phone caption_p95_ms", 1_500.0),
    Bar("arrivals phone loaded_bytes", 120 * 1024.0),
    Bar("arrivals phone shift", 0.0),
    Bar("arrivals slow phone usable_p95_ms", 2_500.0),
)


def flat(found: Mapping[str, Any]) -> dict[str, float]:
    """Numbers under the names that lead to them, with spaces between."""
    figures: dict[str, float] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            figures |= {f"{name} {inner}": one for inner, one in flat(value).items()}
        elif isinstance(value, int | float):
            figures[name] = float(value)
    return figures
