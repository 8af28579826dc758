"""What incidents are provoked on: the local stack, with a front before each service it calls."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from connectors.amazon.clients import AwsSettings
from ingest_gateway.access.auth import OPERATOR, LocalIssuer
from local_stack.amazon_speech import amazon_speech
from local_stack.cloud.local_cloud import start_local_cloud, use_local_credentials
from local_stack.flink import FlinkSettings
from local_stack.job import JobSettings, LiveJob
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, Running
from local_stack.proxies import FaultyProxy
from local_stack.stack import start_gateway

STAGE = "incidents"
SHARDS = 2
_TRANSLATE = "--translate_endpoint="


@dataclass(slots=True)
class TroubledStack:
    """``cloud`` and ``translate`` are what gateway and job believe to be AWS. ``gateway`` is
    another process after it was killed."""

    directory: Path
    processes: Processes
    aws: AwsSettings
    cloud: FaultyProxy
    translate: FaultyProxy
    gateway_port: int
    job: LiveJob
    gateway: Running

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def issuer(self) -> LocalIssuer:
        """Signs as the running gateway does."""
        return LocalIssuer(_token_key(self.directory))

    def operator_token(self) -> str:
        return self.issuer.issue("operator", roles=(OPERATOR,))

    def kill_gateway(self) -> None:
        self.processes.kill(self.gateway)

    def start_gateway(self) -> None:
        """As a supervisor would; returns when it answers."""
        self.gateway = _gateway(self.processes, self.gateway_port, self.cloud.url, self.directory)
        self.gateway.wait_for_port(self.gateway_port)

    def resume_job(self) -> None:
        """Start what was killed of the job, from the table of positions."""
        self.job.start_servers("resume")
        self.job.submit()
        self.job.wait_until_running()


@contextmanager
def troubled_stack(
    directory: Path, say: Callable[[str], None], *, with_job: bool = True
) -> Generator[TroubledStack]:
    """Start everything, the job only if it is wanted; stop it in reverse order on leaving.
    ``directory`` (under build/) takes logs and checkpoints and is emptied first. ProcessError:
    something did not start."""
    began_s = time.monotonic()
    shutil.rmtree(directory, ignore_errors=True)
    use_local_credentials()
    cloud_port, gateway_port, *flink_ports = free_ports(8)
    with Processes(directory / "logs") as processes:
        say("local cloud, gateway" + (", speech services, Flink, worker pool" if with_job else ""))
        local_cloud = start_local_cloud(processes, cloud_port)
        # Nobody calls it without a job.
        speech = amazon_speech(directory / "speech", "scripted") if with_job else nullcontext(())
        local_cloud.process.wait_for_port(cloud_port)
        local_cloud.create_resources(STAGE, shards=SHARDS)
        with (
            speech as options,
            FaultyProxy(local_cloud.endpoint) as cloud,
            FaultyProxy(_endpoint(options, _TRANSLATE)) as translate,
        ):
            gateway = _gateway(processes, gateway_port, cloud.url, directory)
            job = LiveJob(
                processes,
                FlinkSettings(directory / "flink", *flink_ports),
                JobSettings(
                    stage=STAGE,
                    aws_endpoint=cloud.url,
                    notify_endpoint=f"http://{LOOPBACK}:{gateway_port}",
                    # Words are written into the audio: what is said is known, and costs nothing.
                    speech_to_text="scripted",
                    translation="amazon",
                    speech_synthesis="amazon",
                    readers=SHARDS,
                    more=(*options, f"{_TRANSLATE}{translate.url}", "--speech_to_text=scripted"),
                ),
            )
            if with_job:
                job.start_servers()
                job.submit()
            gateway.wait_for_port(gateway_port)
            if with_job:
                job.wait_until_running()
            say(f"ready after {time.monotonic() - began_s:.0f} s")
            yield TroubledStack(
                directory,
                processes,
                AwsSettings.local(local_cloud.endpoint, STAGE),
                cloud,
                translate,
                gateway_port,
                job,
                gateway,
            )


def _gateway(processes: Processes, port: int, aws_endpoint: str, directory: Path) -> Running:
    options = (f"--token-key={_token_key(directory)}", "--languages=any")
    return start_gateway(processes, port, aws_endpoint, STAGE, options)


def _endpoint(options: tuple[str, ...], name: str) -> str:
    return next((one.removeprefix(name) for one in options if one.startswith(name)), "")


def _token_key(directory: Path) -> Path:
    return directory / "token-key.pem"
