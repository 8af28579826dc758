"""Who may import what: the layout of the design, kept by a test."""

from __future__ import annotations

import sys

import pytest

from tests.unit.house.sources import PRODUCT, PROJECT, ROOT, imports_of, modules_under

pytestmark = pytest.mark.unit

CONNECTOR_INTERFACES = "connectors.interfaces"
# Retries, deadlines and rates, around any connector whatever it is.
CONNECTOR_POLICY = "connectors.calls.policy"
# What reaches outside the process, or waits for it. (importlib.resources reads the schemas.)
STANDARD_IO = {
    "asyncio",
    "concurrent",
    "ftplib",
    "http",
    "multiprocessing",
    "os",
    "pathlib",
    "selectors",
    "shutil",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def breaches(folder: str, allowed_outside: set[str], allowed_inside: set[str]) -> list[str]:
    """Imports that are neither the standard library without I/O, nor one of the allowed."""
    found: list[str] = []
    for file in modules_under(folder):
        for module in imports_of(file):
            root = module.partition(".")[0]
            if root in PROJECT:
                fine = any(is_within(module, allowed) for allowed in allowed_inside)
            elif root in sys.stdlib_module_names:
                fine = root not in STANDARD_IO
            else:
                fine = root in allowed_outside
            if not fine:
                found.append(f"{file.relative_to(ROOT)} imports {module}")
    return found


def test_schemas_know_nothing_but_avro() -> None:
    assert breaches("schemas", {"fastavro"}, {"schemas"}) == []


def test_the_kit_stands_alone() -> None:
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_under("beam_flink_kit")
        for module in imports_of(file)
        if module.partition(".")[0] in {*PROJECT, "tests"} - {"beam_flink_kit"}
    ]
    assert breaking == []


@pytest.mark.parametrize("room", ["session", "segmentation"])
def test_what_decides_has_no_beam_and_no_io(room: str) -> None:
    pure = {"schemas", "pipelines.session", "pipelines.segmentation", CONNECTOR_INTERFACES}
    assert breaches(f"pipelines/{room}", set(), pure) == []


def test_transforms_know_connectors_by_their_interfaces_only() -> None:
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_under("pipelines/transforms")
        for module in imports_of(file)
        if is_within(module, "connectors")
        and not is_within(module, CONNECTOR_INTERFACES)
        and module != CONNECTOR_POLICY
    ]
    assert breaking == []


def test_connectors_know_neither_job_nor_gateway() -> None:
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_under("connectors")
        for module in imports_of(file)
        if module.partition(".")[0] in PROJECT
        and not (is_within(module, "connectors") or is_within(module, "schemas"))
    ]
    assert breaking == []


@pytest.mark.parametrize("folder", PRODUCT)
def test_the_product_does_not_need_what_runs_it_locally(folder: str) -> None:
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_under(folder)
        for module in imports_of(file)
        if module.partition(".")[0] in {"deployment", "local_stack", "benchmarks", "tests"}
    ]
    assert breaking == []
