"""The bill of materials is valid CycloneDX and names what images hold."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.validation.json import JsonStrictValidator

from deployment import sbom
from deployment.sbom import NOTICE, PAGES_LOCK, VERSION, bundled_licences, page_packages
from deployment.wheels import shipped_wheels

pytestmark = pytest.mark.unit


@cache
def bill() -> dict[str, Any]:
    return json.loads(sbom.written(sbom.bill_of_materials()))


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {
        one["bom-ref"].partition(":")[2]: one
        for one in bill()["components"]
        if one["purl"].startswith(f"pkg:{kind}/")
    }


def test_it_is_valid() -> None:
    assert JsonStrictValidator(VERSION).validate_str(json.dumps(bill())) is None


def test_it_names_each_python_package_that_runs_as_it_is_locked() -> None:
    lock = (sbom.ROOT / "requirements.txt").read_text()
    python = named("pypi")
    assert python.keys() == shipped_wheels().keys()
    assert {"apache-beam", "av", "litestar", "uvloop"} <= python.keys()
    assert not {"pytest", "ruff", "ministack", "sacrebleu"} & python.keys()
    assert [one for one in python.values() if f"{one['name']}=={one['version']} " not in lock] == []


def test_it_names_what_the_pages_are_built_from_with_its_hashes() -> None:
    pages = named("npm")
    assert {"react", "react-dom", "zustand", "intl-messageformat", "scheduler"} <= pages.keys()
    assert not {"vite", "typescript", "eslint"} & pages.keys()
    assert {one["hashes"][0]["alg"] for one in pages.values()} == {"SHA-512"}
    assert len(pages) == len(page_packages(json.loads(PAGES_LOCK.read_text())))


def test_it_names_the_libraries_inside_wheels() -> None:
    inside = {one["name"]: one["licenses"] for one in named("pypi")["av"]["components"]}
    assert inside["libx264"] == [{"license": {"id": "GPL-2.0-or-later"}}]
    assert "libavcodec" in inside


def test_what_depends_on_what_is_there() -> None:
    refs = {one["bom-ref"] for one in bill()["components"]}
    needs = {one["ref"]: set(one.get("dependsOn", ())) for one in bill()["dependencies"]}
    assert set[str]().union(*needs.values()) == refs
    assert "python:pylibsrtp" in needs["python:aiortc"]
    assert "pages:scheduler" in needs["pages:react-dom"]


def test_licences_of_libraries_are_read_from_notice() -> None:
    notice = "x\n  a, b: libone libtwo (MIT)\n  other: words of mine (GPL)\n"
    assert bundled_licences(notice) == {
        ("a", "libone"): "MIT",
        ("a", "libtwo"): "MIT",
        ("b", "libone"): "MIT",
        ("b", "libtwo"): "MIT",
    }
    assert bundled_licences(NOTICE.read_text())["av", "libx265"] == "GPL-2.0-or-later"


def test_it_is_written_to_a_file(tmp_path: Path) -> None:
    sbom.main(tmp_path / "build" / "sbom.cdx.json")
    assert json.loads((tmp_path / "build" / "sbom.cdx.json").read_text())["specVersion"] == "1.6"
