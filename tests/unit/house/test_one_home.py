"""Facts that several parts share stand in one place; what is derived from them is up to date."""

from __future__ import annotations

import re

import pytest

from local_stack.language_names import FILE, written
from schemas.languages import LANGUAGES
from tests.unit.house.pages import committed
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit


def test_the_pages_know_the_languages_of_the_table() -> None:
    """Out of date? ``python -m local_stack.language_names`` writes them anew."""
    assert FILE.read_text() == written()


def test_docs_show_what_amazon_calls_a_language() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([\w-]+) \| (\w+) \| (\w+) \| (\w+), (\w+) \|$",
        (ROOT / "docs" / "aws.md").read_text(),
        re.MULTILINE,
    )
    complete = {
        tag: (names.transcribe_locale or "none", names.translate_code, names.neural_voice)
        for tag, row in LANGUAGES.items()
        if (names := row.amazon) is not None and names.neural_voice is not None
    }
    assert {tag: (locale, code, voice) for tag, locale, code, voice, _, _ in rows} == complete
    for tag, *_, premium, engine in rows:
        names = LANGUAGES[tag].amazon
        assert names is not None
        wanted = names.generative_voice or names.neural_voice
        assert premium == wanted
        assert engine == ("generative" if names.generative_voice else "neural")


def test_caption_files_are_written_in_one_module() -> None:
    writers = [
        str(file.relative_to(ROOT))
        for pattern in ("*.py", "*.ts", "*.tsx")
        for file in committed(pattern)
        if not file.is_relative_to(ROOT / "tests") and "WEBVTT" in file.read_text()
    ]
    assert writers == ["schemas/captions.py"]
