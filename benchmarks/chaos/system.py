"""The system that chaos is played on: stream, tables, gateways behind proxies, and the job."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.chaos.gateways import Gateways
from benchmarks.chaos.jobs import ClusteredJob, EmbeddedJob, Job
from benchmarks.chaos.settings import STAGE, ChaosSettings, Form
from connectors.amazon.clients import AwsSettings
from local_stack.cloud.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.cloud.table_faults import TableFaults
from local_stack.cluster.flink import ClusterSettings
from local_stack.cluster.job import ClusterJob
from local_stack.cluster.stack import BUNDLE_MS
from local_stack.job import JobSettings
from local_stack.ports import free_ports
from local_stack.processes import Processes


@dataclass(frozen=True, slots=True)
class System:
    """``ledger``: the switch of the ledger's faults."""

    settings: ChaosSettings
    cloud: LocalCloud
    ledger: TableFaults
    gateways: Gateways
    job: Job

    @property
    def aws(self) -> AwsSettings:
        return AwsSettings.local(self.cloud.endpoint, STAGE)

    def ended(self) -> tuple[str, ...]:
        """What no act ended and is not there any more. Flink's processes may end: a supervisor
        starts them again."""
        running = (self.cloud.process, self.gateways.process)
        return tuple(
            f"{one.name} ended with {one.popen.returncode}" for one in running if not one.is_alive
        )


@contextmanager
def chaos_system(settings: ChaosSettings, say: Callable[[str], None]) -> Generator[System]:
    """Start everything; stop it in reverse order on leaving, or when starting fails."""
    began_s = time.monotonic()
    shutil.rmtree(settings.directory, ignore_errors=True)
    use_local_credentials()
    (cloud_port,) = free_ports(1)
    switch = settings.directory / "ledger-faults.json"
    with Processes(settings.directory / "logs") as processes:
        say("local cloud and gateway")
        cloud = start_local_cloud(processes, cloud_port, switch)
        cloud.process.wait_for_port(cloud_port)
        aws = cloud.create_resources(STAGE, shards=settings.shards)
        gateways = Gateways(processes, cloud.endpoint, STAGE, settings.directory / "token-key.pem")
        gateways.start()
        try:
            start = _embedded if settings.form is Form.EMBEDDED else _clustered
            job = start(processes, settings, cloud.endpoint, gateways.notify_url, say)
            say(f"ready after {time.monotonic() - began_s:.0f} s")
            ledger = TableFaults(switch, aws.names.utterances_table)
            yield System(settings, cloud, ledger, gateways, job)
        finally:
            gateways.stop()


def _embedded(
    processes: Processes,
    settings: ChaosSettings,
    aws_endpoint: str,
    notify_url: str,
    say: Callable[[str], None],
) -> Job:
    say("embedded Flink and its worker pool")
    job = EmbeddedJob(
        processes,
        settings.directory,
        JobSettings(
            STAGE,
            aws_endpoint,
            notify_url,
            readers=settings.shards,
            parallelism=settings.parallelism,
            checkpointing_interval_ms=settings.checkpointing_interval_ms,
            more=(*settings.engine_options, *settings.job_options),
        ),
    )
    job.start()
    return job


def _clustered(
    processes: Processes,
    settings: ChaosSettings,
    aws_endpoint: str,
    notify_url: str,
    say: Callable[[str], None],
) -> Job:
    rest_port, zookeeper_port, pool_port = free_ports(3)
    cluster = ClusterJob(
        processes,
        # Slots for the job in each TaskManager: for one when the other is gone, for two with both.
        ClusterSettings(
            settings.directory / "flink",
            rest_port,
            zookeeper_port,
            pool_port,
            slots=settings.parallelism,
        ),
        _options(settings, aws_endpoint, notify_url),
    )
    say("the job as a jar")
    jar = cluster.build(settings.directory / "job.jar")
    say("ZooKeeper, JobManager, two TaskManagers with a worker pool beside each")
    cluster.start_servers()
    cluster.run(jar)
    cluster.wait_for_checkpoint()
    return ClusteredJob(cluster, jar)


def _options(settings: ChaosSettings, aws_endpoint: str, notify_url: str) -> tuple[str, ...]:
    """Those of ``pipelines.main``."""
    return (
        f"--stage={STAGE}",
        "--job_name=live-translation",
        f"--aws_endpoint={aws_endpoint}",
        f"--notify_endpoint={notify_url}",
        f"--readers={settings.shards}",
        f"--partitions={settings.shards}",
        f"--parallelism={settings.parallelism}",
        f"--checkpointing_interval={settings.checkpointing_interval_ms}",
        f"--max_bundle_time_mills={BUNDLE_MS}",
        # What the tables say, by the first job too: there is nothing in them yet.
        "--start=resume",
        *settings.engine_options,
        *settings.job_options,
    )
