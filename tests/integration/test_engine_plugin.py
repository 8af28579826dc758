"""The example engine as its author and its user have it: a package that is installed, chosen by its
name, and run through the contract suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "engine-plugin"
CHOOSES_IT = """
import asyncio
from apache_beam.options.pipeline_options import PipelineOptions
from pipelines.options import read_options

job = read_options(PipelineOptions(["--translation=glossary"]), "test")
translator = job.graph.settings.connectors.speech.open_translator()
print(asyncio.run(translator.translate("Good morning Anna", "en", "es")))
"""


def run(*command: str, folder: Path, python_path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def uv() -> str:
    """The one that `make setup` uses."""
    found = shutil.which("uv") or str(ROOT / ".cache" / "uv" / "bin" / "uv")
    assert Path(found).is_file(), "run `make setup`"
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example as a package manager installs it."""
    source = tmp_path_factory.mktemp("source") / "engine-plugin"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    target = tmp_path_factory.mktemp("site")
    done = run(
        *(uv(), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable),
        *("--target", str(target), str(source)),
        folder=source,
        python_path="",
    )
    assert done.returncode == 0, done.stderr
    return target


def test_the_installed_package_is_chosen_by_its_name(site: Path) -> None:
    done = run(*(sys.executable, "-c", CHOOSES_IT), folder=site, python_path=f"{site}:{ROOT}")
    assert done.stdout.strip() == "buenos d\u00edas Anna", done.stderr


def test_it_passes_the_contract_suite(site: Path, tmp_path: Path) -> None:
    for name in ("test_glossary_translator.py", "pyproject.toml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."),
        folder=tmp_path,
        python_path=f"{site}:{ROOT}",
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    assert " passed" in done.stdout
