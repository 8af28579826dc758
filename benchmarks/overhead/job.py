"""Submits the live job with the stand-ins of a load run in place of every service.

``python -m benchmarks.overhead.job FILE --talkers=JSON [options of pipelines.main]``
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.overhead.stand_ins import StandIns
from benchmarks.overhead.talkers import Talkers
from local_stack.processes import POLL_S
from pipelines.coders import register_coders
from pipelines.main import submit
from pipelines.options import LiveJob, read_options

TALKERS_OPTION = "--talkers="


def main(go: Path, options: list[str]) -> int:
    given = [one for one in options if not one.startswith(TALKERS_OPTION)]
    wanted: dict[str, Any] = json.loads(
        next(one for one in options if one.startswith(TALKERS_OPTION))[len(TALKERS_OPTION) :]
    )
    notes = Path(wanted.pop("notes"))
    wanted["languages"] = tuple(wanted["languages"])
    talkers = Talkers(**wanted)
    register_coders()
    while not go.exists():
        time.sleep(POLL_S)
    job = read_options(PipelineOptions(given), "overhead")
    if not isinstance(job, LiveJob):
        raise TypeError("benchmarks run live jobs")
    settings = replace(job.graph.settings, connectors=StandIns(talkers, notes))
    return submit(replace(job, graph=replace(job.graph, settings=settings)), given)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
