"""A test without a category fails the run: it would belong to no target of make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
TEST = "def test_one():\n    pass\n"


def collect(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_new.py").write_text(module)
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "--collect-only"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_a_test_without_a_category_is_named_and_fails_the_run(tmp_path: Path) -> None:
    run = collect(tmp_path, TEST)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no category" in run.stderr
    assert "test_new.py::test_one" in run.stderr


def test_a_test_with_a_category_is_collected(tmp_path: Path) -> None:
    run = collect(tmp_path, f"import pytest\npytestmark = pytest.mark.unit\n{TEST}")
    assert run.returncode == pytest.ExitCode.OK
