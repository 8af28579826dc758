"""The clock: what makes time pass in a live graph whose steps wait for nothing else.

Ticks are integers from 0, one every ``tick_ms``; their event time is when they are due, and the
watermark follows them, so event time is "now" everywhere. In tests a ``TestStream`` takes this
transform's place.

Why ``GenerateSequence`` as a deprecated read: a splittable DoFn (``PeriodicImpulse``) adds a cell
of Flink state with each of its checkpoints, for ever (apache/beam#27648); Flink runs this source
natively, without one. The experiment is needed twice: among the job's options (``LIVE_OPTIONS``),
and of the expansion service, which is started with ``--experiments=use_deprecated_read``.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin
from apache_beam.transforms.external import ExternalTransform, ImplicitSchemaPayloadBuilder

LIVE_OPTIONS = (
    "--runner=PortableRunner",
    "--streaming",
    # Workers of a pool (``worker_pool``): no Docker, and one is ready when it is wanted.
    "--environment_type=EXTERNAL",
    # Of 1 s and 1000 elements by default, which every stage waits for.
    "--max_bundle_time_mills=10",
    "--experiments=use_deprecated_read",
)
"""What a live job gives to Beam before its own options, which come later and win."""
_GENERATE_SEQUENCE = "beam:external:java:generate_sequence:v1"


class LiveClock(beam.PTransform[Any, Any]):
    """PBegin -> PCollection[int]. ``expansion_service``: needed while the graph is built only.

    ``tick_ms``: every tick is a bundle for every step. 100 and a held tick (``held_tick``) cost
    less than 25 and none, and hand results on as soon.
    """

    def __init__(self, expansion_service: str, *, tick_ms: int) -> None:
        super().__init__()
        self._expansion_service = expansion_service
        self._tick_ms = tick_ms

    def display_data(self) -> dict[str, Any]:
        return {"tick_ms": self._tick_ms}

    def expand(self, pbegin: PBegin) -> Any:
        return (
            pbegin
            | ExternalTransform(
                _GENERATE_SEQUENCE,
                ImplicitSchemaPayloadBuilder(
                    {"start": 0, "elements_per_period": 1, "period": self._tick_ms}
                ),
                self._expansion_service,
            )
            | "Number ticks" >> beam.Map(int).with_output_types(int)
        )
