"""Who may import what: the table of ``rooms``, kept by a test."""

from __future__ import annotations

import sys

import pytest

from tests.unit.house.rooms import PURE, ROOMS
from tests.unit.house.sources import PROJECT, ROOT, imports_of, is_module, modules_in, packages

pytestmark = pytest.mark.unit

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


def allows(rule: str, module: str, room: str) -> bool:
    """Whether one word of a room's line, or the room itself, allows the import of ``module``."""
    package = module if (ROOT / module.replace(".", "/")).is_dir() else module.rpartition(".")[0]
    if rule.endswith(".*"):
        whole = rule.removesuffix(".*")
        return module == whole or module.startswith(f"{whole}.")
    return package in (rule, room) or module == rule


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_what_its_line_allows(room: str) -> None:
    rules = [*ROOMS[room].split(), room]
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_in(room)
        for module in imports_of(file)
        if module.partition(".")[0] in {*PROJECT, "tests"}
        and not any(allows(rule, module, room) for rule in rules)
    ]
    assert breaking == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_what_decides_does_no_io_and_knows_few_libraries(room: str) -> None:
    breaking = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in modules_in(room)
        for module in imports_of(file)
        if (root := module.partition(".")[0]) not in {*PROJECT, *PURE[room]}
        and (root in STANDARD_IO or root not in sys.stdlib_module_names)
    ]
    assert breaking == []


def test_every_package_is_a_room_of_the_table() -> None:
    assert packages() == set(ROOMS)


def test_every_line_names_what_is_there() -> None:
    named = {rule.removesuffix(".*") for line in ROOMS.values() for rule in line.split()}
    assert {name for name in named if not is_module(name)} == set()


def test_every_room_has_its_readme() -> None:
    folders = [*(room.replace(".", "/") for room in ROOMS), "infrastructure", "scripts", "tests"]
    assert [one for one in folders if not (ROOT / one / "README.md").exists()] == []


@pytest.mark.parametrize(
    ("rule", "module", "allowed"),
    [
        ("connectors.interfaces", "connectors.interfaces.ledger", True),
        ("connectors", "connectors.interfaces.ledger", False),
        ("connectors", "connectors.registry", True),
        ("connectors.*", "connectors.interfaces.ledger", True),
        ("connectors.calls.policy", "connectors.calls.policy", True),
        ("connectors.calls.policy", "connectors.calls.text_splitter", False),
        ("pipelines.session", "pipelines.runtime.live_captions", False),
    ],
)
def test_a_word_of_a_line_allows(rule: str, module: str, allowed: bool) -> None:
    assert allows(rule, module, "schemas") == allowed
