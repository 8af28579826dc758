"""What images hold, as one bill of materials (CycloneDX): Python packages, the libraries that lie
inside their wheels, and what the pages are built from.

``python -m deployment.sbom build/sbom.cdx.json``
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx import model
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import bom as boms
from cyclonedx.model import component as components
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from deployment.wheels import EXTRAS, PROJECT, Wheel, direct_needs, shipped_wheels
from local_stack.flink import ROOT

PAGES_LOCK = ROOT / "ingest_gateway" / "web" / "package-lock.json"
NOTICE = ROOT / "NOTICE"
VERSION = SchemaVersion.V1_6
_BUNDLED = re.compile(r"^  ([\w, -]+): ([\w -]+) \((.+)\)$", re.MULTILINE)
_FOLDER = "node_modules/"
# The library's decorators hide the parameters of its classes from type checkers.
Bom: Any = boms.Bom
Component: Any = components.Component
_HashType: Any = model.HashType


def bundled_licences(notice: str) -> dict[tuple[str, str], str]:
    """By wheel and library, as NOTICE says them: no wheel does."""
    return {
        (wheel, library): licence
        for wheels, libraries, licence in _BUNDLED.findall(notice)
        for wheel in wheels.split(", ")
        for library in libraries.split()
        if library.startswith("lib")
    }


def page_packages(lock: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the pages are built from, by its folder; tools that build and test them are left out."""
    return {
        folder: package
        for folder, package in lock["packages"].items()
        if folder and not package.get("dev") and not package.get("devOptional")
    }


def bill_of_materials() -> Any:
    """A ``Bom``: what runs, each with what it depends on."""
    root = Component(
        name=PROJECT,
        version=metadata.version(PROJECT),
        type=components.ComponentType.APPLICATION,
        bom_ref=PROJECT,
        licenses=[_licence("Apache-2.0")],
    )
    bom = Bom()
    bom.metadata.component = root
    wheels = shipped_wheels()
    licences = bundled_licences(NOTICE.read_text())
    python = {name: _of_wheel(one, licences) for name, one in wheels.items()}
    lock = json.loads(PAGES_LOCK.read_text())
    pages = {_name_of(folder): _of_page(folder, one) for folder, one in page_packages(lock).items()}
    for component in (*python.values(), *pages.values()):
        bom.components.add(component)
    of_pages = lock["packages"][""]["dependencies"]
    direct = [python[name] for name in direct_needs(PROJECT, EXTRAS)]
    bom.register_dependency(root, [*direct, *(pages[name] for name in of_pages)])
    for name, wheel in wheels.items():
        bom.register_dependency(python[name], [python[one] for one in wheel.needs])
    for folder, package in page_packages(lock).items():
        needs = [pages[one] for one in package.get("dependencies", ()) if one in pages]
        bom.register_dependency(pages[_name_of(folder)], needs)
    return bom


def written(bom: Any) -> str:
    return make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=1)


def _of_wheel(wheel: Wheel, licences: dict[tuple[str, str], str]) -> Any:
    return Component(
        name=wheel.name,
        version=wheel.version,
        bom_ref=f"python:{wheel.name}",
        purl=PackageURL("pypi", None, wheel.name, wheel.version),
        licenses=[_licence(wheel.licence)],
        components=[
            Component(
                name=library,
                bom_ref=f"python:{wheel.name}:{library}",
                licenses=[_licence(licences[wheel.name, library])],
            )
            for library in wheel.libraries
        ],
    )


def _of_page(folder: str, package: dict[str, Any]) -> Any:
    group, _, name = _name_of(folder).rpartition("/")
    return Component(
        name=name,
        group=group or None,
        version=package["version"],
        bom_ref=f"pages:{_name_of(folder)}",
        purl=PackageURL("npm", group or None, name, package["version"]),
        licenses=[_licence(package["license"])],
        hashes=list(_hashes(package["integrity"])),
    )


def _hashes(integrity: str) -> Iterator[Any]:
    kind, _, value = integrity.partition("-")
    if kind != "sha512":
        raise ValueError(f"npm's lock has a hash of another kind: {kind}")
    yield _HashType(alg=model.HashAlgorithm.SHA_512, content=base64.b64decode(value).hex())


def _name_of(folder: str) -> str:
    return folder.rpartition(_FOLDER)[2]


def _licence(said: str) -> Any:
    return LicenseFactory().make_from_string(said)


def main(output: Path) -> None:
    bom = bill_of_materials()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(written(bom) + "\n")
    sys.stdout.write(f"{output}: {len(bom.components)} packages\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
