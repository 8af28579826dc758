"""Embedded Flink: Beam's job server with a Flink of its own inside one JVM, and what feeds it.

Three processes: the job server (for good), the expansion service (while a job is submitted), and
the pool that starts Python workers (for good).
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.ports import LOOPBACK
from local_stack.processes import Processes, Running

ROOT = Path(__file__).parent.parent
JOB_SERVER_JAR = ROOT / "build" / "flink-job-server.jar"
JOB_MODULES = ("pipelines.live_translation", "connectors.job_connectors")
"""What workers of the live job import before they are asked for."""
_OPENED_PACKAGES = ("java.lang", "java.util", "java.nio", "sun.nio.ch")
# Two cores are better spent on speech than on compiling Flink well: with the quick compiler alone
# the job is ready 5 CPU seconds earlier and stands by with no more CPU (docs/decisions/0001).
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_LOG_FORMAT = tuple(
    f"-Dorg.slf4j.simpleLogger.{key}={value}"
    for key, value in {
        "showDateTime": "true",
        "dateTimeFormat": "HH:mm:ss.SSS",
        "showThreadName": "false",
        "showShortLogName": "true",
    }.items()
)
_EXPANSION_HEAP = "-Xmx128m"


class FlinkError(RuntimeError):
    """Flink's REST interface did not answer, or not as expected."""


@dataclass(frozen=True, slots=True)
class FlinkSettings:
    """Where an embedded Flink listens and keeps its checkpoints, and how much memory it may use.

    Everything together (cloud, gateway, worker, Flink) is to stay within 3 GB.
    """

    directory: Path
    rest_port: int
    job_port: int
    artifact_port: int
    job_server_expansion_port: int
    expansion_port: int
    worker_pool_port: int
    heap_mb: int = 512
    metaspace_mb: int = 256
    direct_memory_mb: int = 256
    managed_memory_mb: int = 64
    network_memory_mb: int = 64
    restart_delay_ms: int = 500

    def configuration(self) -> str:
        """The content of flink-conf.yaml."""
        checkpoints = (self.directory / "checkpoints").resolve().as_uri()
        entries = {
            "rest.address": LOOPBACK,
            "rest.bind-address": LOOPBACK,
            "rest.port": self.rest_port,
            "jobmanager.bind-host": LOOPBACK,
            "taskmanager.bind-host": LOOPBACK,
            "taskmanager.host": LOOPBACK,
            "io.tmp.dirs": (self.directory / "tmp").resolve(),
            "web.tmpdir": (self.directory / "tmp").resolve(),
            "state.checkpoints.dir": checkpoints,
            "state.checkpoints.num-retained": 2,
            # Flink's default holds a record back for up to 100 ms at each exchange between tasks,
            # and keeps a thread awake for it (docs/decisions/0001).
            "execution.buffer-timeout.interval": "0 ms",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 1_000_000,
            "restart-strategy.fixed-delay.delay": f"{self.restart_delay_ms} ms",
            "taskmanager.memory.managed.size": f"{self.managed_memory_mb} mb",
            "taskmanager.memory.network.min": f"{self.network_memory_mb} mb",
            "taskmanager.memory.network.max": f"{self.network_memory_mb} mb",
        }
        return "".join(f"{key}: {value}\n" for key, value in entries.items())


