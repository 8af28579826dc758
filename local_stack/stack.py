"""``with LocalStack(settings) as stack:`` and a talk can begin."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from connectors.amazon.clients import AwsSettings
from ingest_gateway.access.auth import OPERATOR, LocalIssuer
from local_stack.cloud.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.flink import ROOT, FlinkSettings
from local_stack.job import SUBMISSION, JobSettings, LiveJob
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, Running


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What runs. ``directory`` (under build/) takes logs and checkpoints and is emptied first.

    ``gateway_port`` 0: any free one. ``job_options`` are handed to ``pipelines.main`` as they are,
    ``gateway_options`` to ``ingest_gateway``. ``submission``: the module that submits the job.
    """

    directory: Path
    stage: str = "demo"
    gateway_port: int = 0
    shards: int = 2
    speech_to_text: str = "offline"
    translation: str = "offline"
    speech_synthesis: str = "offline"
    notifier: str = "api_gateway"
    parallelism: int = 1
    checkpointing_interval_ms: int = 2000
    job_options: tuple[str, ...] = ()
    gateway_options: tuple[str, ...] = ()
    start: str = "latest"
    submission: str = SUBMISSION


def _say_nothing(_step: str) -> None: ...


@dataclass(slots=True)
class LocalStack:
    """The running system. Everything starts at once, as far as one thing does not need another."""

    settings: StackSettings
    say: Callable[[str], None] = _say_nothing
    _exits: ExitStack = field(default_factory=ExitStack, init=False)
    processes: Processes = field(init=False)
    cloud: LocalCloud = field(init=False)
    gateway: Running = field(init=False)
    gateway_port: int = field(init=False)
    job: LiveJob = field(init=False)

    def __enter__(self) -> LocalStack:
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
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def operator_link(self) -> str:
        """The operators' page of the running gateway. The token is in the part of the address that
        browsers send to nobody."""
        token = LocalIssuer(self._token_key).issue("operator", roles=(OPERATOR,))
        return f"{self.gateway_url}/operate#token={token}"

    @property
    def _token_key(self) -> Path:
        """The gateway makes it, so that tokens outlive its restarts."""
        return self.settings.directory / "token-key.pem"

    @property
    def aws(self) -> AwsSettings:
        return AwsSettings.local(self.cloud.endpoint, self.settings.stage)

    def _start(self) -> None:
        settings = self.settings
        began = time.monotonic()
        shutil.rmtree(settings.directory, ignore_errors=True)
        self.processes = self._exits.enter_context(Processes(settings.directory / "logs"))
        use_local_credentials()
        cloud_port, gateway_port, *flink_ports = free_ports(8)
        self.gateway_port = settings.gateway_port or gateway_port
        self.say("local cloud, Flink and worker pool")
        self.cloud = start_local_cloud(self.processes, cloud_port)
        self.job = LiveJob(
            self.processes,
            FlinkSettings(settings.directory / "flink", *flink_ports),
            JobSettings(
                stage=settings.stage,
                aws_endpoint=self.cloud.endpoint,
                notify_endpoint=self.gateway_url,
                speech_to_text=settings.speech_to_text,
                translation=settings.translation,
                speech_synthesis=settings.speech_synthesis,
                notifier=settings.notifier,
                readers=settings.shards,  # one each: readers share a shard's five reads a second
                parallelism=settings.parallelism,
                checkpointing_interval_ms=settings.checkpointing_interval_ms,
                more=settings.job_options,
                submission=settings.submission,
            ),
        )
        self.job.start_servers(settings.start)
        self.cloud.process.wait_for_port(cloud_port)
        self.say("tables, streams and buckets")
        self.cloud.create_resources(settings.stage, shards=settings.shards)
        self.start_gateway()
        self.job.submit()
        self.say("gateway and job")
        self.gateway.wait_for_port(self.gateway_port)
        self.job.wait_until_running()
        self.say(f"ready after {time.monotonic() - began:.1f} s")

    def start_gateway(self) -> None:
        """Start the gateway; ``gateway.wait_for_port`` says when it answers."""
        self.gateway = start_gateway(
            self.processes,
            self.gateway_port,
            self.cloud.endpoint,
            self.settings.stage,
            (
                f"--token-key={self._token_key}",
                f"--flink-url={self.job.rest.url}",
                *self.settings.gateway_options,
            ),
        )


def start_gateway(
    processes: Processes, port: int, aws_endpoint: str, stage: str, more: tuple[str, ...] = ()
) -> Running:
    """``more``: further options of ``ingest_gateway``."""
    return processes.start(
        "gateway",
        [
            sys.executable,
            "-m",
            "ingest_gateway",
            f"--host={LOOPBACK}",
            f"--port={port}",
            "--trust-loopback",
            f"--aws-endpoint={aws_endpoint}",
            f"--stage={stage}",
            *more,
        ],
        cwd=ROOT,
    )
