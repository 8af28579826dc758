"""A process that has imported all that workers need, and forks a worker for each line it reads.

Importing Beam and a job costs some 4 CPU seconds and 110 MB; a fork costs milliseconds, and what
was imported is shared. So a job starts that much earlier, and so does its next worker when one is
killed. The pool writes lines of JSON to a socket, each the environment variables of
``sdk_worker_main``, and reads the process id of the worker that each began. When the pool closes
its end, this process ends; the workers go on until their job or the pool ends them.

Forking is safe as long as nothing here opened a gRPC channel or began a thread of Python's: modules
that are preloaded must do neither when they are imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
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
    # The name that `ps` and `LiveJob.worker_pids` tell a worker by from its template.
    Path("/proc/self/comm").write_text(WORKER_NAME)
    importlib.import_module(_BEAMS_WORKER).main([])


def main(arguments: Sequence[str]) -> None:
    """``arguments``: the descriptor of the socket, then the modules to import."""
    pool = socket.socket(fileno=int(arguments[0]))
    prepare(arguments[1:])
    # The collector must not write to what is shared: written pages are copied for each worker.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended workers leave no zombies
    requests = pool.makefile("r")
    while line := requests.readline():
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            pool.close()
            work(json.loads(line))
            return
        pool.sendall(f"{pid}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
