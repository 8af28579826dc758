"""What docs/security.md gives as proof is there: each test that it names, and each file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest_gateway.settings import GatewaySettings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "security.md"
_NAMED = re.compile(r"`(?:[\w./]*/)?(test_\w+)(\.py)?`")


def test_every_test_that_the_page_names_is_there() -> None:
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("infrastructure/tests/test_*.py")]
    modules = {file.stem for file in files}
    functions = {
        name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }
    named = _NAMED.findall(PAGE.read_text())
    assert len(named) > 50
    missing = [name for name, suffix in named if name not in (modules if suffix else functions)]
    assert missing == []


def test_commands_and_options_that_the_page_names_are_there() -> None:
    text = PAGE.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(re.findall(r"`make ([a-z-]+)", text))
    assert {"abuse", "fuzz", "sbom", "pin-images"} <= commands
    assert commands <= targets
    options = {one.replace("-", "_") for one in re.findall(r"`--([a-z0-9_-]+)`", text)}
    assert options
    assert {one for one in options if not is_an_option(one)} == set()


def is_an_option(name: str) -> bool:
    """Of the gateway, or of the job (whose page of options this is not)."""
    return name in GatewaySettings.model_fields or any(
        f"--{name}" in file.read_text() or f"{name}:" in file.read_text()
        for file in (ROOT / "pipelines").rglob("*options*.py")
    )
