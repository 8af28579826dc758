"""``python -m pipelines.main``: submits the live job, or runs a bounded one on DirectRunner."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from beam_flink_kit.clock import LIVE_OPTIONS, LiveClock
from pipelines import bounded_run
from pipelines.coders import register_coders
from pipelines.options import LiveJob, UsageError, help_text, read_options

LIVE_DEFAULTS = (*LIVE_OPTIONS, "--max_bundle_time_mills=20", "--max_cache_memory_usage_mb=100")
"""Each measured: docs/decisions/0001. An option given on the command line comes later and wins."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in given or "-h" in given:
        sys.stdout.write(help_text())
        return 0
    register_coders()
    try:
        own = PipelineOptions(given)
        job_name = own.view_as(GoogleCloudOptions).job_name or "live-translation"
        job = read_options(own, job_name)
    except UsageError as error:
        sys.stderr.write(f"pipelines.main: {error}\n")
        return 2
    if isinstance(job, LiveJob):
        return submit(job, given)
    return bounded_run.run(job)


def submit(job: LiveJob, given: list[str]) -> int:
    """Hand the job to the Flink job server named by ``--job_endpoint``."""
    options = PipelineOptions([*LIVE_DEFAULTS, f"--environment_config={job.worker_pool}", *given])
    pipeline = beam.Pipeline(options=options)
    ticks = pipeline | "Clock" >> LiveClock(job.expansion_service, tick_ms=job.graph.hold.tick_ms)
    job.build(ticks)
    result = pipeline.run()
    if not job.no_wait:
        result.wait_until_finish()
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(main())