def start_job_server(
    processes: Processes,
    settings: FlinkSettings,
    jar: Path = JOB_SERVER_JAR,
    master: str = "[local]",
) -> Running:
    """Start the JVM; ``wait_for_port(settings.job_port)`` says when it takes jobs.

    ``master``: ``[local]`` runs jobs in this JVM; ``[auto]`` is for jars, that run where
    ``flink run`` brings them.
    """
    configuration = settings.directory / "conf"
    for directory in (configuration, settings.directory / "tmp"):
        directory.mkdir(parents=True, exist_ok=True)
    (configuration / "flink-conf.yaml").write_text(settings.configuration())
    return processes.start(
        "flink",
        [
            "java",
            f"-Xmx{settings.heap_mb}m",
            f"-XX:MaxMetaspaceSize={settings.metaspace_mb}m",
            f"-XX:MaxDirectMemorySize={settings.direct_memory_mb}m",
            *_QUICK_START,
            "-XX:+ExitOnOutOfMemoryError",
            *_LOG_FORMAT,
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED_PACKAGES),
            "-jar",
            str(jar),
            f"--job-host={LOOPBACK}",
            f"--job-port={settings.job_port}",
            f"--artifact-port={settings.artifact_port}",
            f"--expansion-port={settings.job_server_expansion_port}",
            f"--artifacts-dir={settings.directory / 'artifacts'}",
            f"--flink-master={master}",
            f"--flink-conf-dir={configuration}",
        ],
    )


def start_expansion_service(
    processes: Processes, settings: FlinkSettings, jar: Path = JOB_SERVER_JAR
) -> Running:
    """Expands the clock's ``GenerateSequence``; needed only while a job is submitted.

    The job server has an expansion service too, but takes no experiments for it, and without
    ``use_deprecated_read`` the clock would be a splittable DoFn (docs/decisions/0001).
    """
    nothing = settings.directory / "nothing-to-stage"
    nothing.touch()
    return processes.start(
        "expansion-service",
        [
            "java",
            *_QUICK_START,
            _EXPANSION_HEAP,
            *_LOG_FORMAT,
            "-cp",
            str(jar),
            "org.apache.beam.sdk.expansion.service.ExpansionService",
            str(settings.expansion_port),
            "--javaClassLookupAllowlistFile=*",
            "--experiments=use_deprecated_read",
            "--defaultEnvironmentType=EXTERNAL",
            # Else it stages its whole class path, this jar, with every job it expands for.
            f"--filesToStage={nothing}",
        ],
    )


def start_worker_pool(
    processes: Processes,
    port: int,
    host: str = LOOPBACK,
    name: str = "worker-pool",
    preloaded: tuple[str, ...] = JOB_MODULES,
) -> Running:
    """``host``: an address of the loopback interface. ``preloaded``: modules of the job."""
    return processes.start(
        name,
        [
            sys.executable,
            "-m",
            "beam_flink_kit.worker_pool",
            f"--host={host}",
            f"--port={port}",
            "--preload",
            *preloaded,
        ],
        cwd=ROOT,
    )


@dataclass(frozen=True, slots=True)
class FlinkRest:
    """The few questions that are asked of Flink's REST interface. FlinkError: no answer."""

    port: int
    timeout_s: float = 5.0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def job_states(self) -> dict[str, str]:
        """State (``RUNNING``, ``RESTARTING``...) by job id."""
        return {job["id"]: job["status"] for job in self.get("/jobs")["jobs"]}

    def all_tasks_run(self, job_id: str) -> bool:
        """Whether every subtask of the job is deployed and running, not only the job accepted."""
        vertices = self.get(f"/jobs/{job_id}")["vertices"]
        return bool(vertices) and all(vertex["status"] == "RUNNING" for vertex in vertices)

    def cancel(self, job_id: str) -> None:
        request = urllib.request.Request(f"{self.url}/jobs/{job_id}", method="PATCH")  # noqa: S310 (loopback)
        self._answer(request)

    def get(self, path: str) -> Any:
        """The decoded JSON answer. Its shape is Flink's, different for every path."""
        return json.loads(self._answer(urllib.request.Request(self.url + path)))  # noqa: S310 (loopback)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded JSON answer to ``body``."""
        request = urllib.request.Request(  # noqa: S310 (loopback)
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        return json.loads(self._answer(request))

    def _answer(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310 (loopback)
                return bytes(response.read())
        except (urllib.error.URLError, OSError) as error:
            raise FlinkError(f"{request.full_url}: {error}") from error
