"""A jar's own Python, unpacked by the job server's Java as on a TaskManager."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from deployment.bundled_python import BroughtPython
from local_stack.flink import JOB_SERVER_JAR

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not JOB_SERVER_JAR.exists(), reason="no job server: make setup"),
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
]

LOOKS_FOR_FILE_SYSTEMS = """
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

public class Operator {
  public static void main(String[] arguments) {
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
    System.out.println("open");
  }
}
"""
"""What Beam's operators do before they ask for a worker."""


@pytest.fixture
def python(tmp_path: Path) -> BroughtPython:
    archive = tmp_path / "python.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("boot", "#!/bin/sh\necho booted\n")
        file.writestr("bin/python3.11", "#!/bin/sh\n")
        file.writestr("lib/python3.11/os.py", "")
    return BroughtPython(archive, tmp_path / "taskmanager" / "python-1")


def jar_of(python: BroughtPython) -> Path:
    jar = python.archive.with_name("job.jar")
    python.add_to(jar)
    return jar


def open_operator(jar: Path | None, folder: Path) -> subprocess.CompletedProcess[str]:
    source = folder / "Operator.java"
    source.write_text(LOOKS_FOR_FILE_SYSTEMS)
    jars = [str(one) for one in (jar, JOB_SERVER_JAR) if one is not None]
    return subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", ":".join(jars), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_lies_where_the_environment_starts_it(python: BroughtPython, tmp_path: Path) -> None:
    jar = jar_of(python)
    ran = open_operator(jar, tmp_path)
    assert ran.stdout == "open\n", ran.stderr
    environment = json.loads(python.options[1].partition("=")[2])
    booted = subprocess.run([environment["command"]], capture_output=True, text=True, timeout=20)
    assert booted.stdout == "booted\n"
    assert mode(python.place / "bin" / "python3.11") & stat.S_IXUSR
    assert mode(python.place / "lib" / "python3.11" / "os.py") & stat.S_IXUSR == 0
    assert mode(python.place) == 0o700
    assert list(python.place.parent.iterdir()) == [python.place]  # and nothing half done
    inode = python.place.stat().st_ino
    assert open_operator(jar, tmp_path).stdout == "open\n"
    assert python.place.stat().st_ino == inode


def test_a_jar_without_one_is_left_alone(tmp_path: Path) -> None:
    assert open_operator(None, tmp_path).stdout == "open\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_not_run(python: BroughtPython, tmp_path: Path) -> None:
    jar = jar_of(python)
    python.place.mkdir(parents=True)
    os.chown(python.place, 65534, 65534)
    ran = open_operator(jar, tmp_path)
    assert ran.returncode != 0
    assert "belongs to nobody" in ran.stderr


def test_an_archive_does_not_write_outside_of_its_folder(
    python: BroughtPython, tmp_path: Path
) -> None:
    with zipfile.ZipFile(python.archive, "a") as file:
        file.writestr("../escaped", "")
    ran = open_operator(jar_of(python), tmp_path)
    assert ran.returncode != 0
    assert "leads out of the archive" in ran.stderr
    assert list(python.place.parent.iterdir()) == []
