"""The clock: the only thing that makes time pass in the live graph.

Ticks are integers from 0, one every ``TICK_MS``; their event time is when they are due, and the
watermark follows them, so event time is "now" everywhere. In tests a ``TestStream`` takes this
transform's place.

Why ``GenerateSequence`` as a deprecated read: a splittable DoFn (``PeriodicImpulse``) adds a cell
of Flink state with each of its checkpoints, for ever (apache/beam#27648); this source runs
natively, without one (docs/decisions/0001).
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin
from apache_beam.transforms.external import ExternalTransform, ImplicitSchemaPayloadBuilder

TICK_MS = 100
"""A tick is a bundle for every step; what gets ready in between does not wait for the next
(``beam_flink_kit.held_tick``)."""


class LiveClock(beam.PTransform[Any, Any]):
    """PBegin -> PCollection[int]. ``expansion_service``: needed while the graph is built only."""

    def __init__(self, expansion_service: str) -> None:
        super().__init__()
        self._expansion_service = expansion_service

    def expand(self, pbegin: PBegin) -> Any:
        return (
            pbegin
            | ExternalTransform(
                "beam:external:java:generate_sequence:v1",
                ImplicitSchemaPayloadBuilder(
                    {"start": 0, "elements_per_period": 1, "period": TICK_MS}
                ),
                self._expansion_service,
            )
            | "Number ticks" >> beam.Map(int).with_output_types(int)
        )
