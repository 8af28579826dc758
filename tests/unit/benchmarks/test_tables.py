"""Tables are told whole, however narrow the terminal is."""

from __future__ import annotations

import pytest

from benchmarks.tables import show

pytestmark = pytest.mark.unit


def test_no_cell_is_cut_where_there_is_no_wide_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    names = [f"a_figure_with_a_long_name_{number}" for number in range(4)]
    show("a title [that] is longer than forty columns, by far", names, [(1.25, 2, "x", "y" * 50)])
    title, head, row = capsys.readouterr().out.splitlines()
    assert title == "a title [that] is longer than forty columns, by far"
    assert head.split() == names
    assert row.split() == ["1.2", "2", "x", "y" * 50]
