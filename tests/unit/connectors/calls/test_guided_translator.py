"""A job's glossary and formality, told to its translator with each text that they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.calls.guided_translator import Guidance, GuidedTranslator, read_glossary
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import NO_HINTS, TranslationHints
from connectors.testing.translation import ScriptedTranslator

pytestmark = pytest.mark.unit

TERMS = {"es": (("Beam", "Viga"), ("low-water mark", "bajamar")), "ja": (("梁", "ビーム"),)}


class Noting(ScriptedTranslator):
    def __init__(self) -> None:
        super().__init__()
        self.hints: list[TranslationHints] = []

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        self.hints.append(hints)
        return await super().translate(text, source, target)


@pytest.mark.parametrize(
    ("text", "source", "target", "terms"),
    [
        ("A beam, and the Low-water mark.", "en", "es", TERMS["es"]),
        ("Beams and beaming", "en", "es", ()),
        ("A beam", "en", "fr", ()),
        ("鉄の梁です", "ja", "ja", TERMS["ja"]),
    ],
)
def test_terms_are_told_when_the_text_speaks_of_them(
    text: str, source: str, target: str, terms: tuple[tuple[str, str], ...]
) -> None:
    assert Guidance(tuple(TERMS.items())).hints(text, source, target, NO_HINTS).glossary == terms


async def test_what_a_call_says_itself_goes_first() -> None:
    noting = Noting()
    translator = GuidedTranslator(noting, Guidance(tuple(TERMS.items()), "formal"))
    own = TranslationHints("Una", ("One.",), (("beam", "haz"),), "informal")
    await translator.translate("a beam", "en", "es", hints=own)
    await translator.translate("a beam", "en", "es", hints=TranslationHints("Una"))
    assert noting.hints == [own, TranslationHints("Una", (), (("Beam", "Viga"),), "formal")]
    await translator.close()


def test_a_glossary_is_a_table_for_each_language(tmp_path: Path) -> None:
    file = tmp_path / "glossary.toml"
    file.write_text('[es]\nBeam = "Viga"\n"low-water mark" = "bajamar"\n')
    assert read_glossary(file) == (("es", TERMS["es"]),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Beam = 1", "Beam is no table of terms"),
        (b"[es]\nBeam = 1", "es is no table"),
        (b"[es", "glossary"),
        (b"\xff", "glossary"),
        (None, "No such file"),
    ],
)
def test_a_glossary_that_is_none(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "glossary.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PermanentError, match=says):
        read_glossary(file)
