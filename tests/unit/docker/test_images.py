"""The images' files, as far as they can be looked at without a Docker engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted((ROOT / "docker").glob("*/Dockerfile"))


def sources(dockerfile: Path) -> list[str]:
    """What an image copies out of the repository."""
    joined = dockerfile.read_text().replace("\\\n", " ")
    lines = [line.split()[1:] for line in joined.splitlines() if line.startswith("COPY ")]
    return [
        source
        for words in lines
        if not any(word.startswith("--from") for word in words)
        for source in [word for word in words if not word.startswith("--")][:-1]
    ]


def let_through(dockerfile: Path) -> set[str]:
    lines = dockerfile.with_name("Dockerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*", "nothing goes to the engine that is not named"
    return {line[1:] for line in lines if line.startswith("!")}


def test_there_is_an_image_for_each_part() -> None:
    names = [dockerfile.parent.name for dockerfile in DOCKERFILES]
    assert names == ["gateway", "job", "local-cloud", "worker-pool"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_hadolint_has_no_complaint(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, "--no-color", dockerfile], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_what_an_image_copies_is_there_and_reaches_the_engine(dockerfile: Path) -> None:
    for source in sources(dockerfile):
        assert source.split("/")[0] in {one.split("/")[0] for one in let_through(dockerfile)}
        if not source.startswith("build/"):
            assert (ROOT / source).exists(), f"{source} is gone"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_no_image_runs_as_root(dockerfile: Path) -> None:
    users = re.findall(r"^USER (\S+)$", dockerfile.read_text(), re.MULTILINE)
    assert users, "no USER"
    assert users[-1].isdigit()
    assert int(users[-1]) > 0


@pytest.mark.parametrize("name", ["gateway", "worker-pool"])
def test_a_python_image_has_every_package_that_setup_names(name: str) -> None:
    """``pip install .`` fails on a package that was not copied."""
    setup = (ROOT / "setup.py").read_text()
    named = re.search(r"packages=\[(.*?)\]", setup, re.DOTALL)
    assert named is not None
    top = {one.split(".")[0] for one in re.findall(r'"([\w.]+)"', named[1])}
    copied = {source.rstrip("/") for source in sources(ROOT / "docker" / name / "Dockerfile")}
    assert top <= copied


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_a_digest_is_of_the_version_that_is_asked_for(dockerfile: Path) -> None:
    """``make pin-images`` keeps a tag's variable, and an engine looks at the digest alone."""
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    text = dockerfile.read_text()
    asked = re.findall(r"^# pinned: (\S+)\nFROM (\S+)@sha256:", text, re.MULTILINE)
    for known, tag in asked:
        assert known == re.sub(r"\$\{(\w+)_VERSION\}", lambda name: versions[name[1].lower()], tag)
    assert len(asked) == len(re.findall(r"^FROM \S*\$\S*@sha256:", text, re.MULTILINE))


def test_no_image_holds_what_only_runs_a_stack_on_one_machine() -> None:
    for dockerfile in DOCKERFILES:
        assert not {"local_stack", "tests", "benchmarks"} & let_through(dockerfile)


def test_the_worker_pool_starts_from_the_product_alone(tmp_path: Path) -> None:
    for folder in ("beam_flink_kit", "schemas", "connectors", "pipelines"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    entry = re.search(r'"-m", "(beam_flink_kit\.\w+)"', dockerfile_of("worker-pool"))
    assert entry is not None, "the image starts another module"
    code = f"import {entry[1]} as pool, beam_flink_kit.worker_template; print(pool.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.stdout.strip().startswith(str(tmp_path)), found.stderr


def dockerfile_of(name: str) -> str:
    return (ROOT / "docker" / name / "Dockerfile").read_text()
