"""The project's contract suite over the example: ``pytest`` in this folder."""

import pytest
from glossary_translator import GlossaryTranslator

from connectors.testing.contracts.translation import TranslationContract


class TestGlossaryTranslator(TranslationContract):
    TARGETS = ("es", "pt")

    @pytest.fixture
    def opened(self) -> GlossaryTranslator:
        return GlossaryTranslator()
