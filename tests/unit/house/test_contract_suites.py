"""Interfaces and their implementations are found; each one is proved by its contract suite.

An interface is a module of ``connectors/interfaces`` with a Protocol. What implements it stands in
a module of the same name in another room (or of a name that ends in it), and its suite is
``tests/contracts/test_<interface>.py``. Suites that authors of engines run too stand in
``connectors/testing/contracts``; engines with models are proved by them in ``tests/speech``.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.unit.house.sources import ROOT, imports_of

pytestmark = pytest.mark.unit

CONNECTORS = ROOT / "connectors"
CONTRACTS = ROOT / "tests" / "contracts"
PROVED_ELSEWHERE = {
    "listener_connections": "test_notifier",  # what the notifier of API Gateway is given
}
NOT_PROVED = {
    "open_sockets": "one call of the Management API; tests/integration/gateway/test_handlers.py",
}


def protocols(file: Path) -> list[str]:
    return [
        node.name
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
        and any("Protocol" in ast.unparse(base) for base in node.bases)
    ]


def interfaces() -> list[str]:
    files = sorted((CONNECTORS / "interfaces").glob("*.py"))
    found = [file.stem for file in files if protocols(file)]
    assert len(found) > 10, "no interfaces are found: this test would pass for nothing"
    return found


def implementations(interface: str) -> list[str]:
    """Dotted modules."""
    return sorted(
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in CONNECTORS.rglob("*.py")
        if file.parent.name not in ("interfaces", "connectors")
        and (file.stem == interface or file.stem.endswith(f"_{interface}"))
        and any(isinstance(node, ast.ClassDef) for node in ast.parse(file.read_text()).body)
    )


@pytest.mark.parametrize("interface", interfaces())
def test_an_interface_has_a_contract_suite(interface: str) -> None:
    suite = CONTRACTS / f"{PROVED_ELSEWHERE.get(interface, f'test_{interface}')}.py"
    assert suite.exists() != (interface in NOT_PROVED)


@pytest.mark.parametrize(
    ("interface", "module"),
    [
        (one, module)
        for one in interfaces()
        if one not in NOT_PROVED
        for module in implementations(one)
    ],
)
def test_an_implementation_passes_the_suite_of_its_interface(interface: str, module: str) -> None:
    suite = PROVED_ELSEWHERE.get(interface, f"test_{interface}")
    suites = {f"tests.contracts.{suite}", f"connectors.testing.contracts.{interface}"}
    provers = [
        CONTRACTS / f"{suite}.py",
        *(
            file
            for folder in (CONTRACTS, ROOT / "tests" / "speech")
            for file in folder.glob("*.py")
            if suites & set(imports_of(file))
        ),
    ]
    assert any(module in imports_of(file) for file in provers), f"{module} is run by no {suite}"
