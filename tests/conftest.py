"""What every test may use: the local cloud, and the rule that each test names its category."""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiobotocore.session import AioSession, get_session
from hypothesis import settings

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.resources import create_resources_of
from tests.side_by_side import FileScheduling, rank

CATEGORIES = frozenset({"unit", "contract", "pipeline", "integration", "speech", "browser"})
T = TypeVar("T")
# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("no deadline", deadline=None)
# Where a change is judged, the same examples are tried each time; elsewhere the search goes on.
settings.register_profile("the same", deadline=None, derandomize=True)
settings.load_profile("the same" if os.environ.get("CI") else "no deadline")
_START_TIMEOUT_S = 120
_ANSWER_WITHIN_S = 60.0
_PR_SET_PDEATHSIG = 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    config.option.loadscopereorder = False  # the order is ours, not that of the files' sizes
    return FileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fail the whole run for a test without a category: it would run in no target of make."""
    if hasattr(config, "workerinput"):  # one of several processes
        items.sort(key=lambda item: rank(item.nodeid))
    without = [
        item.nodeid
        for item in items
        if not CATEGORIES & {marker.name for marker in item.iter_markers()}
    ]
    if without:
        listed = "\n  ".join(without)
        raise pytest.UsageError(
            f"no category; set pytestmark to one of {', '.join(sorted(CATEGORIES))} in:\n  {listed}"
        )


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """A MiniStack on 127.0.0.1 that lives as long as the test run and holds all in memory."""

    endpoint_url: str
    port: int

    def settings(self, stage: str | None = None) -> AwsSettings:
        """Settings with a stage of their own, so that tests never meet each other's data. They
        wait for answers for as long as a busy machine takes."""
        settings = AwsSettings.local(self.endpoint_url, stage or f"t{uuid.uuid4().hex[:10]}")
        return replace(
            settings, connect_timeout_s=_ANSWER_WITHIN_S, read_timeout_s=_ANSWER_WITHIN_S
        )


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Started once per run, in about five seconds; stopped by its id, also after a failure."""
    port = _free_port()
    home = tmp_path_factory.mktemp("local-cloud")
    log_path = home / "ministack.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("local_cloud_process.py"))],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            preexec_fn=_die_with_parent,
            env={
                **os.environ,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_HOST": "127.0.0.1",
                "MINISTACK_REGION": "us-east-1",
                "PERSIST_STATE": "0",
                "S3_PERSIST": "0",
                "STATE_DIR": str(home / "state"),
                "S3_DATA_DIR": str(home / "s3"),
                "LOG_LEVEL": "WARNING",
                # It checks presigned URLs against these keys and no others.
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                # Services that open ports of their own, on every interface.
                "IOT_MTLS_ENABLED": "false",
                "SFTP_ENABLED": "false",
            },
        )
    try:
        cloud = LocalCloud(f"http://127.0.0.1:{port}", port)
        _wait_until_healthy(cloud, process, log_path)
        yield cloud
    finally:
        _stop(process)


@pytest.fixture(scope="session")
def aws_session() -> AioSession:
    """The descriptions of AWS's services, megabytes of JSON, read once per run."""
    return get_session()


@pytest.fixture
def stage_parts() -> tuple[str, ...] | None:
    """The tables, streams and buckets that a test needs, as ``Names`` calls them; None: all. A
    suite that says which is spared most of its time: all of them are some forty requests."""
    return None


@pytest.fixture
async def aws_clients(
    local_cloud: LocalCloud, aws_session: AioSession, stage_parts: tuple[str, ...] | None
) -> AsyncIterator[AwsClients]:
    """Clients of a stage that this test has for itself."""
    clients = AwsClients(local_cloud.settings(), aws_session)
    names = clients.settings.names
    only = None if stage_parts is None else [getattr(names, part) for part in stage_parts]
    await create_resources_of(clients, only=only)
    yield clients
    await clients.close()


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timer, sets the clock to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("the test waits for something that will never happen")
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _JumpingSelector) -> None:
        super().__init__(selector)
        self._jumping = selector

    def time(self) -> float:
        return self._jumping.now_s


@pytest.fixture
def run_virtual() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """Run a coroutine on a loop whose time starts at 0 and jumps to the next timer.

    For code that waits on nothing but the loop: no threads, no sockets. Waiting for ever fails.
    """
    with asyncio.Runner(loop_factory=lambda: _VirtualTimeLoop(_JumpingSelector())) as runner:
        yield runner.run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """A run that is killed cannot stop its server; Linux then does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_healthy(
    cloud: LocalCloud, process: subprocess.Popen[bytes], log_path: Path
) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            pytest.fail(
                f"MiniStack ended with {process.returncode}: {log_path.read_text()[-2000:]}"
            )
        try:
            asking = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=1)
            asking.request("GET", "/_ministack/health")
            if asking.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail(f"MiniStack was not healthy after {_START_TIMEOUT_S} s: {log_path}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
