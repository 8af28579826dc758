"""The contract suites of the speech engines, which an author of one runs.

A subclass names the engine:

    from connectors.testing.contracts.translation import TranslationContract

    class TestMyTranslator(TranslationContract):
        @pytest.fixture
        def opened(self) -> Translator:
            return MyTranslator()

Needs the extra ``testing`` and pytest-asyncio in its mode ``auto``. This project's own engines are
tested by the same suites (tests/contracts, tests/speech).
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"connectors.testing.contracts.{suite}"
        for suite in ("speech_synthesis", "speech_to_text", "translation", "voice_activity")
    )
)
