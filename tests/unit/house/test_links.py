"""Links of every page lead to a file, and to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.house.pages import all_pages, anchors, links
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit


def broken(page: Path) -> list[str]:
    """The links of ``page`` that lead nowhere in this repository."""
    return [
        link
        for link in links(page)
        if "://" not in link and not link.startswith("mailto:") and not leads(page, link)
    ]


def leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if path and not (target.exists() and target.is_relative_to(ROOT)):
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target))


def test_every_link_leads_somewhere() -> None:
    pages = {str(page.relative_to(ROOT)): broken(page) for page in all_pages()}
    assert "README.md" in pages
    assert {name: found for name, found in pages.items() if found} == {}


def test_a_link_that_shows_a_files_name_leads_to_that_file() -> None:
    wrong = [
        f"{page.name}: {label} -> {target}"
        for page in all_pages()
        for label, target in re.findall(r"\[([\w-]+\.[a-z]+)\]\(([^)]+)\)", page.read_text())
        if Path(target.partition("#")[0]).name != label and "://" not in target
    ]
    assert wrong == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "results.md"
    assert anchors(page) >= {"results", "the-demo-make-demo"}
    written = tmp_path / "page.md"
    written.write_text("# A `b` c\n[x](nowhere.md) [y](#a-b-c) [z](#d) `[code](gone.md)`\n")
    assert [link for link in links(written) if not link.startswith("#a")] == ["nowhere.md", "#d"]
    assert broken(written) == ["nowhere.md", "#d"]
