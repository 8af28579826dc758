"""``with ClusterStack(settings) as stack:`` everything that a talk needs, its job on a cluster."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from connectors.amazon_clients import AwsSettings
from connectors.amazon_resources import create_resources
from local_stack.cluster_flink import ClusterSettings
from local_stack.cluster_job import ClusterJob
from local_stack.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes
from local_stack.stack import start_gateway


@dataclass(frozen=True, slots=True)
class ClusterStackSettings:
    """``directory`` (under build/) takes logs, checkpoints and the jar, and is emptied first."""

    directory: Path
    stage: str = "cluster"
    shards: int = 4
    parallelism: int = 4
    checkpointing_interval_ms: int = 2000

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
        )


@dataclass(slots=True)
class ClusterStack:
    settings: ClusterStackSettings
    say: Callable[[str], None]
    _exits: ExitStack = field(default_factory=ExitStack, init=False)
    cloud: LocalCloud = field(init=False)
    gateway_url: str = field(init=False)
    job: ClusterJob = field(init=False)

    def __enter__(self) -> ClusterStack:
        with self._exits:
            self._start()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    @property
    def aws(self) -> AwsSettings:
        return AwsSettings.local(self.cloud.endpoint, self.settings.stage)

    def _start(self) -> None:
        settings = self.settings
        began = time.monotonic()
        shutil.rmtree(settings.directory, ignore_errors=True)
        processes = self._exits.enter_context(Processes(settings.directory / "logs"))
        use_local_credentials()
        cloud_port, gateway_port, *flink_ports = free_ports(5)
        self.gateway_url = f"http://{LOOPBACK}:{gateway_port}"
        self.say("local cloud and gateway")
        self.cloud = start_local_cloud(processes, cloud_port)
        self.cloud.process.wait_for_port(cloud_port)
        asyncio.run(create_resources(self.aws, shards=settings.shards))
        gateway = start_gateway(processes, gateway_port, self.cloud.endpoint, settings.stage)
        self.job = ClusterJob(
            processes,
            ClusterSettings(settings.directory / "flink", *flink_ports),
            settings.options(self.cloud.endpoint, self.gateway_url),
        )
        self.say("the job as a jar")
        jar = self.job.build(settings.directory / "job.jar")
        self.say("ZooKeeper, JobManager, two TaskManagers, a worker pool beside each")
        self.job.start_servers()
        self.say(f"flink run -d, parallelism {settings.parallelism}")
        self.job.run(jar)
        gateway.wait_for_port(gateway_port)
        self.say(f"ready after {time.monotonic() - began:.0f} s")
