"""The project's pages, read by tests: their examples, their tables, their links."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.house.sources import ROOT

PROTOCOL = ROOT / "docs" / "protocol.md"
_BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^][]|\[[^][]*\])*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> list[str]:
    """The text of each fenced block whose first line names ``kind`` (its last word)."""
    found = [text for one, two, text in _BLOCK.findall(page.read_text()) if (two or one) == kind]
    assert found, f"{page.name} has no example of kind {kind!r}: this test would pass for nothing"
    return found


def json_lines(page: Path, kind: str) -> list[dict[str, Any]]:
    """The objects of these blocks, one a line."""
    return [json.loads(line) for block in blocks(page, kind) for line in block.splitlines()]


def all_pages() -> tuple[Path, ...]:
    return committed("*.md")


@cache
def committed(pattern: str) -> tuple[Path, ...]:
    """Every such file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = sorted(ROOT / name for name in listed.split("\0") if name)
    return tuple(file for file in found if file.exists())


def links(page: Path) -> list[str]:
    """The targets of the page's links, code left out."""
    return _LINK.findall(_CODE.sub("", page.read_text()))


@cache
def anchors(page: Path) -> frozenset[str]:
    """What GitHub makes of the page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    names: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(f"{slug}-{count}" if count else slug)
    return frozenset(names)
