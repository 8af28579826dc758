"""Step 2: the languages that had listeners when the utterance was committed.

Listeners and audio meet in order in the session (``session.machine``), and the routes are committed
with the entry, so that a repeat goes to the same languages. What is left to do here is to let go
of what has no listener.

Why no side input: Beam's side inputs break Flink's checkpoints in the portable streaming runner
(docs/decisions/0001). A bounded run has them: ``transforms.bounded_languages``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from beam_flink_kit.step_metrics import StepMetrics
from schemas.values import RoutedUtterance, Utterance


class ActiveLanguages(beam.PTransform[Any, Any]):
    """Utterance -> RoutedUtterance; nothing of an utterance without listeners."""

    def display_data(self) -> dict[str, Any]:
        return {"listeners": "as of the commit, by the entry"}

    def expand(self, utterances: beam.PCollection[Utterance]) -> Any:
        return utterances | "Route" >> beam.ParDo(RouteUtterance()).with_output_types(
            RoutedUtterance
        )


class RouteUtterance(beam.DoFn):
    def __init__(self) -> None:
        self._metrics = StepMetrics("active_languages")
        self._without_listeners = Metrics.counter("active_languages", "without_listeners")
        self._languages = Metrics.distribution("active_languages", "languages")

    def display_data(self) -> dict[str, Any]:
        return {"stage": self._metrics.stage}

    def process(self, element: Utterance) -> Iterator[RoutedUtterance]:
        self._metrics.taken()
        routes = element.entry.routes
        if routes:
            self._metrics.handed_on(0)
            self._languages.update(len(routes))
            yield RoutedUtterance(element, routes)
        else:
            self._without_listeners.inc()
