"""What every step counts and measures, under one scheme of names: that of the step, then
``elements_in``, ``elements_out`` and ``latency_ms``. Flink's UI shows them with its operators.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics


class StepMetrics:
    """Of one DoFn instance; changed in bundles' threads only. ``stage``: the step's name."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._elements_in = Metrics.counter(stage, "elements_in")
        self._elements_out = Metrics.counter(stage, "elements_out")
        self._latency_ms = Metrics.distribution(stage, "latency_ms")

    def taken(self, elements: int = 1) -> None:
        """Count what came in; ticks are no elements. For a step that reads a stream: records."""
        self._elements_in.inc(elements)

    def handed_on(self, latency_ms: float) -> None:
        """Count what goes out. ``latency_ms``: since the step had all that it was made of; 0 for a
        step that answers within the call."""
        self._elements_out.inc()
        self._latency_ms.update(max(0, round(latency_ms)))
