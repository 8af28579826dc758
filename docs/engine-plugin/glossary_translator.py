"""An engine of another package: translates word by word out of a glossary, as an example.

``uv pip install docs/engine-plugin``, then ``--translation=glossary``. The contract that it keeps
is ``connectors.interfaces.translation.Translator``; a subclass of the suite in tests/contracts proves it.
"""

from __future__ import annotations

from connectors.interfaces.errors import PermanentError

GLOSSARY = {
    ("en", "es"): {"good": "buenos", "morning": "días", "the": "la", "house": "casa"},
    ("en", "pt"): {"good": "bom", "morning": "dia", "the": "a", "house": "casa"},
}


class GlossaryTranslator:
    """Opened without arguments, once in each worker process, and closed by it."""

    def __init__(self) -> None:
        self._is_closed = False

    def can_translate(self, source: str, target: str) -> bool:
        return (source, target) in GLOSSARY

    async def warm(self, source: str, target: str) -> None:
        """Nothing to load."""

    async def translate(self, text: str, source: str, target: str) -> str:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        if not self.can_translate(source, target):
            raise PermanentError(f"no route from {source!r} to {target!r}")
        if not text.strip():
            raise PermanentError("no text to translate")
        words = GLOSSARY[source, target]
        return " ".join(words.get(word.lower(), word) for word in text.split())

    async def close(self) -> None:
        self._is_closed = True
