"""A standalone Flink: ZooKeeper, a JobManager that it elects, TaskManagers. Programs of Flink's own
distribution, each a process that can be killed alone.

Every TaskManager has a Python worker pool beside it, as a pod has its sidecar. A job names one
address of its pool for all of them; here each TaskManager's JVM resolves that name to a loopback
address of its own, where its pool listens.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.flink import ROOT, start_worker_pool
from local_stack.ports import LOOPBACK
from local_stack.processes import ProcessError, Processes, Running

FLINK_HOME = ROOT / ".cache/flink-venv/lib/python3.11/site-packages/pyflink"
POOL_NAME = "worker-pool"
"""The host that jobs look for their worker pool at."""
APPLICATION_JOB = f"{1:032x}"
"""A successor of the JobManager looks for its job's state under this name."""
_JAVA_OPTIONS = re.compile(r"^ +all: (?P<options>--add-.*)$", re.MULTILINE)
_AS_WE_LIKE_IT = {"execution.buffer-timeout.interval": "0 ms"}
_AS_MANAGED = {
    "state.backend.type": "rocksdb",
    "state.backend.incremental": "true",
    "state.backend.local-recovery": "true",
}
_LOG_PROPERTIES = ("log4j-console.properties", "log4j-cli.properties")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Ports, memory and patience of the cluster. ``directory`` keeps all that is to last.

    ``slots`` are those of one TaskManager: with room for the whole job in each, the death of one
    leaves enough. ``zookeeper_session_ms``: a JobManager silent for so long is no leader any more;
    with 4 s one that lives lost its office on a machine that had too much to do. A killed process
    is found out sooner than by ``heartbeat_timeout_ms``: nobody answers at its port.
    ``is_managed``: what Amazon's Managed Service for Apache Flink decides by itself is as there
    (docs/managed-flink.md).
    """

    directory: Path
    rest_port: int
    zookeeper_port: int
    pool_port: int
    taskmanagers: int = 2
    slots: int = 4
    jobmanager_memory_mb: int = 1024
    taskmanager_memory_mb: int = 1728
    metaspace_mb: int = 512
    managed_memory_mb: int = 64
    network_memory_mb: int = 64
    restart_delay_ms: int = 500
    heartbeat_every_ms: int = 1_000
    heartbeat_timeout_ms: int = 20_000
    zookeeper_session_ms: int = 10_000
    is_managed: bool = False

    @property
    def pool(self) -> str:
        """host:port of the worker pool, as a TaskManager sees it."""
        return f"{POOL_NAME}:{self.pool_port}"

    @property
    def configuration_directory(self) -> Path:
        return self.directory / "conf"

    @property
    def savepoints(self) -> Path:
        return (self.directory / "savepoints").resolve()

    def pool_address(self, taskmanager: int) -> str:
        """Where the pool beside this TaskManager listens; all of 127/8 is the loopback."""
        return f"127.0.0.{2 + taskmanager}"

    def hosts(self, taskmanager: int) -> str:
        """All the names that this TaskManager can resolve, as lines of a hosts file."""
        return (
            f"{LOOPBACK} localhost {socket.gethostname()}\n"
            f"{self.pool_address(taskmanager)} {POOL_NAME}\n"
        )

    def configuration(self, java_options: str) -> str:
        """The content of flink-conf.yaml. ``java_options``: what Flink needs on this Java."""
        store = self.directory.resolve()
        entries: dict[str, object] = {
            "env.java.opts.all": f"{java_options} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "rest.address": LOOPBACK,
            "rest.bind-address": LOOPBACK,
            "rest.port": self.rest_port,
            "jobmanager.rpc.address": LOOPBACK,
            "jobmanager.bind-host": LOOPBACK,
            "jobmanager.memory.process.size": f"{self.jobmanager_memory_mb}m",
            "taskmanager.host": LOOPBACK,
            "taskmanager.bind-host": LOOPBACK,
            "taskmanager.numberOfTaskSlots": self.slots,
            "taskmanager.memory.process.size": f"{self.taskmanager_memory_mb}m",
            "taskmanager.memory.jvm-metaspace.size": f"{self.metaspace_mb}m",
            "taskmanager.memory.managed.size": f"{self.managed_memory_mb}m",
            "taskmanager.memory.network.min": f"{self.network_memory_mb}m",
            "taskmanager.memory.network.max": f"{self.network_memory_mb}m",
            # Else one TaskManager would have the whole job, and the other nothing to lose.
            "cluster.evenly-spread-out-slots": "true",
            "heartbeat.interval": self.heartbeat_every_ms,
            "heartbeat.timeout": self.heartbeat_timeout_ms,
            # Starting up on a machine that has much to do takes longer than the default of 10 s.
            "pekko.startup-timeout": "120 s",
            "pekko.ask.timeout": "60 s",
            "client.timeout": "300 s",
            "high-availability.type": "zookeeper",
            "high-availability.zookeeper.quorum": f"{LOOPBACK}:{self.zookeeper_port}",
            "high-availability.zookeeper.client.session-timeout": self.zookeeper_session_ms,
            "high-availability.storageDir": (store / "high-availability").as_uri(),
            "state.checkpoints.dir": (store / "checkpoints").as_uri(),
            "state.checkpoints.num-retained": 2,
            "state.savepoints.dir": self.savepoints.as_uri(),
            **(_AS_MANAGED if self.is_managed else _AS_WE_LIKE_IT),
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 1_000_000,
            "restart-strategy.fixed-delay.delay": f"{self.restart_delay_ms} ms",
            # What REST tells of a job is as old as this; who waits for a restart must see it.
            "web.refresh-interval": 200,
            # Where an application's jar is copied to; one of the same name is not copied again.
            "user.artifacts.base-dir": store / "artifacts",
            "io.tmp.dirs": store / "tmp",
            "web.tmpdir": store / "tmp",
        }
        return "".join(f"{key}: {value}\n" for key, value in entries.items())

    def zookeeper_configuration(self) -> str:
        """The content of zoo.cfg: one server; what it holds outlives a JobManager, not a disk."""
        return (
            # A session lasts two ticks at least.
            f"tickTime={self.zookeeper_session_ms // 4}\n"
            f"dataDir={(self.directory / 'zookeeper').resolve()}\n"
            f"clientPort={self.zookeeper_port}\n"
            f"clientPortAddress={LOOPBACK}\n"
            "admin.enableServer=false\n"
        )


def prepare_cluster(settings: ClusterSettings) -> None:
    """Write what the processes read. ProcessError: Flink's distribution is not there."""
    if not (FLINK_HOME / "bin" / "jobmanager.sh").exists():
        raise ProcessError(f"{FLINK_HOME} is missing: make cluster-demo sets it up")
    directory = settings.configuration_directory
    for one in (directory, settings.directory / "tmp", settings.directory / "log"):
        one.mkdir(parents=True, exist_ok=True)
    for name in _LOG_PROPERTIES:
        shutil.copy(FLINK_HOME / "conf" / name, directory / name)
    options = java_options((FLINK_HOME / "conf" / "config.yaml").read_text())
    (directory / "flink-conf.yaml").write_text(settings.configuration(options))
    (directory / "zoo.cfg").write_text(settings.zookeeper_configuration())
    for number in range(settings.taskmanagers):
        _hosts_file(settings, number).write_text(settings.hosts(number))


