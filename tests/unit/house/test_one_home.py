"""Facts that several parts share stand in one place; what is derived from them is up to date."""

from __future__ import annotations

import json
import re
from urllib.parse import quote_plus

import pytest

from infrastructure.meter import clip_meter
from local_stack.language_names import FILE, written
from schemas.languages import LANGUAGES
from schemas.names import clip_key
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


@pytest.mark.parametrize(
    ("session_id", "language"), [("brave-lion-7", "es"), ("a+b:1 c", "zh-TW"), ("s", "sr-Latn")]
)
def test_the_meter_reads_the_keys_that_clips_are_stored_under(
    session_id: str, language: str
) -> None:
    """It is deployed without this project's packages, so it knows the format by itself."""
    key = quote_plus(clip_key(session_id, language, 1_800_000_000_000))
    stored = {"eventTime": "2027-01-15T08:00:02.500Z", "s3": {"object": {"key": key}}}
    event = {"Records": [{"body": json.dumps({"Records": [stored]})}]}
    assert list(clip_meter.stored(event)) == [clip_meter.Clip(language, 2_500)]
