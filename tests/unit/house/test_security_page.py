"""What docs/security.md gives as proof is there: each test that it names, and each file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "security.md"
_NAMED = re.compile(r"`(?:[\w./]*/)?(test_\w+)(\.py)?`")


def test_every_test_that_the_page_names_is_there() -> None:
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("infrastructure/tests/test_*.py")]
    modules = {file.stem for file in files}
    functions = {
        name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }
    named = _NAMED.findall(PAGE.read_text())
    assert len(named) > 50
    missing = [name for name, suffix in named if name not in (modules if suffix else functions)]
    assert missing == []
