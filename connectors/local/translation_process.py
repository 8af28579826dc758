"""The process that holds neural translation models: Firefox's, and those that CTranslate2 runs.

fxtranslate keeps Python's global lock while it translates, so it lives outside the worker. A
request is JSON: the model's folder, its engine, the pair, and ``asked``, texts with the beginnings
of their translations (none loads the model ahead), or ``scored``, a text and its translation. The
answer is JSON: a translation of each, or a probability of each word.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from connectors.interfaces.errors import PermanentError
from connectors.local.ctranslate2_engine import CTranslate2Model
from connectors.local.engine_process import serve
from connectors.local.model_files import one_file


class TranslationModel(Protocol):
    def translate(self, asked: Sequence[tuple[str, str]]) -> list[str]:
        """Of each (text, the beginning of its translation or "")."""
        ...

    def word_probabilities(self, text: str, translation: str) -> list[float]:
        """For each word of the translation. PermanentError: it cannot say."""
        ...


class FirefoxModel:
    """A pair in the format of Firefox Translations: model.*, vocab.* or srcvocab.* and trgvocab.*,
    and, when there is one, the lexical shortlist lex.*. It passes over beginnings."""

    def __init__(self, folder: Path) -> None:
        from fxtranslate import Translator

        vocabulary = one_file(folder, "vocab.*.spm", "srcvocab.*.spm")
        target = one_file(folder, "trgvocab.*.spm", "vocab.*.spm")
        shortlist = next(iter(sorted(folder.glob("lex.*.bin"))), None)
        try:
            self._translator = Translator(
                model=one_file(folder, "model.*.bin").read_bytes(),
                src_vocab=vocabulary.read_bytes(),
                trg_vocab=target.read_bytes(),
                shortlist=shortlist.read_bytes() if shortlist else None,
            )
        except ValueError as error:
            raise PermanentError(f"{folder.name} is no model of Firefox's: {error}") from None

    def translate(self, asked: Sequence[tuple[str, str]]) -> list[str]:
        return [self._translator.translate_long(text) for text, _ in asked]

    def word_probabilities(self, text: str, translation: str) -> list[float]:
        raise PermanentError("Firefox's models do not say how sure they are")


class TranslationServer:
    """Models by their folders and pairs, loaded when first asked for and kept."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str, str], TranslationModel] = {}

    def __call__(self, request: bytes) -> bytes:
        asked: dict[str, Any] = json.loads(request)
        name = asked["folder"], asked["source"], asked["target"]
        if name not in self._loaded:
            self._loaded[name] = self._load(asked)
        model = self._loaded[name]
        answer: list[str] | list[float]
        if "scored" in asked:
            answer = model.word_probabilities(*asked["scored"])
        else:
            answer = model.translate(asked["asked"]) if asked["asked"] else []
        return json.dumps(answer).encode()

    @staticmethod
    def _load(asked: dict[str, Any]) -> TranslationModel:
        folder = Path(asked["folder"])
        try:
            if asked["engine"] == "ctranslate2":
                return CTranslate2Model(folder, asked["source"], asked["target"])
            return FirefoxModel(folder)
        except ModuleNotFoundError as error:
            raise PermanentError(
                f"the Python package {error.name} is not installed: pip install .[local]"
            ) from None


if __name__ == "__main__":
    serve(int(sys.argv[1]), TranslationServer)
