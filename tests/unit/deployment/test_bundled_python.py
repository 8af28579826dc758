"""What a worker imports is in the Python that its jar brings."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
from packaging.requirements import Requirement

from deployment.bundled_python import LEFT_OUT, OURS, REQUIREMENTS, ROOT, SERVICES

pytestmark = pytest.mark.unit

IMPORT = """
import importlib, sys
absent, *entries = sys.argv[1:]
for name in absent.split():
    sys.modules[name] = None  # which to import is an ImportError
for name in entries:
    importlib.import_module(name)
"""
ENTRIES = (
    "beam_flink_kit.process_worker",
    "pipelines.live_translation",
    "apache_beam.runners.worker.sdk_worker_main",
    "connectors.job_connectors",
    "connectors.amazon.speech_to_text",
    "connectors.audio.mp3",
    "connectors.services.otlp_traces",
)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(wanted: set[str]) -> set[str]:
    """With all that these packages want themselves."""
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        name = canonical(todo.pop())
        if name in found:
            continue
        found.add(name)
        try:
            needs = [Requirement(one) for one in requires(name) or ()]
        except PackageNotFoundError:  # for another system
            continue
        todo += [one.name for one in needs if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def brought() -> set[str]:
    wanted = set(re.findall(r"^[a-z][\w-]*", REQUIREMENTS.read_text(), re.MULTILINE))
    return closure(wanted) - set(LEFT_OUT)


def imports_with(distributions: set[str]) -> subprocess.CompletedProcess[str]:
    """As if nothing else were installed here."""
    absent = [
        name
        for name, of in packages_distributions().items()
        if name not in OURS and not {canonical(one) for one in of} & distributions
    ]
    assert {"pytest", "litestar", "ingest_gateway", "pyarrow"} <= set(absent)
    return subprocess.run(
        [sys.executable, "-c", IMPORT, " ".join(absent), *ENTRIES],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_all_that_a_worker_imports_is_brought() -> None:
    ran = imports_with(brought())
    assert ran.returncode == 0, ran.stderr


def test_what_is_not_brought_is_missed() -> None:
    ran = imports_with(brought() - {"msgspec"})
    assert "msgspec" in ran.stderr


def test_every_service_of_the_job_is_described_in_it() -> None:
    """The names that ``connectors.amazon.clients`` opens clients by, but those of the gateway."""
    source = (ROOT / "connectors" / "amazon" / "clients.py").read_text()
    opened = set(re.findall(r'_client\("([\w-]+)"', source))
    assert {"dynamodb", "bedrock-runtime"} <= opened
    assert opened - {"events", "kinesisvideo", "kinesis-video-signaling"} <= SERVICES
