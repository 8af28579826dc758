"""``with cluster_stack(settings, say) as stack:`` a talk's whole stack, its job on a cluster."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.amazon.clients import AwsSettings
from deployment.bundled_python import BundledPython, pack_python
from local_stack.amazon_speech import amazon_speech
from local_stack.cloud.local_cloud import start_local_cloud, use_local_credentials
from local_stack.cluster.flink import ClusterSettings
from local_stack.cluster.job import ClusterJob
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes
from local_stack.stack import start_gateway

BUNDLE_MS = 80
"""With the 20 ms of one subtask, four of them take a core of two before anybody speaks, and a
restarted job cannot catch up (docs/decisions/0015)."""
ROCKSDB_MB = 256


@dataclass(frozen=True, slots=True)
class ClusterStackSettings:
    """``directory`` (under build/) takes logs, checkpoints and the jar, and is emptied first."""

    directory: Path
    stage: str = "cluster"
    shards: int = 4
    parallelism: int = 4
    checkpointing_interval_ms: int = 2000
    languages: tuple[str, ...] = ("es", "ca", "fr")
    is_application: bool = False
    """The JobManager is started for this job alone, as Kubernetes' operator does."""
    brings_python: bool = False
    """The jar brings its Python, as to a service that runs jars only, and Flink is set as it is
    there; speech comes from servers that speak as Amazon's do."""

    def options(self, aws_endpoint: str, gateway_url: str) -> tuple[str, ...]:
        """Those of ``pipelines.main``."""
        return (
            f"--stage={self.stage}",
            "--job_name=live-translation",
            f"--aws_endpoint={aws_endpoint}",
            f"--notify_endpoint={gateway_url}",
            f"--readers={self.shards}",
            f"--partitions={self.parallelism}",
            f"--parallelism={self.parallelism}",
            f"--checkpointing_interval={self.checkpointing_interval_ms}",
            f"--max_bundle_time_mills={BUNDLE_MS}",
        )


@dataclass(frozen=True, slots=True)
class ClusterStack:
    """What runs: where to speak and listen, and the job."""

    settings: ClusterStackSettings
    gateway_url: str
    aws: AwsSettings
    job: ClusterJob


@dataclass(frozen=True, slots=True)
class _Outfit:
    """What job, gateway and jar get in addition."""

    job_options: tuple[str, ...] = ()
    gateway_options: tuple[str, ...] = ()
    python: BundledPython | None = None


@contextmanager
def _outfit(settings: ClusterStackSettings, say: Callable[[str], None]) -> Generator[_Outfit]:
    if not settings.brings_python:
        yield _Outfit()
        return
    say("servers that speak as Transcribe, Translate and Polly do")
    folder = settings.directory / "amazon_speech"
    with (
        amazon_speech(folder, languages=settings.languages) as job_options,
        TemporaryDirectory() as scratch,
    ):
        python = pack_python(Path(scratch), Path(scratch) / "taskmanagers")
        say(f"a Python for the jar: {python.archive.stat().st_size / 1e6:.0f} MB")
        yield _Outfit(job_options, ("--languages=amazon",), python)


def _cluster(settings: ClusterStackSettings, ports: Sequence[int]) -> ClusterSettings:
    rest_port, zookeeper_port, pool_port = ports
    cluster = ClusterSettings(settings.directory / "flink", rest_port, zookeeper_port, pool_port)
    if not settings.brings_python:
        return cluster
    # RocksDB keeps state outside of the heap, in managed memory.
    return replace(
        cluster,
        is_managed=True,
        managed_memory_mb=ROCKSDB_MB,
        taskmanager_memory_mb=cluster.taskmanager_memory_mb + ROCKSDB_MB,
    )


@contextmanager
def cluster_stack(
    settings: ClusterStackSettings, say: Callable[[str], None]
) -> Generator[ClusterStack]:
    """Start everything; stop it in reverse order on leaving, or when starting fails."""
    began = time.monotonic()
    shutil.rmtree(settings.directory, ignore_errors=True)
    use_local_credentials()
    cloud_port, gateway_port, *flink_ports = free_ports(5)
    gateway_url = f"http://{LOOPBACK}:{gateway_port}"
    with _outfit(settings, say) as outfit, Processes(settings.directory / "logs") as processes:
        say("local cloud and gateway")
        cloud = start_local_cloud(processes, cloud_port)
        cloud.process.wait_for_port(cloud_port)
        aws = cloud.create_resources(settings.stage, shards=settings.shards)
        gateway = start_gateway(
            processes, gateway_port, cloud.endpoint, settings.stage, outfit.gateway_options
        )
        job = ClusterJob(
            processes,
            _cluster(settings, flink_ports),
            (*settings.options(cloud.endpoint, gateway_url), *outfit.job_options),
            outfit.python,
            is_application=settings.is_application,
        )
        say("the job as a jar")
        jar = job.build(settings.directory / "job.jar")
        beside = "nothing" if outfit.python else "a worker pool"
        say(f"ZooKeeper, JobManager, two TaskManagers, {beside} beside each")
        job.start_servers()
        how = "as an application" if settings.is_application else "flink run -d"
        say(f"{how}, parallelism {settings.parallelism}")
        job.run(jar)
        gateway.wait_for_port(gateway_port)
        say(f"ready after {time.monotonic() - began:.0f} s")
        yield ClusterStack(settings, gateway_url, aws, job)
