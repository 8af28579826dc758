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
from pathlib import Path

WORKER_NAME = "beam-worker"


def main(preloaded: list[str]) -> None:
    worker = importlib.import_module("apache_beam.runners.worker.sdk_worker_main")
    for module in preloaded:
        importlib.import_module(module)
    importlib.import_module("pipelines.worker.state_channel").use_looped_state_channel()
    line = sys.stdin.readline()
    if not line:
        return
    os.environ.update(json.loads(line))
    # The name that `ps` and `LiveJob.worker_pids` tell a working process by from a waiting one.
    Path("/proc/self/comm").write_text(WORKER_NAME)
    worker.main([])


if __name__ == "__main__":
    main(sys.argv[1:])
