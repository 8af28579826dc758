"""The versions of Beam and Flink stand in versions.toml and nowhere else."""

from __future__ import annotations

import re
import subprocess
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
VERSIONS: dict[str, str] = tomllib.loads((ROOT / "versions.toml").read_text())
POM = ROOT / "docker" / "job-server" / "pom.xml"
# Pages say which versions were measured; the lock is derived, and compared below.
TELLS_OR_DERIVES = (
    "docs/",
    "README.md",
    "requirements.txt",
    "flink-requirements.txt",
    "versions.toml",
    "benchmarks/score/material/",
)


LOCKS = (
    "requirements.txt",
    "flink-requirements.txt",
    "uv-requirements.txt",
    "infrastructure/requirements.txt",
)
_PIN = re.compile(r"([\w.-]+==[\w.!+-]+)(?: ;[^\\]*)?(?: \\)?")


def pins(lock: str) -> dict[str, int]:
    """Each package with its version, and how many hashes it has."""
    found: dict[str, int] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if pin := _PIN.fullmatch(line):
            found[pin[1]] = 0
        elif line.startswith("    --hash=sha256:"):
            found[next(reversed(found))] += 1
        else:
            assert line.lstrip().startswith("#"), line
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes(lock: str) -> None:
    found = pins(lock)
    assert found
    assert [package for package, hashes in found.items() if not hashes] == []


def test_what_is_installed_is_compared_with_its_hashes() -> None:
    """By --require-hashes, or as a constraint of uv, which compares what has some; pip would refuse
    our own packages, which have none."""
    recipes = [ROOT / "Makefile", ROOT / "infrastructure" / "infrastructure.mk"]
    recipes += sorted((ROOT / "docker").glob("*/Dockerfile"))
    asked = 0
    for recipe in recipes:
        commands = recipe.read_text().replace("\\\n", " ").splitlines()
        for command in re.split(r"&&|;", "\n".join(commands)):
            if "pip install" not in command and "pip sync" not in command:
                continue
            installs = command.partition("pip ")[2]
            is_by_uv = "uv pip" in command or 'uv" pip' in command or "$uv" in command
            by_constraint = is_by_uv and "--constraint requirements.txt" in installs
            own = "--no-deps --editable ." in installs
            assert "--require-hashes" in installs or by_constraint or own, (recipe, command)
            asked += 1
    assert asked >= 8


def test_the_installed_beam_is_the_one_that_was_asked_for() -> None:
    assert metadata.version("apache-beam") == VERSIONS["beam"]


def test_the_lock_pins_the_same_beam() -> None:
    assert f"apache-beam=={VERSIONS['beam']}" in pins("requirements.txt")


def test_the_requirements_of_flink_pin_the_same_flink() -> None:
    flink = VERSIONS["flink"]
    assert set(pins("flink-requirements.txt")) == {
        f"apache-flink=={flink}",
        f"apache-flink-libraries=={flink}",
    }


def test_the_pom_takes_every_version_of_beam_and_flink_from_outside() -> None:
    maven = {"m": "http://maven.apache.org/POM/4.0.0"}
    dependencies = ElementTree.parse(POM).findall(".//m:dependency", maven)  # noqa: S314 (our own file)
    versions = {
        str(one.findtext("m:artifactId", namespaces=maven)): one.findtext(
            "m:version", namespaces=maven
        )
        for one in dependencies
        if one.findtext("m:groupId", namespaces=maven) in ("org.apache.beam", "org.apache.flink")
    }
    assert versions["beam-runners-flink-${flink.runner}"] == "${beam}"
    assert versions["flink-runtime"] == "${flink}"
    assert set(versions.values()) == {"${beam}", "${beam.job.service}", "${flink}"}


def test_the_makefile_hands_every_version_to_the_pom() -> None:
    makefile = (ROOT / "Makefile").read_text()
    handed = set(re.findall(r"\$\(call version,(\w+)\)", makefile))
    assert handed == set(VERSIONS)


def test_no_other_file_repeats_a_version() -> None:
    tracked = subprocess.run(
        ["git", "grep", "-nF", *(f"-e{version}" for version in VERSIONS.values()), "--", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    pattern = re.compile(
        "|".join(rf"(?<![\d.]){re.escape(one)}(?![\d])" for one in VERSIONS.values())
    )
    repeated = [
        line
        for line in tracked
        if not line.startswith(TELLS_OR_DERIVES) and pattern.search(line.partition(":")[2])
    ]
    assert repeated == []
