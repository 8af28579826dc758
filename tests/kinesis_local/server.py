"""Starts ``kinesis-local``, installed by the Makefile under ``.cache/``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_stack.flink import ROOT
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes

INSTALLED = Path(".cache/kinesis-local/installed")
"""A target of the Makefile."""
_PACKAGE = ROOT / INSTALLED.parent / "node_modules" / "kinesis-local"
_LOOPBACK_ONLY = Path(__file__).with_name("loopback.cjs")
_INSTALL_WITHIN_S = 300
_SOON = "20ms"
_CHANGES = (
    "CREATE_STREAM",
    "DELETE_STREAM",
    "REGISTER_STREAM_CONSUMER",
    "SPLIT_SHARD",
    "MERGE_SHARDS",
)


@contextmanager
def kinesis_local(folder: Path) -> Generator[str]:
    """Its URL on the loopback interface. ``folder`` takes logs. Skips the test without npm."""
    if shutil.which("npm") is None:
        pytest.skip("kinesis-local needs npm, which is not installed")
    subprocess.run(["make", str(INSTALLED)], cwd=ROOT, check=True, timeout=_INSTALL_WITHIN_S)
    port, tls_port = free_ports(2)
    environment = {
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(tls_port),
        "SHARD_LIMIT": "1000",
        **{f"{change}_DURATION": _SOON for change in _CHANGES},
    }
    with Processes(folder) as processes:
        process = processes.start(
            "kinesis-local",
            ["node", "--require", str(_LOOPBACK_ONLY), "main.js"],
            environment=environment,
            cwd=_PACKAGE,
        )
        process.wait_for_port(port)
        yield f"http://{LOOPBACK}:{port}"
