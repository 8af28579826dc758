"""The live job as one jar that any Flink of its version runs: ``flink run -d job.jar``.

``python -m local_stack.cluster_jar JAR [options of pipelines.main]``

The graph, its options and Beam's runner are in it. Python is not: the jar calls the worker pool
that ``--worker_pool`` names, or a command with ``--environment_type=PROCESS``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local_stack.flink import ROOT, FlinkSettings, start_expansion_service, start_job_server
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, run_command

BUILD_TIMEOUT_S = 600.0


def build_jar(processes: Processes, jar: Path, options: Sequence[str], scratch: Path) -> None:
    """Write ``jar``. ``options`` are those of ``pipelines.main``; ``scratch`` takes what is needed
    on the way. ProcessError: the graph or the jar could not be built."""
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


def run(jar: Path, options: Sequence[str]) -> int:
    jar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with Processes(directory / "logs") as processes:
            build_jar(processes, jar, options, directory)
    print(f"cluster-jar: {jar}: {jar.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(run_command("cluster-jar", lambda: run(Path(sys.argv[1]), sys.argv[2:])))
