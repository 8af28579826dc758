"""NOTICE names every package that is installed or built into the pages, with its licence."""

from __future__ import annotations

import json
import re

import pytest

from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit

NOTICE = (ROOT / "NOTICE").read_text()
PYTHON = "Python packages of requirements.txt"
PAGES = "Libraries in the browsers' pages"
_GROUP = re.compile(r"^  (?P<licence>[A-Z][\w .,-]+?): (?P<names>.*?)\.$", re.MULTILINE | re.DOTALL)


def listed() -> list[str]:
    """The packages of each licence's lines, as NOTICE has them."""
    section = NOTICE.partition(PYTHON)[2]
    names = ",".join(found["names"] for found in _GROUP.finditer(section))
    return [name.strip() for name in re.sub(r"\([^)]*\)", "", names).split(",")]


def test_every_locked_python_package_is_listed_once() -> None:
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert sorted(listed()) == sorted(locked)


def test_every_package_of_the_pages_is_listed() -> None:
    wanted = json.loads((ROOT / "ingest_gateway/web/package.json").read_text())["dependencies"]
    paragraph = NOTICE.partition(PAGES)[2].partition("\n\n")[0].lower()
    lacking = [name for name in wanted if name.removesuffix("-dom") not in paragraph]
    assert lacking == []


def test_programs_of_debian_that_are_called_are_listed() -> None:
    """Those of the Makefile that work in a talk; test data and browsers are the tests' own."""
    makefile = (ROOT / "Makefile").read_text()
    programs = re.search(r"^DEBIAN_PACKAGES := ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert programs is not None
    for package in programs[1].replace("\\", " ").split():
        program = package.partition("-")[0] if package.startswith("apertium") else package
        assert program.lower() in NOTICE.lower(), package
