"""Submits the live job with the simulated services of a profile; else as ``local_stack`` does it.

``python -m benchmarks.lag.profiled_job FILE --service_profile=NAME [--recognised=FILE]
[--stand_in_stores] [options of pipelines.main]``; the audio sent to the recogniser is then noted in
that file, and ledger and clip store are stand-ins.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.lag.counted_recognition import RECOGNISED_OPTION, CountedConnectors
from benchmarks.lag.service_profiles import PROFILE_OPTION, PROFILES, ServiceProfile
from benchmarks.lag.stand_in_stores import STORES_OPTION, WithStandInStores
from connectors.job_connectors import LiveConnectors
from local_stack.processes import POLL_S
from pipelines.coders import register_coders
from pipelines.main import submit
from pipelines.options import LiveJob, read_options


def with_services(job: LiveJob, profile: ServiceProfile) -> LiveJob:
    """The same job, its engines those of ``profile``."""
    settings = job.graph.settings
    if not isinstance(settings.connectors, LiveConnectors):
        raise TypeError("a live job has live connectors")
    speech = profile.speech_choice(settings.connectors.speech)
    connectors = replace(settings.connectors, speech=speech)
    return replace(job, graph=replace(job.graph, settings=replace(settings, connectors=connectors)))


def with_stand_in_stores(job: LiveJob) -> LiveJob:
    settings = job.graph.settings
    replaced = replace(settings, connectors=WithStandInStores(settings.connectors))
    return replace(job, graph=replace(job.graph, settings=replaced))


def with_count(job: LiveJob, file: Path) -> LiveJob:
    """The same job; what it sends to the recogniser is noted in ``file``."""
    settings = job.graph.settings
    counted = replace(settings, connectors=CountedConnectors(settings.connectors, file))
    return replace(job, graph=replace(job.graph, settings=counted))


def main(go: Path, options: list[str]) -> int:
    own = (PROFILE_OPTION, RECOGNISED_OPTION, STORES_OPTION)
    given = [one for one in options if not one.startswith(own)]
    profile = PROFILES[_value(options, PROFILE_OPTION)]
    recognised = _value(options, RECOGNISED_OPTION)
    register_coders()
    while not go.exists():
        time.sleep(POLL_S)
    job = read_options(PipelineOptions(given), "lag")
    if not isinstance(job, LiveJob):
        raise TypeError("benchmarks run live jobs")
    job = with_services(job, profile)
    if STORES_OPTION in options:
        job = with_stand_in_stores(job)
    return submit(with_count(job, Path(recognised)) if recognised else job, given)


def _value(options: list[str], name: str) -> str:
    """The last one given; empty: none was."""
    values = [one.removeprefix(name) for one in options if one.startswith(name)]
    return values[-1] if values else ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
