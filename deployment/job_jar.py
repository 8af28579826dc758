"""The live job as one jar that any Flink of its version runs: ``flink run -d job.jar``.

``python -m deployment.job_jar [--bring-python] JAR [options of pipelines.main]``

The graph, its options and Beam's runner are in it. Python is not: the jar calls the worker pool
that ``--worker_pool`` names; or it is, and the jar starts its own workers (``brought_python``).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deployment.bundled_python import BundledPython, pack_python
from local_stack.flink import ROOT, FlinkSettings, start_expansion_service, start_job_server
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, run_command

BUILD_TIMEOUT_S = 600.0
BRING = "--bring-python"
UNPACK_TO = Path("/tmp")  # noqa: S108
"""On a TaskManager: the folder that is there on all of them. What lies there is run only if it is
its own user's (``BroughtPython.java``)."""


def build_jar(
    processes: Processes,
    jar: Path,
    options: Sequence[str],
    scratch: Path,
    python: BundledPython | None = None,
) -> None:
    """Write ``jar``. ``options`` are those of ``pipelines.main``; ``scratch`` takes what is needed
    on the way; with a ``python`` the jar brings it. ProcessError: the graph or the jar could not be
    built."""
    if python is not None:
        options = (*options, *python.options)
    flink = FlinkSettings(scratch, *free_ports(6))
    server = start_job_server(processes, flink, master="[auto]")
    expansion = start_expansion_service(processes, flink)
    try:
        server.wait_for_port(flink.job_port)
        expansion.wait_for_port(flink.expansion_port)
        unfinished = jar.with_suffix(".part")
        build = processes.start(
            "job-jar", [sys.executable, *_submission(flink, unfinished, options)], cwd=ROOT
        )
        build.wait_for_exit(BUILD_TIMEOUT_S)
        if python is not None:
            python.add_to(unfinished)
        unfinished.replace(jar)
    finally:
        processes.stop(expansion)
        processes.stop(server)


def _submission(flink: FlinkSettings, jar: Path, options: Sequence[str]) -> list[str]:
    return [
        "-m",
        "pipelines.main",
        *options,
        f"--job_endpoint={LOOPBACK}:{flink.job_port}",
        f"--expansion_service={LOOPBACK}:{flink.expansion_port}",
        f"--output_executable_path={jar.resolve()}",
    ]


def run(jar: Path, options: Sequence[str], *, brings_python: bool) -> int:
    jar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with Processes(directory / "logs") as processes:
            python = pack_python(directory, UNPACK_TO) if brings_python else None
            build_jar(processes, jar, options, directory, python)
    print(f"cluster-jar: {jar}: {jar.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    brings_python = sys.argv[1:2] == [BRING]
    given = sys.argv[2 if brings_python else 1 :]
    if not given or given[0].startswith("-"):
        sys.exit(__doc__)
    sys.exit(
        run_command(
            "cluster-jar", lambda: run(Path(given[0]), given[1:], brings_python=brings_python)
        )
    )
