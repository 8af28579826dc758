"""A phone in a network of its own, at the other end of a cable, comes in as by ``PHONES=1``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_gateway.routes import pages
from tests.integration.local_stack.machine_in_namespace import CAPTION
from tests.integration.local_stack.network_namespaces import (
    Namespaces,
    NotPermittedError,
    inside,
    two_namespaces,
)

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 90


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    try:
        with two_namespaces() as made:
            yield made
    except NotPermittedError as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")


def module(namespace: str, name: str, *arguments: str) -> list[str]:
    full = f"tests.integration.local_stack.{name}"
    return inside(namespace, sys.executable, "-m", full, *arguments)


@pytest.mark.skipif(
    not (pages.BUILT / "listen.html").exists(), reason="the pages are not built: make pages"
)
def test_a_phone_of_the_network_joins_by_the_code(namespaces: Namespaces, tmp_path: Path) -> None:
    machine = subprocess.Popen(
        module(namespaces.machine, "machine_in_namespace", str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert machine.stdin is not None
    assert machine.stdout is not None
    try:
        said = json.loads(machine.stdout.readline())
        phone = subprocess.run(
            module(namespaces.phone, "phone_in_namespace", json.dumps(said)),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=TIMEOUT_S,
            check=False,
        )
    finally:
        machine.stdin.close()
        machine.wait(TIMEOUT_S)
        machine.stdout.close()
    assert phone.returncode == 0, phone.stderr
    met = json.loads(phone.stdout)
    assert said["publicUrl"].startswith(f"https://{namespaces.machine_address}:")
    assert "CERTIFICATE_VERIFY_FAILED" in met["before"]
    assert "refused" in met["loopbackPort"]  # the gateway itself stays on the loopback interface
    assert met["trustParts"] >= 2
    assert met["fingerprint"] == said["fingerprint"]
    assert met["offer"] == {"publicUrl": said["publicUrl"], "trustUrl": said["trustUrl"]}
    assert met["pageParts"] >= 2
    assert met["room"] == ["live", "Tides"]
    assert (met["joined"], met["caption"]) == ("es", CAPTION)
