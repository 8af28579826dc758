"""Amazon's services on this machine: one MiniStack process, and the resources of one stage."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.amazon.clients import AwsSettings
from connectors.amazon.resources import create_resources
from connectors.interfaces.errors import ConnectorError
from local_stack.cloud.table_faults import SWITCH
from local_stack.ports import LOOPBACK
from local_stack.processes import ProcessError, Processes, Running

REGION = "us-east-1"
# MiniStack checks presigned URLs against these keys and no others.
CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class LocalCloud:
    process: Running
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def create_resources(self, stage: str, *, shards: int) -> AwsSettings:
        """Create a stage's tables, streams and buckets. ProcessError: it did not answer in time, as
        on a machine that does much else."""
        aws = AwsSettings.local(self.endpoint, stage)
        try:
            asyncio.run(create_resources(aws, shards=shards))
        except ConnectorError as error:
            raise ProcessError(f"{self.process.name}: {error}, see {self.process.log}") from error
        return aws


def use_local_credentials() -> None:
    """Let boto3 in this process, and in those it starts, sign with the local cloud's keys."""
    os.environ.update(CREDENTIALS)


def start_local_cloud(
    processes: Processes, port: int, table_faults: Path | None = None
) -> LocalCloud:
    """Start it; ``wait_for_port(port)`` says when it answers. Everything it holds is in memory.
    ``table_faults``: the switch of ``table_faults.TableFaults``."""
    process = processes.start(
        "local-cloud",
        [sys.executable, "-m", "local_stack.cloud.patched_ministack"],
        environment={
            **CREDENTIALS,
            **({} if table_faults is None else {SWITCH: str(table_faults.resolve())}),
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            "MINISTACK_REGION": REGION,
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "WARNING",
            # Services that open ports of their own, on every interface.
            "IOT_MTLS_ENABLED": "false",
            "SFTP_ENABLED": "false",
        },
    )
    return LocalCloud(process, port)
