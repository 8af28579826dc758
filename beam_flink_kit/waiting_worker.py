"""A Python worker that has imported everything and waits to be told whom it works for.

Importing Beam and the job costs some 4 CPU seconds. Spent ahead, a job starts that much earlier,
and so does its next worker when one is killed. The pool writes one line of JSON to standard input:
the environment variables of ``sdk_worker_main``. When the pool ends first, the input ends, and so
does this.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WORKER_NAME = "beam-worker"
_BEAMS_WORKER = "apache_beam.runners.worker.sdk_worker_main"


def prepare(preloaded: Sequence[str]) -> None:
    """Import Beam's worker and these modules."""
    importlib.import_module(_BEAMS_WORKER)
    for module in preloaded:
        importlib.import_module(module)


def work(environment: Mapping[str, str]) -> None:
    """Be the worker that ``environment`` describes (``sdk_worker_main``'s variables), to the end of
    its job."""
    os.environ.update(environment)
    # The name that `ps` and `LiveJob.worker_pids` tell a working process by from a waiting one.
    Path("/proc/self/comm").write_text(WORKER_NAME)
    importlib.import_module(_BEAMS_WORKER).main([])


def main(preloaded: Sequence[str]) -> None:
    prepare(preloaded)
    line = sys.stdin.readline()
    if line:
        work(json.loads(line))


if __name__ == "__main__":
    main(sys.argv[1:])