def java_options(shipped: str) -> str:
    """What Flink's own config.yaml (``shipped``) opens of Java's modules."""
    found = _JAVA_OPTIONS.search(shipped)
    if found is None:
        raise ProcessError("Flink's config.yaml names no env.java.opts.all: another version?")
    return found["options"].strip()


def start_zookeeper(processes: Processes, settings: ClusterSettings) -> Running:
    return _start(
        processes, settings, "zookeeper", "zookeeper.sh", "start-foreground", "1", heap_mb=128
    )


def start_jobmanager(processes: Processes, settings: ClusterSettings) -> Running:
    return _start(processes, settings, "jobmanager", "jobmanager.sh", "start-foreground")


def start_application(processes: Processes, settings: ClusterSettings, jar: Path) -> Running:
    """A JobManager that runs the job in ``jar`` and nothing else, as one of the Flink Kubernetes
    Operator's pods does."""
    return _start(
        processes,
        settings,
        "jobmanager",
        "standalone-job.sh",
        "start-foreground",
        *("--job-classname", "org.apache.beam.runners.flink.FlinkPipelineRunner"),
        *("--job-id", APPLICATION_JOB),
        *("--jars", jar.resolve().as_uri()),
    )


def start_taskmanager(processes: Processes, settings: ClusterSettings, number: int) -> Running:
    """The TaskManager ``number``, from 0."""
    return _start(
        processes,
        settings,
        f"taskmanager-{number}",
        "taskmanager.sh",
        "start-foreground",
        options=f"-Djdk.net.hosts.file={_hosts_file(settings, number).resolve()}",
        environment=_nothing_of_ours(),
    )


def _nothing_of_ours() -> dict[str, str]:
    """Variables of a host that this project was never on."""
    java = Path(shutil.which("java") or "/usr/bin/java")
    return {"PATH": f"{java.parent}:/usr/bin:/bin", "PYTHONPATH": "", "VIRTUAL_ENV": ""}


def start_pool_beside(processes: Processes, settings: ClusterSettings, number: int) -> Running:
    """The worker pool of the TaskManager ``number``."""
    return start_worker_pool(
        processes, settings.pool_port, settings.pool_address(number), f"worker-pool-{number}"
    )


def flink_command(
    processes: Processes, settings: ClusterSettings, name: str, *arguments: str
) -> Running:
    """``flink`` with ``arguments``; its configuration tells it where the cluster is."""
    return _start(processes, settings, name, "flink", *arguments)


def _start(
    processes: Processes,
    settings: ClusterSettings,
    name: str,
    script: str,
    *arguments: str,
    options: str = "",
    heap_mb: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Running:
    heap = f"-Xmx{heap_mb}m" if heap_mb else ""
    return processes.start(
        name,
        [str(FLINK_HOME / "bin" / script), *arguments],
        environment={
            "FLINK_CONF_DIR": str(settings.configuration_directory.resolve()),
            "FLINK_LOG_DIR": str((settings.directory / "log").resolve()),
            "FLINK_PID_DIR": str((settings.directory / "tmp").resolve()),
            # Each process a file of its own: they are the same user's on the same host.
            "FLINK_IDENT_STRING": name,
            "JVM_ARGS": f"{heap} {options}".strip(),
            **(environment or {}),
        },
        cwd=settings.directory,
    )


def _hosts_file(settings: ClusterSettings, number: int) -> Path:
    return settings.directory / f"hosts-{number}"
