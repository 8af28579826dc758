"""What Flink keeps of a job, and under which names: a savepoint is given back by these alone.

``python -m local_stack.cluster.state [options of pipelines.main]`` prints them. An operator's name
is that of the collection it reads and of the kind of its environment, so it changes with a label
in front of it, or when workers are started in another way; not with the steps that follow.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from pipelines.coders import register_coders
from pipelines.options import LiveJob, read_options

EXTERNAL = str(common_urns.environments.EXTERNAL.urn)


@dataclass(frozen=True, slots=True, order=True)
class KeptState:
    """``operator``: Flink's uid of it. ``cells``: names of state and timers; () of a grouping."""

    operator: str
    cells: tuple[str, ...]


def kept_state(
    pipeline: beam_runner_api_pb2.Pipeline, environment_urn: str = EXTERNAL
) -> tuple[KeptState, ...]:
    """The stateful steps of ``pipeline``, by name."""
    components = pipeline.components
    found: list[KeptState] = []
    for transform in components.transforms.values():
        if transform.spec.urn == common_urns.primitives.GROUP_BY_KEY.urn:
            found.append(KeptState(transform.unique_name, ()))
        if transform.spec.urn != common_urns.primitives.PAR_DO.urn:
            continue
        payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        cells = sorted([*payload.state_specs, *payload.timer_family_specs])
        if cells:
            (read,) = transform.inputs.values()
            name = components.pcollections[read].unique_name
            # The number tells stages apart that read the same collection; none of ours do.
            found.append(KeptState(f"{name}/{environment_urn}:0", tuple(cells)))
    return tuple(sorted(found))


def live_graph(options: Sequence[str]) -> beam_runner_api_pb2.Pipeline:
    """The live graph as it would be submitted; its clock stands still."""
    return live_pipeline(options).to_runner_api()


def live_pipeline(options: Sequence[str]) -> beam.Pipeline:
    """The same before it is translated for a runner."""
    register_coders()
    given = PipelineOptions(list(options))
    job = read_options(given, "live-translation")
    if not isinstance(job, LiveJob):
        raise TypeError("a bounded run keeps nothing")
    pipeline = beam.Pipeline(options=given)
    ticks = pipeline | "Clock" >> beam.Create([0]).with_output_types(int)
    job.build(ticks)
    return pipeline


def main(options: Sequence[str]) -> int:
    for kept in kept_state(live_graph(options)):
        print(f"{kept.operator}: {', '.join(kept.cells) or 'grouped elements'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
