"""Names use the field's words: docs/glossary.md lists those that are not used, and what is."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.house.exempt_names import EXEMPT
from tests.unit.house.sources import PROJECT, ROOT, modules_under

pytestmark = pytest.mark.unit

FORBIDDEN = frozenset(
    {"heard", "told", "said", "believed", "desk", "blow", "patience", "troubles", "front"}
)
FORBIDDEN_CLASSES = frozenset({"line"})
"""As a whole name: five kinds of things were called so."""
GERUND_NOUNS = frozenset({"testing", "signaling", "engineering", "recording", "string"})
"""Nouns of the field that end as gerunds do."""


def words_of(name: str) -> list[str]:
    """``_HeardStream`` is heard and stream, ``told_faults`` told and faults."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def is_gerund(word: str) -> bool:
    return re.fullmatch(r"[a-z]{3,}ing", word) is not None and word not in GERUND_NOUNS


def offences(file: Path, source: str) -> Iterator[str]:
    """``path: name`` of each name in ``file`` that the glossary does not want."""
    where = file.relative_to(ROOT)
    module = where.parent.name if where.name == "__init__.py" else where.stem
    words = words_of(module)
    if FORBIDDEN & set(words) or (words and is_gerund(words[-1])):
        yield f"{where}: {module}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = words_of(node.name)
            is_class = isinstance(node, ast.ClassDef)
            if FORBIDDEN & set(words) or (
                is_class and words[-1:] == words and words[0] in FORBIDDEN_CLASSES
            ):
                yield f"{where}: {node.name}"


def all_offences() -> Counter[str]:
    """How often each such name is given in the project, wherever that is."""
    return Counter(
        one.partition(": ")[2]
        for folder in PROJECT
        for file in modules_under(folder)
        for one in offences(file, file.read_text())
    )


def test_no_name_is_one_that_the_glossary_does_not_want() -> None:
    """``EXEMPT`` only gets shorter: a name that is gone, or rarer, is to be taken off it."""
    assert all_offences() == EXEMPT


def test_the_glossary_lists_the_words_that_are_kept_out() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text().partition("## Words that are not used")[2]
    listed = {word.lower() for word in re.findall(r"`(\w+)`", page)}
    assert listed >= FORBIDDEN | FORBIDDEN_CLASSES


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class HeardStream: ...", ["HeardStream"]),
        ("def told_faults(): ...", ["told_faults"]),
        ("class _Line: ...", ["_Line"]),
        ("class Desk:\n  async def blow(self): ...", ["Desk", "blow"]),
        ("class LineAgreement: ...", []),
        ("def deadline(): ...\nclass Baseline: ...", []),
    ],
)
def test_offences_are_found(source: str, found: list[str]) -> None:
    names = [one.partition(": ")[2] for one in offences(ROOT / "pipelines" / "x.py", source)]
    assert names == found


@pytest.mark.parametrize(
    ("path", "is_found"),
    [
        ("connectors/captioning.py", True),
        ("connectors/hearing/__init__.py", True),
        ("connectors/testing/__init__.py", False),
        ("connectors/interfaces/signaling_channels.py", False),
        ("connectors/ring.py", False),
    ],
)
def test_modules_are_named_by_nouns(path: str, is_found: bool) -> None:
    assert bool(list(offences(ROOT / path, ""))) == is_found
