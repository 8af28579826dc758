"""Every test module says which category it belongs to."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def categories() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {line.split(":")[0] for line in settings["tool"]["pytest"]["ini_options"]["markers"]}


def category_of(source: str) -> str | None:
    """``X`` of the module's ``pytestmark = pytest.mark.X``, or of a list that begins with it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and "pytestmark" in map(ast.unparse, node.targets):
            marks = node.value.elts if isinstance(node.value, ast.List) else [node.value]
            return ast.unparse(marks[0]).removeprefix("pytest.mark.") if marks else None
    return None


def test_every_test_module_has_a_category() -> None:
    modules = sorted((ROOT / "tests").rglob("test_*.py"))
    without = [
        str(module.relative_to(ROOT))
        for module in modules
        if category_of(module.read_text()) not in categories()
    ]
    assert modules
    assert without == []


@pytest.mark.parametrize(
    ("source", "category"),
    [
        ("pytestmark = pytest.mark.unit", "unit"),
        ("pytestmark = [pytest.mark.contract, pytest.mark.slow]", "contract"),
        ("import pytest\n\ndef test_something(): ...", None),
    ],
)
def test_a_category_is_read_from_the_module(source: str, category: str | None) -> None:
    assert category_of(source) == category
