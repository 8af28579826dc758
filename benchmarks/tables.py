"""Tables on the terminal and JSON under build/: how every benchmark tells what it found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 1_000


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table that is never cut; numbers stand to the right, fractions with one digit."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for index, column in enumerate(table.columns):
        if rows and all(isinstance(row[index], int | float) for row in rows):
            column.justify = "right"
    for row in rows:
        table.add_row(*(f"{one:.1f}" if isinstance(one, float) else str(one) for one in row))
    console = Console()
    wanted = Measurement.get(console, console.options.update_width(_WIDEST), table).maximum
    console.print(title, style="italic", soft_wrap=True, markup=False, highlight=False)
    Console(width=max(console.width, wanted)).print(table)


def save(file: Path, found: object) -> None:
    """``found``: a dataclass."""
    if not dataclasses.is_dataclass(found) or isinstance(found, type):
        raise TypeError(f"{found!r} is no dataclass instance")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False) + "\n")
    print(f"see {file}")
