"""A file that is read at one sitting: no code has more than 400 lines."""

from __future__ import annotations

import pytest

from tests.unit.house.pages import committed
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit

MOST_LINES = 400
CODE = ("*.py", "*.ts", "*.tsx", "*.css", "*.java", "*.js", "*.cjs", "*.sh", "Makefile", "*.mk")


def test_no_file_of_code_is_longer_than_can_be_read_at_once() -> None:
    lengths = {
        str(file.relative_to(ROOT)): file.read_text().count("\n")
        for pattern in CODE
        for file in committed(pattern)
    }
    assert len(lengths) > 800
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
