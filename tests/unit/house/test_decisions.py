"""Each decision says whether it holds, and so does the index; the files that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.house.pages import all_pages, committed
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit

DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("[0-9]*.md"))
STATUS = re.compile(
    r"\A# .+\n\n\*\*Status\.\*\* (In force(?=\.)|Superseded(?: in part)? by [^:]+(?=: ))"
)


def status_of(page: Path) -> str:
    found = STATUS.match(page.read_text())
    assert found is not None, f"{page.name} does not begin with its status"
    return found[1]


def test_the_index_lists_every_decision_with_its_status() -> None:
    rows = re.findall(
        r"^\| \[(\d{4})\]\(([^)]+)\) \| .+ \| (.+) \|$",
        (DECISIONS / "README.md").read_text(),
        re.MULTILINE,
    )
    assert [name for _, name, _ in rows] == [page.name for page in PAGES]
    assert [status[0].upper() + status[1:] for *_, status in rows] == list(map(status_of, PAGES))


def test_a_superseded_decision_names_a_later_one() -> None:
    for page in PAGES:
        status = status_of(page)
        later = re.findall(r"\((\d{4})-", status)
        assert bool(later) == status.startswith("Superseded"), page.name
        assert all(number > page.name[:4] for number in later), page.name


def named_files(page: Path) -> set[str]:
    """The Python files that a page names in code."""
    code = re.findall(r"`([^`\n]+)`", page.read_text())
    return {name for one in code for name in re.findall(r"[\w./-]*\w\.py\b", one)}


def test_files_that_pages_name_are_there() -> None:
    there = [str(file.relative_to(ROOT)) for file in committed("*.py")]
    missing = {
        page.name: gone
        for page in all_pages()
        if (
            gone := {
                name
                for name in named_files(page)
                if not any(f"/{file}".endswith(f"/{name}") for file in there)
            }
        )
    }
    assert missing == {}
