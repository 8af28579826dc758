"""The project's own source, read for the rules of the house."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
PRODUCT = ("beam_flink_kit", "schemas", "connectors", "pipelines", "ingest_gateway")
PROJECT = (*PRODUCT, "deployment", "local_stack", "benchmarks")


def modules_under(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no Python: this test would pass for nothing"
    return found


def modules_in(room: str) -> list[Path]:
    """A package's own modules, without those of packages inside it."""
    found = sorted((ROOT / room.replace(".", "/")).glob("*.py"))
    assert found, f"{room} holds no Python: this test would pass for nothing"
    return found


def packages() -> set[str]:
    """Every package of the project, dotted."""
    return {
        ".".join(init.parent.relative_to(ROOT).parts)
        for folder in PROJECT
        for init in (ROOT / folder).rglob("__init__.py")
    }


@cache
def imports_of(file: Path) -> tuple[str, ...]:
    """Every module that ``file`` imports, dotted, at any depth of the file; also for typing."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            module = node.module or ""
            # `from connectors import ledger` names a module by its last part.
            nested = [f"{module}.{alias.name}" for alias in node.names]
            submodules = [name for name in nested if is_module(name)]
            found += submodules or [module]
    return tuple(found)


@cache
def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()
